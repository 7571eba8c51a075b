"""An iSCSI array in a lab network: tgt with a portal in each of two networks, and firmware that boots from it.

The firmware is QEMU's boot ROM, iPXE: a script from the management network selects the targets, and whether to describe them
to the system in an iBFT. tgt runs in user space only (tgtd(8), tgtadm(8)) and needs no kernel module.
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
"""The WWN that tgt gives the first LUN of its first target."""
SCRIPT = "boot.ipxe"
START_SECONDS = 200.0


@dataclass(frozen=True)
class Account:
    """A name with its secret, for CHAP."""

    user: str
    secret: str

    def values(self, name: str = "user", secret: str = "secret") -> Values:
        """Return the account as answers have it."""
        return {name: self.user, secret: self.secret}


@dataclass(frozen=True)
class Array:
    """The running array.

    :param socket: the path of tgtd's control socket, without the number that tgtd appends.
    """

    lun: Lun
    socket: Path
    portals: tuple[str, ...] = PORTALS

    def admin(self, *words: str) -> str:
        """Run ``tgtadm``; return its output."""
        return run(["tgtadm", "--lld", "iscsi", *words], env={"TGT_IPC_SOCKET": str(self.socket)}).output


def networks(lab: Lab) -> None:
    """Make the array's two networks."""
    for bridge, address in zip(BRIDGES, PORTALS, strict=True):
        lab.bridge(bridge, f"{address}/24")


def cards(lab: Lab, *, rom: bool = True) -> tuple[Nic, ...]:
    """Make a machine's cards: the management card, from whose ROM the firmware boots, then one in each network."""
    first = lab.nic(MANAGEMENT_MAC, rom=rom, bootindex=0 if rom else None)
    return (first, *(lab.nic(mac, bridge=bridge) for mac, bridge in zip(CARDS, BRIDGES, strict=True)))


def without_rom(nics: tuple[Nic, ...]) -> tuple[Nic, ...]:
    """Return the same cards for a machine whose firmware has no network boot."""
    return tuple(replace(nic, rom=False, bootindex=None) for nic in nics)


def answered_cards(*which: int, **values: object) -> list[Values]:
    """Return the cards for iSCSI as answers have them, by their numbers; ``values`` are added to each."""
    return [{"mac": CARDS[number], "address": f"{ADDRESSES[number]}/24", **values} for number in which]


@contextmanager
def array(lab: Lab, file: Path, *, account: Account | None = None, outgoing: Account | None = None) -> Iterator[Array]:
    """Run the array with one LUN on this file inside the ``with`` block.

    tgtd ignores SIGTERM and is ended by tgtadm. What a killed run leaves goes with its lab network.

    :param account: the CHAP account that it accepts; None: no authentication.
    :param outgoing: the array's own account, for mutual CHAP.
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
        for who, options in ((account, ()), (outgoing, ("--outgoing",))):
            if who is not None:
                value.admin("--mode", "account", "--op", "new", "--user", who.user, "--password", who.secret)
                value.admin("--mode", "account", "--op", "bind", "--tid", "1", "--user", who.user, *options)
        value.admin("--mode", "target", "--op", "bind", "--tid", "1", "-I", "ALL")
        yield value
    finally:
        value.admin("--mode", "target", "--op", "delete", "--force", "--tid", "1")
        run(["tgtadm", "--op", "delete", "--mode", "system"], env={"TGT_IPC_SOCKET": str(socket)}, check=False)


def uri(portal: str) -> str:
    """Return the LUN at a portal as iPXE writes it (RFC 4173)."""
    return f"iscsi:{portal}::{PORT}:1:{TARGET}"


def script(
    paths: Sequence[int],
    *,
    portals: Sequence[str] = PORTALS,
    describe: bool = True,
    account: Account | None = None,
    outgoing: Account | None = None,
) -> str:
    """Return the firmware's script: bring up cards and boot from the LUN by these paths; exit when it cannot be booted.

    :param paths: numbers from 0.
    :param portals: the array's portals.
    :param describe: leave an iBFT for the system.
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
    """Serve the firmware its script, and addresses in the management network."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    (folder / SCRIPT).write_text(text)
    flags = ["--enable-tftp", f"--tftp-root={folder}", f"--dhcp-boot={SCRIPT}"]
    lab.serve("dhcp", netns_commands.dnsmasq(netns_commands.BRIDGE, ranges=[DHCP], flags=flags), ready=DNSMASQ_READY)


def sessions(guest: Guest) -> list[str]:
    """Return the portals that the host has sessions to."""
    listing = guest.succeed("iscsiadm -m session")
    return sorted(line.split()[2].partition(":")[0] for line in listing.splitlines() if TARGET in line)
