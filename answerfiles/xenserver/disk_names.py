"""Names of disks in XenServer's files: kernel names, paths, and iSCSI LUNs as in RFC 4173."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from answerfiles.field_types import ISCSI_NAME

KERNEL_NAME = re.compile(r"(?:[shv]d[a-z]{1,3}|xvd[a-z]{1,2}|nvme\d+n\d+|mmcblk\d+|cciss/c\d+d\d+|dm-\d+)")
PARTITION = re.compile(r"((?:[shv]d|xvd)[a-z]+)\d+|((?:nvme\d+n\d+|mmcblk\d+|cciss/c\d+d\d+))p\d+|(disk/by-[^/]+/.+)-part\d+")
ARRAY = re.compile(r"md(?:/.+|_?d?\d+(?:p\d+)?)")
NO_DISK = re.compile(r"(?:loop|ram|zram|sr|fd|nbd|st|nst|sg)\d+|scd\d+|cdrom|dvd|null|zero")
SEVERAL = re.compile(r".*,.*")
BY_ID = "give a path below /dev/disk/by-id"
MIRROR = "name both disks, with swraid='true'; a mirror of two disks is made of them"
RFC_4173 = re.compile(
    r"iscsi:(?P<server>\[[^\]]*\]|[^:\[\]]*):(?P<protocol>[^:]*):(?P<port>[^:]*):(?P<lun>[^:]*):(?P<target>\S+)", re.IGNORECASE
)
ISCSI_PORT = 3260
TCP = ("", "6")


@dataclass(frozen=True)
class Lun:
    """An iSCSI LUN; without ``target`` the one that the firmware has logged in to (iBFT)."""

    server: str = ""
    port: int = ISCSI_PORT
    lun: str = ""
    target: str = ""


def device(text: str) -> str:
    """Return a device's path; XenServer's files also name disks without ``/dev/``."""
    text = text.strip()
    return text if text.startswith("/") or not text or is_iscsi(text) else f"/dev/{text}"


def is_iscsi(text: str) -> bool:
    """Return whether a disk is named as in RFC 4173."""
    return text.lower().startswith("iscsi:")


def is_kernel_name(path: str) -> bool:
    """Return whether a path is one that may be another disk after a restart."""
    return path.startswith("/dev/") and KERNEL_NAME.fullmatch(path.removeprefix("/dev/")) is not None


def read_lun(text: str) -> Lun | str:
    """Parse ``iscsi:server:protocol:port:LUN:target`` (RFC 4173) or ``iscsi:@ibft``.

    :returns: the LUN, or what is wrong.
    """
    if text.lower() == "iscsi:@ibft":
        return Lun()
    parts = RFC_4173.fullmatch(text)
    if parts is None:
        return "allowed: iscsi:SERVER:PROTOCOL:PORT:LUN:TARGET (RFC 4173), or iscsi:@ibft"
    return _lun_of(parts)


def _lun_of(parts: re.Match[str]) -> Lun | str:
    server, target, port = parts["server"].strip("[]"), parts["target"].lower(), parts["port"] or str(ISCSI_PORT)
    checks = (
        (not server, "the server is missing"),
        (parts["server"].startswith("[") and not _is_ipv6(server), f"'{server}' is no IPv6 address"),
        (parts["protocol"] not in TCP, f"protocol {parts['protocol']}; allowed: none, or 6, which is TCP"),
        (not re.fullmatch(r"0*[1-9][0-9]{0,4}", port) or int(port) > 65535, f"port '{port}'; allowed: a number from 1 to 65535"),
        (not ISCSI_NAME.fullmatch(target), "the target's name; allowed: a name as iqn.2026-01.org.example:array"),
    )
    wrong = next((text for is_so, text in checks if is_so), "")
    return wrong or Lun(server, int(port), parts["lun"], target)


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def impossible(path: str) -> tuple[str, str]:
    """Return why a path cannot name a whole disk, and what to write; two empty texts when it can."""
    if not path.startswith("/dev/"):
        return "a disk's path begins with /dev/", BY_ID
    name = path.removeprefix("/dev/")
    if part := PARTITION.fullmatch(name):
        whole = next(group for group in part.groups() if group)
        return "a partition; the whole disk is needed", f"write {whole if '/' not in whole else '/dev/' + whole}"
    checks = (
        (ARRAY, "an array, which nothing makes: there is no raid element for it", MIRROR),
        (NO_DISK, "no disk", BY_ID),
        (SEVERAL, "several disks where one is expected", "write an element for each"),
    )
    for pattern, why, hint in checks:
        if pattern.fullmatch(name):
            return why, hint
    if "/" in name or KERNEL_NAME.fullmatch(name):
        return "", ""
    lower = name.lower()
    return "no name of a disk", f"write {lower}" if KERNEL_NAME.fullmatch(lower) else BY_ID
