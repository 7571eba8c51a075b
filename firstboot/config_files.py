"""The host's small text files as pure functions: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dom0kit.errors import UserError
from dom0kit.linux.host_initramfs import IQN_PREFIX
from dom0kit.managed_block import outside

BEGIN = "# dom0kit: begin"
END = "# dom0kit: end"
OFF = "# off, dom0kit has servers of its own: "


def with_block(text: str, lines: Iterable[str]) -> str:
    """The text with dom0kit's block of lines replaced or appended; what others wrote around it stays.

    A begin mark without its end, as a power cut may leave it, counts as an ordinary line.
    """
    block = [BEGIN, *lines, END]
    kept = [line for line in outside(text, BEGIN, END) if line not in block]
    return "\n".join([*kept, *block]) + "\n"


def hosts_text(text: str, host_name: str, address: str | None) -> str:
    """``/etc/hosts`` with the host's full and short name; on 127.0.1.1 while the management address is unknown.

    Other lines that claim the name go: two addresses for one name make ``hostname --fqdn`` a matter of luck.
    """
    short = host_name.partition(".")[0]
    names = [host_name] if short == host_name else [host_name, short]
    others = [line for line in text.splitlines() if host_name not in line.partition("#")[0].split()[1:]]
    return with_block("\n".join(others), [f"{address or '127.0.1.1'}\t{' '.join(names)}"])


def shadow_text(text: str, password_hash: str | None, day: int, user: str = "root") -> str:
    """``/etc/shadow`` with the user's password hash, or with a field that no password matches.

    ``*`` and not ``!``: logging in by SSH key still works with the former whatever ``UsePAM`` says.

    :param day: days since 1970, the day of the change; 0 would ask for a new password at the first login.
    :raises UserError: when the user has no line, or the hash would break the file.
    """
    field = password_hash or "*"
    if re.search(r"[:\s]", field):
        raise UserError("the root password hash has a colon or white space in it", "make one with: mkpasswd -m yescrypt")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        parts = line.split(":")
        if parts[0] == user:
            if parts[1] != field:
                parts[1:3] = [field, str(max(day, 1))]
            lines[number] = ":".join(parts)
            return "\n".join(lines) + "\n"
    raise UserError(f"/etc/shadow has no line for {user}", "the image is damaged; install it again")


def group_id(text: str, name: str) -> int | None:
    """A group's number from the text of ``/etc/group``."""
    for line in text.splitlines():
        parts = line.split(":")
        if parts[0] == name and len(parts) > 2 and parts[2].isdigit():
            return int(parts[2])
    return None


def chrony_sources(servers: Sequence[str]) -> str:
    """A ``sources.d`` file for chrony."""
    return "".join(f"server {server} iburst\n" for server in servers)


def initiator_text(random: bytes) -> str:
    """``initiatorname.iscsi`` with a name of this host alone.

    :param random: six random bytes.
    """
    comment = "# Made at the first boot. Storage systems know this host by it: do not copy it to another.\n"
    return f"{comment}InitiatorName={IQN_PREFIX}:{random.hex()}\n"


def has_initiator(text: str) -> bool:
    """Does the text of ``initiatorname.iscsi`` hold a name?"""
    return re.search(r"^InitiatorName=(?:iqn|eui|naa)\.\S+", text, re.MULTILINE) is not None


def is_machine_id(text: str) -> bool:
    """Is this the text of a machine-id file that holds one?"""
    return re.fullmatch(r"[0-9a-f]{32}\n?", text) is not None


def chrony_config(text: str, *, own_servers: bool) -> str:
    """``chrony.conf`` with Debian's public pool switched off when the host has servers of its own, and on otherwise."""
    lines = [line.removeprefix(OFF) for line in text.splitlines()]
    if own_servers:
        lines = [OFF + line if line.startswith("pool ") else line for line in lines]
    return "".join(line + "\n" for line in lines)
