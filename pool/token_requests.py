"""Tokens for all hosts of an inventory: which file each host's answers name, and for which machine its token is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from answerfiles.inventory.inventory import Host, Inventory
from answerfiles.inventory.references import host_reference
from answerfiles.inventory.sources import read_inventory
from answerfiles.inventory.templating import ComputeError, HostDocument, host_values
from dom0kit.errors import UserError

PREFIX = "file:"
HINT = 'write: pool: {join: {token: "file:tokens/{host}"}}'


@dataclass(frozen=True)
class Request:
    """A token that a host of the inventory needs.

    :param file: where its answers have the token, relative to the inventory.
    :param host: its host_name.
    """

    file: str
    host: str
    uuid: str
    mac: str


def read_requests(path: Path) -> list[Request]:
    """Return the tokens that the hosts of an inventory need, in its order; hosts that join no pool need none.

    :raises UserError: when the inventory is invalid, no host joins a pool by a token in a file, or two have one file.
    """
    inventory = read_inventory(path)
    found = [request for host in inventory.hosts if (request := _request(inventory, host)) is not None]
    if not found:
        raise UserError(f"no host of {path} joins a pool by a token in a file", HINT)
    owners: dict[str, str] = {}
    for request in found:
        other = owners.setdefault(request.file, request.host)
        if other != request.host:
            raise UserError(f"{other} and {request.host} have one token, {PREFIX}{request.file}; each needs its own", HINT)
    return found


def _request(inventory: Inventory, host: Host) -> Request | None:
    errors: list[ComputeError] = []
    values, _ = host_values(inventory, host, errors)
    document = HostDocument(inventory, host, values)
    for error in errors:
        if not values or error.path[:1] in (("pool",), ("host_name",)):
            problem = document.problem(error.path, error.text, "template")
            raise UserError(problem.render(str(inventory.path)), "check the inventory: dom0kit answers check")
    join = (values.get("pool") or {}).get("join") if isinstance(values.get("pool"), dict) else None
    token = join.get("token") if isinstance(join, dict) else None
    if not isinstance(token, str) or not token.startswith(PREFIX):
        return None
    file = host_reference(token, host.name).removeprefix(PREFIX)
    if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
        raise UserError(f"{host.name} has its token outside of the inventory's folder, at {file}", HINT)
    return Request(file, str(values.get("host_name") or host.name), host.uuid or "", host.mac or "")
