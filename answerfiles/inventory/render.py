"""From an inventory to every host's checked answers, without writing anything."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from answerfiles.inventory.boot_arguments import line_problem
from answerfiles.inventory.check import Collected, place_in, with_levels
from answerfiles.inventory.evaluation import Faulty, evaluate
from answerfiles.inventory.inventory import Host, Inventory, InventoryError, Values
from answerfiles.inventory.references import References
from answerfiles.inventory.templating import HostDocument
from answerfiles.inventory.uniqueness import Claim, claims_of, conflicts
from answerfiles.inventory.workers import Progress, in_parts
from answerfiles.problem import Problem
from answerfiles.yaml_writer import to_yaml
from dom0kit.errors import UserError

ANSWERS_NAME = re.compile(r"(?P<host>.+?)(?:\.(?P<token>[0-9a-f]{32}))?\.yaml", re.DOTALL)


@dataclass(frozen=True)
class Rendered:
    """One host: the text of its answers, and what its boot configuration needs.

    :param report: where its events go, as the kernel argument ``dom0kit.report`` has it; empty without a webhook.
    :param consoles: Linux's console arguments, the serial line last.
    :param path: the name below ``answers/`` by which the host asks for its answers.
    """

    host: Host
    answers: str
    report: str
    consoles: str
    boot_arguments: str
    path: str


@dataclass(frozen=True)
class Site:
    """What all hosts of a network-boot tree have in common.

    :param url: where the tree is served, without a slash at its end.
    :param key: the secret that hosts' report tokens are made from.
    :param trust: SHA-256 of the server's certificate, 64 hexadecimal digits; empty for http and for public certificates.
    """

    url: str
    key: bytes
    trust: str = ""


def report_token(key: bytes, host: str) -> str:
    """Return the token that authenticates a host's reports; the same each time a tree is rendered."""
    return hmac.new(key, b"dom0kit report " + host.encode(), hashlib.sha256).hexdigest()


def answers_name(key: bytes, host: str) -> str:
    """Return the name below ``answers/`` by which a host asks for its answers; it cannot be guessed."""
    token = hmac.new(key, b"dom0kit answers " + host.encode(), hashlib.sha256).hexdigest()[:32]
    return f"{host}.{token}.yaml"


def split_answers_name(name: str) -> tuple[str, str]:
    """Return a file's name without its ending, and the part that cannot be guessed; "" without one or for another file."""
    match = ANSWERS_NAME.fullmatch(name)
    return (match["host"], match["token"] or "") if match else ("", "")


def load_key(path: Path) -> bytes:
    """Return the secret that a tree's report tokens derive from; created at random (mode 0600) if missing.

    :raises UserError: when it cannot be read or written.
    """
    try:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            key = path.read_bytes()
        else:
            key = secrets.token_hex(32).encode() + b"\n"
            with os.fdopen(fd, "wb") as file:
                file.write(key)
    except OSError as error:
        raise UserError(f"the key of the report tokens, {path}, cannot be used: {error.strerror}") from error
    if len(key.strip()) < 32:
        raise UserError(f"{path} holds no key of 32 characters or more", "remove it; hosts that install now cannot report then")
    return key.strip()


def render_hosts(
    inventory: Inventory, site: Site, progress: Progress | None = None, *, chosen: frozenset[str] | None = None
) -> list[Rendered]:
    """Every host's answers, checked as the installer will check them.

    :param chosen: names of the hosts to render; problems that none of them has are left out.
    :raises InventoryError: with every problem of every host; a problem that hosts share is listed once.
    """
    collected = Collected(inventory)
    done: list[Rendered] = []
    claims: list[tuple[Host, list[Claim]]] = []
    for host, (faults, rendered, those) in zip(
        inventory.hosts, in_parts(partial(_render_host, site), inventory, progress), strict=True
    ):
        collected.add(host, faults)
        claims.append((host, those))
        if rendered is not None:
            done.append(rendered)
    problems = conflicts(claims, place_in(inventory), str(inventory.path)) + list(collected.found.values())
    if chosen is None:
        problems = with_levels(inventory, problems)
    else:
        problems = [problem for problem in problems if chosen & set(problem.hosts)]
        done = [rendered for rendered in done if rendered.host.name in chosen]
    if problems:
        raise InventoryError(str(inventory.path), problems, effect=", nothing was written")
    return done


def _render_host(
    site: Site, inventory: Inventory, host: Host, references: References
) -> tuple[list[Problem], Rendered | None, list[Claim]]:
    """One host: its problems, or its texts and what others may not have as well."""
    try:
        checked = evaluate(inventory, host, references, secrets=True)
    except Faulty as faulty:
        return faulty.problems, None, []
    values = dict(checked.values)
    webhook = report_to(values, host, site)
    console = checked.consoles
    problems = []
    if wrong := line_problem(checked.arguments, host.name, site.url, report=webhook, consoles=console, trust=site.trust):
        problems.append(HostDocument(inventory, host, {}).problem(("boot_arguments",), wrong[1], wrong[0]))
    rendered = Rendered(host, to_yaml(values), webhook, console, checked.arguments, answers_name(site.key, host.name))
    return problems, rendered, claims_of(host, checked.answers)


def report_to(values: Values, host: Host, site: Site) -> str:
    """Return where a host reports: the inventory's webhook, or the tree's server, which is added to the values."""
    reports = values.get("reports") or {}
    if webhook := reports.get("webhook"):
        return str(webhook["url"]).replace("{host}", host.name)
    webhook = {"url": f"{site.url}/report/{host.name}", "token": report_token(site.key, host.name)}
    if site.trust:
        webhook["fingerprint"] = f"sha256:{site.trust}"
    values["reports"] = {**reports, "webhook": webhook}
    return str(webhook["url"])
