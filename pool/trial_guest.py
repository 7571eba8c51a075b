"""A test guest of a few MB, built from files that every host has.

It consists of dom0's own kernel, Debian's busybox and two kernel modules. It configures an address,
answers ping, counts its boots on its disk, and shuts down on request. Its initramfs is a ``newc``
archive (cpio(5), Linux: Documentation/driver-api/early-userspace/buffer-format.rst), byte for byte
the same on all hosts of one image.
"""

from __future__ import annotations

import gzip
import lzma
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.linux import cpio

if TYPE_CHECKING:
    from pool.host_access import HostAccess

KERNEL = "/run/dom0kit/image/vmlinuz"
INITRAMFS = "/var/lib/dom0kit/guest/initrd.img"
MEMORY = 192
"""MiB: Debian's kernel unpacks to more than 100."""
MODULES = ("drivers/net/xen-netfront.ko", "drivers/block/xen-blkfront.ko")
SHELL = "bin/busybox"
CARD_SECONDS = 600
"""Wait in the test guest for its network card.

Kind: cap. Reason: the card is the condition; dom0's hotplug scripts bring it, a second on an idle
host. Expiry: the guest starts without an address, and the test reports that it does not answer.
"""
IDLE_SECONDS = 3600
"""Interval at which the test guest wakes.

Kind: pace. Reason: it has nothing to do. Expiry: the next interval.
"""
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /dev /proc /sys
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
while [ ! -e /sys/class/net/eth0 ] && [ "$tries" -lt CARD_SECONDS ]; do tries=$((tries + 1)); sleep 1; done
ip link set eth0 up
if [ -n "$address" ]; then ip address add "$address" dev eth0; else udhcpc -b -i eth0 -s /bin/lease; fi
if [ -b /dev/xvda ]; then
    count=$(dd if=/dev/xvda bs=512 count=1 2>/dev/null | tr -cd 0-9)
    count=$((${count:-0} + 1))
    echo "$count" | dd of=/dev/xvda bs=512 count=1 conv=sync 2>/dev/null
    sync
fi
echo "guest $(hostname) is up with ${address:-DHCP}, boot ${count:-without a disk}"
while :; do sleep IDLE_SECONDS; done
""".replace("CARD_SECONDS", str(CARD_SECONDS)).replace("IDLE_SECONDS", str(IDLE_SECONDS))
LEASE = """#!/bin/busybox sh
[ "$1" != bound ] || ip address replace "$ip/$mask" dev "$interface"
"""
POWEROFF = "#!/bin/busybox sh\nexec /bin/busybox poweroff -f\n"
REBOOT = "#!/bin/busybox sh\nexec /bin/busybox reboot -f\n"


def contents(libraries: Mapping[str, bytes], busybox: bytes, modules: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of the guest's initramfs by path without a leading slash.

    All are executable.

    :param libraries: the libraries that busybox is linked with, by absolute path.
    :param modules: uncompressed kernel modules by name, in load order.
    """
    found = {path.lstrip("/"): data for path, data in libraries.items()}
    found |= {f"modules/{number}-{name}": data for number, (name, data) in enumerate(modules.items())}
    texts = {"init": INIT, "bin/lease": LEASE, "sbin/poweroff": POWEROFF, "sbin/reboot": REBOOT}
    return {**found, SHELL: busybox, **{name: text.encode() for name, text in texts.items()}}


def linked(text: str) -> list[str]:
    """Return the absolute paths in the output of ldd(1)."""
    return sorted({word for line in text.splitlines() for word in line.split() if word.startswith("/")})


def unpacked(path: Path, access: HostAccess) -> bytes:
    """Return the content of a kernel module, whose file may be compressed in one of the ways of kmod(8).

    :raises UserError: when the module does not exist.
    """
    for suffix, reader in (("", bytes), (".xz", lzma.decompress), (".gz", gzip.decompress)):
        name = path.with_name(path.name + suffix)
        if name.is_file():
            return reader(name.read_bytes())
    packed = path.with_name(f"{path.name}.zst")
    if packed.is_file():
        # Python's library has no zstd before 3.14.
        with tempfile.TemporaryDirectory(prefix="dom0kit-module-") as folder:
            plain = Path(folder) / path.name
            access.run(["zstd", "--decompress", "--quiet", "-o", str(plain), str(packed)])
            return plain.read_bytes()
    raise UserError(f"the kernel module {path} does not exist", "check that the kernel of the image runs: uname -r")


def build(access: HostAccess, release: str) -> Path:
    """Build the guest's initramfs on this host, unless it exists for the running kernel.

    :param release: kernel release (uname -r).
    :returns: path of the initramfs.
    """
    target = access.path(INITRAMFS.lstrip("/"))
    mark = access.path(f"{INITRAMFS.lstrip('/')}.kernel")
    if target.is_file() and access.read(f"{INITRAMFS.lstrip('/')}.kernel").strip() == release:
        return target
    busybox = access.path("usr/bin/busybox")
    libraries = {name: access.path(name.lstrip("/")).read_bytes() for name in linked(access.run(["ldd", str(busybox)]).output)}
    modules = {Path(name).name: unpacked(access.path(f"usr/lib/modules/{release}/kernel/{name}"), access) for name in MODULES}
    files = contents(libraries, busybox.read_bytes(), modules)
    data = gzip.compress(cpio.archive(files, 0, dict.fromkeys(files, 0o755)), 6, mtime=0)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, data)
    write_atomic(mark, release + "\n")
    return target


def kernel_release() -> str:
    """Return the release of the running kernel."""
    return os.uname().release


def arguments(name: str, address: str | None) -> str:
    """Return the guest's kernel arguments.

    They contain no comma, because Ganeti passes them inside comma-separated lists.

    :param address: with its prefix length; None: by DHCP.
    """
    return " ".join(["console=hvc0", "quiet", f"guest.name={name}", *([f"guest.address={address}"] if address else [])])
