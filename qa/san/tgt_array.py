"""An iSCSI array in a laboratory: tgt with a portal in each of two networks of its own, and firmware that boots from it.

The firmware is QEMU's boot ROM, iPXE: a script that it gets over the management network says which targets to bring up, and
whether to describe them to the system in an iBFT. tgt is userspace alone (tgtd(8), tgtadm(8)): no module of the kernel is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from dom0kit.process import run
from qa.install.answers import Values
from qa.lab import netns_commands
from qa.lab.lab import DHCP, DNSMASQ_READY, Lab
from qa.san.multipath_array import SERIAL, Lun
from qa.vm.guest import Guest
from qa.vm.polling import poll
from qa.vm.qemu_args import MANAGEMENT_MAC, Nic

TARGET = "iqn.2026-01.org.example:array"
INITIATOR = "iqn.2026-01.org.example:xen1"
BRIDGES = ("sana", "sanb")
PORTALS = ("10.77.1.1", "10.77.2.1")
CARDS = ("52:54:00:77:02:01", "52:54:00:77:02:02")
ADDRESSES = ("10.77.1.10", "10.77.2.10")
MASK = "255.255.255.0"
PORT = 3260
NAA = 0x60000000000000000E00000000010001
"""What tgt calls the first LUN of its first target."""
SCRIPT = "boot.ipxe"
START_SECONDS = 200.0


@dataclass(frozen=True)
class Account:
    """A name with its secret, for CHAP."""

    user: str
    secret: str

    def values(self, name: str = "user", secret: str = "secret") -> Values:
        """As answers have it."""
        return {name: self.user, secret: self.secret}


@dataclass(frozen=True)
class Array:
    """The array while it runs.

    :param socket: where tgtd takes commands, without the number that it puts behind.
    """

    lun: Lun
    socket: Path
    portals: tuple[str, ...] = PORTALS

    def admin(self, *words: str) -> str:
        """``tgtadm``; its output."""
        return run(["tgtadm", "--lld", "iscsi", *words], env={"TGT_IPC_SOCKET": str(self.socket)}).output


def networks(lab: Lab) -> None:
    """The array's two networks."""
    for bridge, address in zip(BRIDGES, PORTALS, strict=True):
        lab.bridge(bridge, f"{address}/24")


def cards(lab: Lab, *, rom: bool = True) -> tuple[Nic, ...]:
    """A machine's cards: that for management, which the firmware boots from when it has its ROM, then one in each network."""
    first = lab.nic(MANAGEMENT_MAC, rom=rom, bootindex=0 if rom else None)
    return (first, *(lab.nic(mac, bridge=bridge) for mac, bridge in zip(CARDS, BRIDGES, strict=True)))


def without_rom(nics: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """The same cards in a machine whose firmware knows nothing of the network."""
    return tuple(replace(nic, rom=False, bootindex=None) for nic in nics)


def answered_cards(*which: int, **further: object) -> list[Values]:
    """Cards for iSCSI as answers have them, by their numbers; ``further`` values are the same for each."""
    return [{"mac": CARDS[number], "address": f"{ADDRESSES[number]}/24", **further} for number in which]


@contextmanager
def array(lab: Lab, file: Path, *, account: Account | None = None, outgoing: Account | None = None) -> Iterator[Array]:
    """The array with one LUN on this file, between ``with`` and its end.

    tgtd does not end when asked to by a signal: it is told so by tgtadm. What a killed run has left goes with its laboratory.

    :param account: whom it lets in, by CHAP; None: anybody.
    :param outgoing: who the array says it is, for mutual CHAP.
    """
    lun = Lun(file, wwn=NAA)
    socket = file.with_name("tgt")
    value = Array(lun, socket)
    (place := Path(f"{socket}.0")).unlink(missing_ok=True)
    words = ["tgtd", "--foreground", "--iscsi", f"portal={PORTALS[0]}:{PORT}"]
    lab.serve("tgtd", words, ready="bs_init", env={"TGT_IPC_SOCKET": str(socket)})
    poll(place.exists, "tgtd that takes commands", limit=START_SECONDS, interval=0.1)
    try:
        for portal in PORTALS[1:]:
            value.admin("--mode", "portal", "--op", "new", "--param", f"portal={portal}:{PORT}")
        value.admin("--mode", "target", "--op", "new", "--tid", "1", "-T", TARGET)
        value.admin("--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun", "1", "-b", str(file))
        names = f"vendor_id=DOM0KIT,product_id=ARRAY,scsi_sn={SERIAL}"
        value.admin("--mode", "logicalunit", "--op", "update", "--tid", "1", "--lun", "1", "--params", names)
        for who, further in ((account, ()), (outgoing, ("--outgoing",))):
            if who is not None:
                value.admin("--mode", "account", "--op", "new", "--user", who.user, "--password", who.secret)
                value.admin("--mode", "account", "--op", "bind", "--tid", "1", "--user", who.user, *further)
        value.admin("--mode", "target", "--op", "bind", "--tid", "1", "-I", "ALL")
        yield value
    finally:
        value.admin("--mode", "target", "--op", "delete", "--force", "--tid", "1")
        run(["tgtadm", "--op", "delete", "--mode", "system"], env={"TGT_IPC_SOCKET": str(socket)}, check=False)


def uri(portal: str) -> str:
    """The LUN at a portal as iPXE writes it (RFC 4173)."""
    return f"iscsi:{portal}::{PORT}:1:{TARGET}"


def script(
    paths: Sequence[int],
    *,
    portals: Sequence[str] = PORTALS,
    describe: bool = True,
    account: Account | None = None,
    outgoing: Account | None = None,
) -> str:
    """What the firmware does: bring up cards and boot from the LUN by these paths; when it cannot be booted, go on.

    :param paths: from 0.
    :param portals: the array's.
    :param describe: leave an iBFT.
    """
    lines = ["#!ipxe", f"set initiator-iqn {INITIATOR}", "set keep-san 1"]
    for number in paths:
        lines += [f"set net{number + 1}/ip {ADDRESSES[number]}", f"set net{number + 1}/netmask {MASK}", f"ifopen net{number + 1}"]
    if account is not None:
        lines += [f"set username {account.user}", f"set password {account.secret}"]
    if outgoing is not None:
        lines += [f"set reverse-username {outgoing.user}", f"set reverse-password {outgoing.secret}"]
    words = ["sanboot", *([] if describe else ["--no-describe"]), *(uri(portals[number]) for number in paths)]
    return "\n".join([*lines, f"{' '.join(words)} || exit 1", ""])


def firmware(lab: Lab, folder: Path, text: str) -> None:
    """Serve the firmware its script, and the management network its addresses."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    (folder / SCRIPT).write_text(text)
    flags = ["--enable-tftp", f"--tftp-root={folder}", f"--dhcp-boot={SCRIPT}"]
    lab.serve("dhcp", netns_commands.dnsmasq(netns_commands.BRIDGE, ranges=[DHCP], flags=flags), ready=DNSMASQ_READY)


def sessions(guest: Guest) -> list[str]:
    """The portals that the host has sessions to."""
    listing = guest.succeed("iscsiadm -m session")
    return sorted(line.split()[2].partition(":")[0] for line in listing.splitlines() if TARGET in line)
