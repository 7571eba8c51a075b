"""The host's small text files as pure functions on their text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.linux.host_initramfs import IQN_PREFIX
from dom0kit.managed_block import outside

if TYPE_CHECKING:
    from answerfiles.model import NtpSource, Proxy

BEGIN = "# dom0kit: begin"
END = "# dom0kit: end"
OFF = "# off, dom0kit has servers of its own: "


def with_block(text: str, lines: Iterable[str]) -> str:
    """Return the text with dom0kit's block of lines replaced or appended; other lines are kept.

    A begin mark without an end, as a power cut may leave it, counts as an ordinary line.
    """
    block = [BEGIN, *lines, END]
    kept = [line for line in outside(text, BEGIN, END) if line not in block]
    return "\n".join([*kept, *block]) + "\n"


def hosts_text(text: str, host_name: str, address: str | None) -> str:
    """Return ``/etc/hosts`` with the host's full and short name.

    Other lines with the name are removed: with two addresses the result of ``hostname --fqdn``
    would be random.

    :param address: the management address; None: 127.0.1.1.
    """
    short = host_name.partition(".")[0]
    names = [host_name] if short == host_name else [host_name, short]
    others = [line for line in text.splitlines() if host_name not in line.partition("#")[0].split()[1:]]
    return with_block("\n".join(others), [f"{address or '127.0.1.1'}\t{' '.join(names)}"])


def shadow_text(text: str, password_hash: str | None, day: int, user: str = "root") -> str:
    """Return ``/etc/shadow`` with the user's password hash, or with a field that no password matches.

    That field is ``*`` and not ``!``, so that logging in by SSH key works for any ``UsePAM``.

    :param day: day of the change, since 1970; 0 would require a new password at the first login.
    :raises UserError: when the user has no line, or the hash would break the file.
    """
    field = password_hash or "*"
    if re.search(r"[:\s]", field):
        raise UserError("the root password hash contains a colon or white space", "create one: mkpasswd -m yescrypt")
    lines = text.splitlines()
    for number, line in enumerate(lines):
        parts = line.split(":")
        if parts[0] == user:
            if parts[1] != field:
                parts[1:3] = [field, str(max(day, 1))]
            lines[number] = ":".join(parts)
            return "\n".join(lines) + "\n"
    raise UserError(f"/etc/shadow has no line for {user}", "reinstall: the image is damaged")


def group_id(text: str, name: str) -> int | None:
    """Return a group's number from the text of ``/etc/group``, or None."""
    for line in text.splitlines():
        parts = line.split(":")
        if parts[0] == name and len(parts) > 2 and parts[2].isdigit():
            return int(parts[2])
    return None


def chrony_sources(sources: Sequence[str | NtpSource]) -> str:
    """Return a ``sources.d`` file for chrony (chrony.conf(5), server and pool)."""
    return "".join(_chrony_source(source) + "\n" for source in sources)


def _chrony_source(source: str | NtpSource) -> str:
    if isinstance(source, str):
        return f"server {source} iburst"
    words = [f"pool {source.pool}" if source.pool is not None else f"server {source.server}", "iburst"]
    words += [name for name in ("prefer", "nts") if getattr(source, name)]
    numbers = {"minpoll": source.min_poll, "maxpoll": source.max_poll, "maxsources": source.max_sources}
    return " ".join([*words, *(f"{name} {value}" for name, value in numbers.items() if value is not None)])


def apt_proxy(proxy: Proxy) -> str:
    """Return an ``apt.conf.d`` file (apt-transport-http(1)).

    apt knows single hosts that are contacted directly; domains are left to what apt fetches from.
    """
    lines = [f'Acquire::{scheme}::Proxy "{proxy.url}";' for scheme in ("http", "https")]
    hosts = [name for name in proxy.except_for if not name.startswith(".")]
    lines += [f'Acquire::{scheme}::Proxy::{name} "DIRECT";' for name in hosts for scheme in ("http", "https")]
    return "\n".join(["// Written by dom0kit from proxy in /etc/dom0kit/host.json.", *lines]) + "\n"


def initiator_text(random: bytes) -> str:
    """Return ``initiatorname.iscsi`` with a unique name.

    :param random: six random bytes.
    """
    comment = "# Made at first boot. Storage systems identify this host by it: do not copy it to another host.\n"
    return f"{comment}InitiatorName={IQN_PREFIX}:{random.hex()}\n"


def has_initiator(text: str) -> bool:
    """Whether the text of ``initiatorname.iscsi`` contains a name."""
    return re.search(r"^InitiatorName=(?:iqn|eui|naa)\.\S+", text, re.MULTILINE) is not None


def is_machine_id(text: str) -> bool:
    """Whether the text of a machine-id file contains an ID."""
    return re.fullmatch(r"[0-9a-f]{32}\n?", text) is not None


def chrony_config(text: str, *, own_servers: bool) -> str:
    """Return ``chrony.conf`` with Debian's public pool disabled if the host has its own servers, else enabled."""
    lines = [line.removeprefix(OFF) for line in text.splitlines()]
    if own_servers:
        lines = [OFF + line if line.startswith("pool ") else line for line in lines]
    return "".join(line + "\n" for line in lines)
