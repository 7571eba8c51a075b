"""``dom0ctl pool token``: join tokens on the pool's master."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dom0kit.arguments.paths import path
from dom0kit.arguments.values import port
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.machine_identity import MAC
from dom0kit.units import counted, table
from pool.arguments import add_list_options, add_root, duration, whole
from pool.ganeti.facts import read_facts
from pool.join import openssh_keys
from pool.join.messages import NAME
from pool.join.pool_facts import PoolFacts
from pool.join.request_signing import fingerprint
from pool.join.token import JoinToken
from pool.join.token_store import TokenRecord, span_text
from pool.local_pool import addresses, as_root, host_key, token_store

if TYPE_CHECKING:
    from dom0kit.cli import Add

WORTH = "whoever has it can become root on every host of the pool"


def register(add: Add) -> None:
    """Register the subcommands."""
    add(
        "pool token create",
        "create a join token and print it; a secret: a host that joins by it is root on every host of this pool",
        _configure_create,
        create,
        example="dom0ctl pool token create --host xen2.dc1.example --mac 52:54:00:12:34:56",
    )
    add(
        "pool token list",
        "list join tokens: expiry, remaining uses, hosts",
        add_list_options,
        list_tokens,
        example="dom0ctl pool token list --json",
    )
    add("pool token revoke", "revoke a join token", _configure_revoke, revoke, example="dom0ctl pool token revoke k3q7abcd")


def _configure_create(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("--host", metavar="NAME", help="host_name of the only host that may join by the token, once")
    parser.add_argument("--any-host", action="store_true", help="allow any host to join by the token")
    parser.add_argument("--uuid", metavar="UUID", help="with --host: SMBIOS UUID of the only machine")
    parser.add_argument("--mac", metavar="MAC", help="with --host: MAC address of a network card of the only machine")
    parser.add_argument("--uses", metavar="N", help="with --any-host: number of hosts that may join, or 'any' (default: 1)")
    parser.add_argument(
        "--from", dest="inventory", type=path, metavar="INVENTORY", help="make a token for each host of an inventory that joins"
    )
    parser.add_argument("--output", type=path, metavar="FOLDER", help="with --from: folder to write the tokens' files to")
    parser.add_argument("--ttl", default="4h", metavar="TIME", help="time to live: 90s, 30m, 1h, 7d (default: %(default)s)")
    parser.add_argument(
        "--require-approval",
        action="store_true",
        help="add the host only after 'dom0ctl pool approve NAME'",
    )
    parser.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address to contact the pool at; repeatable, tried in this order "
        "(default: the pool's address, its master's and those of other master candidates)",
    )
    parser.add_argument(
        "--port", type=port, default=22, metavar="PORT", help="port of the SSH server there (default: %(default)s)"
    )


def _configure_revoke(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("id", metavar="ID", help="ID of the token, as 'dom0ctl pool token list' prints it")


@dataclass(frozen=True)
class TokenFor:
    """For which host a token is; empty fields are not checked."""

    host: str = ""
    uuid: str = ""
    mac: str = ""

    def __str__(self) -> str:
        machine = ", ".join(f"{kind} {value}" for kind, value in (("UUID", self.uuid), ("MAC", self.mac)) if value)
        return f"{self.host} ({machine})" if machine else self.host


def token_for(host: str, machine_uuid: str = "", mac: str = "") -> TokenFor:
    """Validate the host of a token.

    :raises UserError: when a value is invalid.
    """
    name = host.lower().rstrip(".")
    if not NAME.fullmatch(name):
        raise UserError(f"--host {host!r} is not a host name", "use the host_name of the host's answers, with its domain")
    card = mac.lower().replace("-", ":")
    if card and not MAC.fullmatch(card):
        raise UserError(f"--mac {mac!r} is not a MAC address", "use six pairs of hexadecimal digits: 52:54:00:12:34:56")
    try:
        machine = str(uuid.UUID(machine_uuid)) if machine_uuid else ""
    except ValueError as error:
        hint = "use the UUID that the firmware shows: cat /sys/class/dmi/id/product_uuid"
        raise UserError(f"--uuid {machine_uuid!r} is not a UUID", hint) from error
    return TokenFor(name, machine, card)


def create(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool token create``."""
    if arguments.inventory is not None:
        return create_for_inventory(arguments)
    if arguments.output is not None:
        raise UserError("--output needs --from", "redirect standard output to a file: dom0ctl pool token create … >FILE")
    wanted, uses = _wanted(arguments)
    seconds = duration(arguments.ttl)
    facts = master_facts(arguments.root)
    contact = addresses_of(arguments, facts)
    text, entry = make_token(arguments, contact, wanted, uses, seconds)
    print(text)
    print(worth(entry, facts, seconds, contact), file=sys.stderr)
    return 0


def create_for_inventory(arguments: argparse.Namespace) -> int:
    """Create a token for each host of an inventory that joins a pool; files that are there already stay."""
    from pool.token_requests import read_requests  # noqa: PLC0415 - a joining host need not wait for jinja2 and pydantic

    if arguments.host is not None or arguments.any_host or arguments.uuid or arguments.mac or arguments.uses is not None:
        raise UserError("--from names the hosts itself", "leave --host, --any-host, --uuid, --mac and --uses out")
    if arguments.output is None:
        raise UserError(
            "--from needs --output FOLDER", "use a folder in RAM, such as /run/tokens, and remove it when it was copied"
        )
    seconds = duration(arguments.ttl)
    wanted = [
        (request.file, token_for(request.host, request.uuid, request.mac)) for request in read_requests(arguments.inventory)
    ]
    facts = master_facts(arguments.root)
    contact = addresses_of(arguments, facts)
    for name, host in wanted:
        file = arguments.output / name
        if file.exists():
            print(f"{file}: is there already, and stays", file=sys.stderr)
            continue
        text, entry = make_token(arguments, contact, host, 1, seconds)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(file, text + "\n", 0o600)
        print(f"{file}: {worth(entry, facts, seconds, contact).splitlines()[0]}", file=sys.stderr)
    print(f"secrets: the machine that joins by one is root on every host of the pool {facts.pool}", file=sys.stderr)
    return 0


