"""A guest of a few MB, made of what every host has anyway: the dom0's own kernel, Debian's busybox, two modules.

It takes an address, answers ping, counts its boots on its disk, and ends when it is asked to. Its initramfs is a ``newc`` archive
(cpio(5), Linux: Documentation/driver-api/early-userspace/buffer-format.rst), the same bytes on all hosts of one image.
"""

from __future__ import annotations

import gzip
import lzma
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.files import write_atomic

if TYPE_CHECKING:
    from pool.place import Place

KERNEL = "/run/dom0kit/image/vmlinuz"
INITRAMFS = "/var/lib/dom0kit/guest/initrd.img"
MEMORY = 192
"""MiB: Debian's kernel unpacks to more than 100."""
MODULES = ("drivers/net/xen-netfront.ko", "drivers/block/xen-blkfront.ko")
SHELL = "bin/busybox"
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
exec </dev/hvc0 >/dev/hvc0 2>&1
for module in /modules/*.ko; do insmod "$module"; done
for word in $(cat /proc/cmdline); do
    case "$word" in
        guest.address=*) address=${word#*=} ;;
        guest.name=*) hostname "${word#*=}" ;;
    esac
done
ip link set lo up
tries=0
while [ ! -e /sys/class/net/eth0 ] && [ "$tries" -lt 30 ]; do tries=$((tries + 1)); sleep 1; done
ip link set eth0 up
if [ -n "$address" ]; then ip address add "$address" dev eth0; else udhcpc -b -i eth0 -s /bin/lease; fi
if [ -b /dev/xvda ]; then
    count=$(dd if=/dev/xvda bs=512 count=1 2>/dev/null | tr -cd 0-9)
    count=$((${count:-0} + 1))
    echo "$count" | dd of=/dev/xvda bs=512 count=1 conv=sync 2>/dev/null
    sync
fi
echo "guest $(hostname) is up with ${address:-DHCP}, boot ${count:-without a disk}"
while :; do sleep 3600; done
"""
LEASE = """#!/bin/busybox sh
[ "$1" != bound ] || ip address replace "$ip/$mask" dev "$interface"
"""
POWEROFF = "#!/bin/busybox sh\nexec /bin/busybox poweroff -f\n"
REBOOT = "#!/bin/busybox sh\nexec /bin/busybox reboot -f\n"


@dataclass(frozen=True)
class Entry:
    """A file, folder or link of an archive; ``mode`` with the file's type (inode(7))."""

    name: str
    mode: int
    data: bytes = b""


def folder(name: str) -> Entry:
    """A folder."""
    return Entry(name, stat.S_IFDIR | 0o755)


def file(name: str, data: bytes) -> Entry:
    """A file that may be executed."""
    return Entry(name, stat.S_IFREG | 0o755, data)


def link(name: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(name, stat.S_IFLNK | 0o777, target.encode())


def archive(entries: list[Entry]) -> bytes:
    """The entries in ``newc`` form, without times and owners."""
    parts = [_record(number, entry) for number, entry in enumerate(entries, 1)]
    parts.append(_record(0, Entry("TRAILER!!!", 0)))
    return b"".join(parts)


def _record(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    fields = (number, entry.mode, 0, 0, 1, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name
    return _padded(head) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def entries(libraries: dict[str, bytes], busybox: bytes, modules: dict[str, bytes]) -> list[Entry]:
    """The whole guest.

    :param libraries: what busybox is linked with, by absolute path.
    :param modules: kernel modules, unpacked, by name, in the order in which they are loaded.
    """
    found = [folder(name) for name in ("bin", "dev", "modules", "proc", "sbin", "sys")]
    made = {entry.name for entry in found}
    for path in sorted(libraries):
        for parent in reversed(Path(path.lstrip("/")).parents):
            if str(parent) != "." and str(parent) not in made:
                made.add(str(parent))
                found.append(folder(str(parent)))
        found.append(file(path.lstrip("/"), libraries[path]))
    found += [file(f"modules/{number}-{name}", data) for number, (name, data) in enumerate(modules.items())]
    found += [file(SHELL, busybox), link("bin/sh", "busybox"), file("init", INIT.encode()), file("bin/lease", LEASE.encode())]
    return [*found, file("sbin/poweroff", POWEROFF.encode()), file("sbin/reboot", REBOOT.encode())]


def linked(text: str) -> list[str]:
    """The absolute paths in the output of ldd(1)."""
    return sorted({word for line in text.splitlines() for word in line.split() if word.startswith("/")})


def unpacked(path: Path) -> bytes:
    """A kernel module, whose file may be compressed.

    :raises UserError: when it is not there.
    """
    for suffix, reader in (("", bytes), (".xz", lzma.decompress)):
        name = path.with_name(path.name + suffix)
        if name.is_file():
            return reader(name.read_bytes())
    raise UserError(f"the module {path} is not there", "is this the kernel of the image? uname -r")


def build(place: Place, release: str) -> Path:
    """Make the guest's initramfs on this host unless it is there for the running kernel.

    :param release: the kernel's, as uname(1) tells it.
    """
    target = place.path(INITRAMFS.lstrip("/"))
    mark = place.path(f"{INITRAMFS.lstrip('/')}.kernel")
    if target.is_file() and place.read(f"{INITRAMFS.lstrip('/')}.kernel").strip() == release:
        return target
    busybox = place.path("usr/bin/busybox")
    libraries = {name: place.path(name.lstrip("/")).read_bytes() for name in linked(place.run(["ldd", str(busybox)]).output)}
    modules = {Path(name).name: unpacked(place.path(f"usr/lib/modules/{release}/kernel/{name}")) for name in MODULES}
    data = gzip.compress(archive(entries(libraries, busybox.read_bytes(), modules)), 6, mtime=0)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, data)
    write_atomic(mark, release + "\n")
    return target


def kernel_release() -> str:
    """The running kernel's release."""
    return os.uname().release


def arguments(name: str, address: str | None) -> str:
    """The guest's kernel arguments; no comma may be in them, for they go through Ganeti's own lists.

    :param address: with its network's length; None: by DHCP.
    """
    return " ".join(["console=hvc0", "quiet", f"guest.name={name}", *([f"guest.address={address}"] if address else [])])
