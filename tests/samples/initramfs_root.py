"""The image's initramfs as a chroot with the scripts of the working tree, in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from live_root import PROJECT, SQUASHFS
from loop_devices import output

from pipeline import initramfs_reader

INITRD = SQUASHFS.parent / "initrd.img"
SCRIPTS = PROJECT / "image/elements/dom0-live/tree/etc/initramfs-tools/scripts"
ENTER = """set -e
mount --rbind /sys "$1/sys"
mount --rbind /dev "$1/dev"
mount -t proc proc "$1/proc"
mount --bind "$1/cmdline" "$1/proc/cmdline"
exec chroot "$1" /usr/bin/sh -c "$2"
"""


def unpack(folder: Path) -> Path:
    """Unpack the compressed part of the image's initramfs, which has the programs, and lay the tree's scripts over its own."""
    data = INITRD.read_bytes()
    kind, start = initramfs_reader.compressed_tail(data)
    assert kind == "zstd"
    packed = data[start : initramfs_reader.appended(data, start)]
    archive = subprocess.run(
        ["zstd", "--decompress", "--stdout", "--quiet"], input=packed, capture_output=True, check=False
    ).stdout
    root = folder / "initramfs"
    root.mkdir()
    subprocess.run(["cpio", "--extract", "--make-directories", "--quiet", "-D", str(root)], input=archive, check=True)
    for script in SCRIPTS.glob("dom0kit*"):
        shutil.copy(script, root / "scripts" / script.name)
    for name in ("sys", "dev", "proc", "run", "etc"):
        (root / name).mkdir(exist_ok=True)
    return root


@dataclass(frozen=True)
class Network:
    """Two network namespaces with a cable between them: the live root's and its server's."""

    root: Path
    client: str
    server: str

    def serve(self, *words: str) -> None:
        """Run a command of this machine in the server's namespace."""
        output("ip", "netns", "exec", self.server, *words)

    def boot(self, script: str, arguments: str = "", *, cards: str = "card0") -> subprocess.CompletedProcess[str]:
        """Run lines of shell with the live root's functions, as its initramfs would with these kernel arguments.

        The ends of virtual cables have no device in sysfs, by which physical cards are recognized: their names are given.
        """
        shutil.rmtree(self.root / "run", ignore_errors=True)
        (self.root / "run/dom0kit").mkdir(parents=True)
        (self.root / "cmdline").write_text(f"boot=dom0kit {arguments}\n")
        address = next((word[3:] for word in arguments.split() if word.startswith("ip=")), "")
        before = f"""IP='{address}'; rootmnt=/root; panic() {{ echo "PANIC $1"; exit 9; }}
            . /scripts/functions; . /scripts/dom0kit; panic() {{ echo "PANIC $1"; exit 9; }}
            dom0kit_cards() {{ printf '%s\\n' {cards}; }}; dom0kit_say() {{ echo "$*"; }}
            """
        words = ["ip", "netns", "exec", self.client, "sh", "-c", ENTER, "sh", str(self.root), before + script]
        return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=300)

    def files(self) -> dict[str, str]:
        """Return the files that networkd of the live system finds."""
        return {path.name: path.read_text() for path in sorted((self.root / "run/systemd/network").glob("*"))}


@contextmanager
def network(root: Path, *, cables: int = 1) -> Iterator[Network]:
    """Connect ``card0``, ``card1``, … of the live root with ``port0``, ``port1``, … of its server."""
    names = [f"dom0kit-test-{os.getpid()}-{part}" for part in ("client", "server")]
    try:
        for name in names:
            output("ip", "netns", "add", name)
            output("ip", "-n", name, "link", "set", "lo", "up")
        for number in range(cables):
            mac = f"52:54:00:00:07:{number + 1:02x}"
            ends = [f"card{number}", "netns", names[0], "type", "veth", "peer", "name", f"port{number}", "netns", names[1]]
            output("ip", "link", "add", *ends)
            output("ip", "-n", names[0], "link", "set", f"card{number}", "address", mac)
            output("ip", "-n", names[1], "link", "set", f"port{number}", "up")
        yield Network(root, *names)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