def _wanted(arguments: argparse.Namespace) -> tuple[TokenFor, int | None]:
    """Return for which host and for how many hosts the token is.

    :raises UserError: when the options contradict each other, or none of them names a host.
    """
    if arguments.host is None and not arguments.any_host:
        hint = f"use --host NAME; --any-host makes a token for any host: {WORTH}"
        raise UserError("a join token is for one host, and none was specified", hint)
    if arguments.any_host:
        if arguments.host is not None or arguments.uuid or arguments.mac:
            raise UserError("--any-host contradicts --host, --uuid and --mac", "leave --any-host out")
        text = arguments.uses or "1"
        return TokenFor(), None if text == "any" else whole(text, 1, 100_000, "--uses")
    if arguments.uses is not None:
        raise UserError("--uses needs --any-host: a token for one host has one use", "leave --uses out")
    return token_for(arguments.host, arguments.uuid or "", arguments.mac or ""), 1


def master_facts(root: Path) -> PoolFacts:
    """Return the facts about the pool of which this host is the master.

    :raises UserError: when it is not.
    """
    facts = read_facts(root)
    if not facts.is_master:
        raise UserError(f"{facts.me} is not the pool's master", f"run this command on {facts.master}")
    return facts


def addresses_of(arguments: argparse.Namespace, facts: PoolFacts) -> tuple[str, ...]:
    """Return the addresses that a token gets."""
    return tuple(arguments.address) or addresses(facts, arguments.root)


def make_token(
    arguments: argparse.Namespace, contact: tuple[str, ...], wanted: TokenFor, uses: int | None, seconds: int
) -> tuple[str, TokenRecord]:
    """Create a token and store its record; return its text, which is a secret, and the record.

    :param contact: addresses to contact the pool at.
    """
    root, now = arguments.root, time.time()
    token = JoinToken(host_key(root), secrets.token_bytes(32), contact, arguments.port)
    text = token.write()
    entry = TokenRecord(
        token.id,
        openssh_keys.ed25519_line(openssh_keys.public_of(token.seed)),
        round(now, 3),
        round(now + seconds, 3),
        uses,
        host=wanted.host,
        uuid=wanted.uuid,
        mac=wanted.mac,
        approval=arguments.require_approval,
    )
    as_root(lambda: token_store(root).add(entry, now))
    return text, entry


def worth(entry: TokenRecord, facts: PoolFacts, seconds: int, contact: tuple[str, ...]) -> str:
    """Return what a new token is worth, for the terminal."""
    if entry.host:
        hosts = f"{TokenFor(entry.host, entry.uuid, entry.mac)}, once"
    else:
        hosts = "any host, any number of times" if entry.uses is None else f"any {counted(entry.uses, 'host')}"
    lines = [f"token {entry.id}: for {hosts}, expires in {span_text(seconds)}, addresses {', '.join(contact)}"]
    if entry.approval:
        lines.append("a host that joins by it waits for: dom0ctl pool approve NAME")
    elif entry.host:
        lines.append(f"a secret: the machine that joins by it as {entry.host} is root on every host of the pool {facts.pool}")
    else:
        until = f"until it expires, is used up or is revoked: dom0ctl pool token revoke {entry.id}"
        lines.append(f"warning: {WORTH} {facts.pool}, {until}")
    return "\n".join(lines)


def list_tokens(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool token list``."""
    now = time.time()
    entries = as_root(token_store(arguments.root).records)
    if arguments.json:
        print(json.dumps([token_to_json(entry, now) for entry in entries], indent=2, sort_keys=True))
        return 0
    rows: list[tuple[str, ...]] = [
        (
            e.id,
            token_state(e, now),
            str(TokenFor(e.host, e.uuid, e.mac)) or "any host",
            f"{len(e.used)} of {'any' if e.uses is None else e.uses}",
            ", ".join(u.name for u in e.used[-4:]),
        )
        for e in entries
    ]
    print(table(("token", "state", "for", "used", "by"), rows) if rows else "no join tokens")
    return 0


def revoke(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool token revoke ID``."""
    entry = as_root(lambda: token_store(arguments.root).revoke(arguments.id, time.time()))
    print(f"join token {entry.id} revoked")
    return 0


def token_state(entry: TokenRecord, now: float) -> str:
    """Return a token's state for the list."""
    problem = entry.problem(now)
    if problem is None:
        return f"valid for {span_text(entry.expires - now)}"
    return {"token": "revoked", "expired": f"expired {span_text(now - entry.expires)} ago", "used-up": "used up"}[problem.code]


def token_to_json(entry: TokenRecord, now: float) -> dict[str, Any]:
    """Return a token's state as a JSON value."""
    problem = entry.problem(now)
    return {
        "id": entry.id,
        "state": "good" if problem is None else "revoked" if problem.code == "token" else problem.code,
        "made": entry.made,
        "expires": entry.expires,
        "uses": entry.uses,
        "host": entry.host,
        "uuid": entry.uuid,
        "mac": entry.mac,
        "approval": entry.approval,
        "used": [{"name": use.name, "uuid": use.uuid, "time": use.time, "key": fingerprint(use.key)} for use in entry.used],
    }
