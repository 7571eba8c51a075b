"""From an inventory to every host's checked answers, without writing anything."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from answerfiles import yaml_positions
from answerfiles.error_messages import explain
from answerfiles.host_naming import is_rule
from answerfiles.inventory.inventory import Host, Inventory, InventoryError, Values, walk_strings
from answerfiles.inventory.templating import ComputeError, HostDocument, References, host_values, is_reference
from answerfiles.model import Answers, SerialConsole
from answerfiles.problem import Problem
from answerfiles.secret import secret_paths
from answerfiles.yaml_writer import to_yaml
from dom0kit.errors import UserError

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Rendered:
    """One host: the text of its answers, and what its boot configuration needs.

    :param report: where its events go, as the kernel argument ``dom0kit.report`` has it; empty without a webhook.
    :param consoles: Linux's console arguments, the serial line last.
    """

    host: Host
    answers: str
    report: str
    consoles: str
    boot_arguments: str


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


def render_hosts(inventory: Inventory, site: Site, progress: Progress | None = None) -> list[Rendered]:
    """Every host's answers, checked as the installer will check them.

    :raises InventoryError: with every problem of every host; a problem that hosts share is listed once.
    """
    problems: dict[Problem, list[str]] = {}
    references = References(inventory.path.parent)
    done: list[Rendered] = []
    names: dict[str, str] = {}
    total = len(inventory.hosts)
    for count, host in enumerate(inventory.hosts, 1):
        try:
            rendered, name = render_host(inventory, host, site, references)
            # A rule gives each machine a name of its own.
            if not is_rule(name) and names.setdefault(name, host.name) != host.name:
                document = HostDocument(inventory, host, {})
                raise Faulty([document.problem(("host_name",), f"found {name!r}; the host {names[name]} has the same name")])
            done.append(rendered)
        except Faulty as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(host.name)
        if progress and count % 100 == 0:
            progress(count / total, f"{count} of {total} hosts")
    if problems:
        raise InventoryError(str(inventory.path), [_named(problem, hosts) for problem, hosts in problems.items()])
    return done


def _named(problem: Problem, hosts: list[str]) -> Problem:
    """Return a problem with the hosts that have it."""
    more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
    return problem._replace(field=f"host {hosts[0]}{more}: {problem.field}".removesuffix(": "))


class Faulty(Exception):
    """A host with problems."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = problems


def render_host(inventory: Inventory, host: Host, site: Site, references: References) -> tuple[Rendered, str]:
    """One host, and the name that it will call itself.

    :raises Faulty: with its problems.
    """
    try:
        values, arguments = host_values(inventory, host)
    except ComputeError as error:
        raise Faulty([HostDocument(inventory, host, {}).problem(error.path, error.text)]) from None
    answers = validate(inventory, host, values)
    if any(is_reference(text) for _, text in walk_strings(values)):
        values = resolve_references(inventory, host, values, answers, references)
        answers = validate(inventory, host, values)
    webhook = report_to(values, host, site)
    return Rendered(host, to_yaml(values), webhook, consoles(answers), arguments), answers.host_name


def consoles(answers: Answers) -> str:
    """Linux's console arguments: the screen, then the serial line, which the installer takes for its own."""
    console = answers.serial_console
    if not isinstance(console, SerialConsole):
        return "console=tty0"
    return f"console=tty0 console=ttyS{0 if console.port == 'com1' else 1},{console.speed}n8"


def validate(inventory: Inventory, host: Host, values: Values) -> Answers:
    """Return the answers as the model has them.

    :raises Faulty: with every problem, each with its place in the inventory.
    """
    try:
        return Answers.model_validate(values)
    except ValidationError as error:
        document = HostDocument(inventory, host, values)
        details = error.errors(include_url=False, include_input=False, include_context=True)
        raise Faulty(explain(details, values, document.place, Answers)) from None


def resolve_references(inventory: Inventory, host: Host, values: Values, answers: Answers, references: References) -> Values:
    """Return the values with every secret reference replaced by the secret.

    :raises Faulty: when one names nothing.
    """
    problems = []
    for path, secret in secret_paths(answers):
        if not secret.is_reference:
            continue
        try:
            values = replaced(values, path, references.read(secret.reveal()))
        except UserError as error:
            problems.append(HostDocument(inventory, host, values).problem(path, f"found {secret.reveal()!r}; {error.message}"))
    if problems:
        raise Faulty(problems)
    return values


def replaced(value: Any, path: yaml_positions.Path, new: Any) -> Any:
    """Return a tree of values with one of them replaced; the others are shared with the old tree."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, list) and isinstance(first, int):
        return [replaced(inner, tuple(rest), new) if i == first else inner for i, inner in enumerate(value)]
    return {**value, first: replaced(value[first], tuple(rest), new)}


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
