"""The pool is asked: a session with its master, what it says of itself, and whether it would take a host."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.units import human_seconds
from pool.driver import Joiner, PoolAnswer, Problem
from pool.xapi.client import Door, HttpsDoor, Session, is_pin
from pool.xapi.errors import explain
from pool.xapi.rpc_codec import NotThisFormat, Refusal, seconds

if TYPE_CHECKING:
    from answerfiles.model.pool import PoolJoin

MOST_HOPS = 3
LARGEST_SKEW = 60.0
"""Seconds that the clocks of host and pool may differ: certificates and sessions are judged by them."""
SERVER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

Open = Callable[[str], Door]
Records = dict[str, dict[str, Any]]


class Moved(Exception):
    """The master is elsewhere, and the certificate there is another one."""

    def __init__(self, master: str, error: UserError) -> None:
        super().__init__(master)
        self.master = master
        self.error = error


@dataclass(frozen=True)
class Login:
    """How to get to the pool.

    :param open: makes the way to an address; it pins the certificate.
    """

    address: str
    user: str
    password: str
    open: Open

    def session(self) -> tuple[Session, str]:
        """A session with the master, and where that is: a member names it (``HOST_IS_SLAVE``).

        :raises Refusal: when the pool refuses.
        :raises UserError: when nobody answers, or with another certificate.
        """
        address, tried = self.address, [self.address]
        while True:
            try:
                return Session(self.open(address), self.user, self.password), address
            except Refusal as refusal:
                master = refusal.parameters[0] if refusal.code == "HOST_IS_SLAVE" and refusal.parameters else ""
                if not is_server(master) or master in tried or len(tried) > MOST_HOPS:
                    raise
                tried.append(master)
                address = master
            except UserError as error:
                if len(tried) > 1 and is_pin(error):
                    raise Moved(address, error) from error
                raise


def is_server(text: str) -> bool:
    """Is this an address or a name that may stand in a URL?"""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return SERVER.fullmatch(text) is not None
    return True


def login_of(join: PoolJoin, port: int = 443) -> Login:
    """The way to the pool that the answers name; their secrets are no references any more."""
    assert join.address is not None
    assert join.user is not None
    assert join.password is not None
    assert join.fingerprint is not None
    pin = join.fingerprint
    return Login(join.address, join.user, join.password.reveal(), lambda address: HttpsDoor(address, pin, port))


def preflight(join: PoolJoin, joiner: Joiner, *, port: int = 443) -> PoolAnswer:
    """Ask the pool whether it would take the host; changes nothing on either side, and raises nothing."""
    return ask(login_of(join, port), joiner)


def ask(login: Login, joiner: Joiner) -> PoolAnswer:
    """See :func:`preflight`."""
    try:
        session, address = login.session()
        with session:
            return _look(session, address, joiner)
    except Refusal as refusal:
        return PoolAnswer(problems=(explain(refusal),))
    except Moved as moved:
        return PoolAnswer(master=moved.master, problems=(moved_problem(login.address, moved),))
    except UserError as error:
        return PoolAnswer(problems=(Problem("pin" if is_pin(error) else "unreachable", error.message, error.hint),))


def moved_problem(address: str, moved: Moved) -> Problem:
    text = f"{address} is a member of the pool; the certificate of its master {moved.master} is not the one under pool.join"
    return Problem("moved", text, "name the master's address and fingerprint under pool.join")


def _look(session: Session, address: str, joiner: Joiner) -> PoolAnswer:
    name, master, hosts = read_pool(session)
    before = time.time()
    told = seconds(str(session.call("host.get_servertime", master)))
    # The server's time has whole seconds; half of one is its best guess, as is the middle of the question.
    clock = joiner.clock if joiner.clock is not None else (before + time.time()) / 2
    skew = clock - (told + 0.5)
    record = hosts.get(master, {})
    version = str((record.get("software_version") or {}).get("product_version", ""))
    problems = [*_toolstack(joiner, record), *_clock(skew), *taken(joiner, hosts)]
    if not record.get("enabled", True):
        problems.append(explain(Refusal("HOST_DISABLED", [master])))
    return PoolAnswer(
        pool=name,
        master=str(record.get("hostname") or record.get("name_label", "")),
        address=address,
        version=version,
        hosts=len(hosts),
        clock=round(skew, 1),
        problems=tuple(problems),
    )


def read_pool(session: Session) -> tuple[str, str, Records]:
    """The pool's name, the reference of its master, and the records of its hosts."""
    pools = records(session.call("pool.get_all_records"))
    pool = next(iter(pools.values()), {})
    return str(pool.get("name_label", "")), str(pool.get("master", "")), records(session.call("host.get_all_records"))


def records(value: Any) -> Records:
    if not isinstance(value, dict) or not all(isinstance(record, dict) for record in value.values()):
        raise NotThisFormat("records were expected")
    return value


def _toolstack(joiner: Joiner, master: dict[str, Any]) -> list[Problem]:
    """The host's package and the master's build of xapi have the same upstream version."""
    name, _, version = joiner.toolstack.partition(" ")
    if name != "xapi":
        hint = 'build the image with toolstack = "xapi", or join a pool of its own toolstack'
        return [Problem("toolstack", f"the host has the toolstack {name or 'none'}, the pool is one of xapi", hint)]
    software = master.get("software_version") or {}
    build = str(software.get("xapi_build", ""))
    own = upstream(version)
    if own and build and own != upstream(build):
        text = f"the host has xapi {own}, the pool's master {build}"
        return [Problem("version", text, "build the image from the same repository, or update the pool first")]
    return []


def upstream(version: str) -> str:
    """A Debian version without epoch and revision."""
    return version.partition(":")[2].partition("-")[0] if ":" in version else version.partition("-")[0]


def _clock(skew: float) -> list[Problem]:
    if abs(skew) <= LARGEST_SKEW:
        return []
    days = abs(skew) / 86400
    amount = f"{days:.0f} days" if days > 2 else human_seconds(abs(skew))
    text = f"the host's clock is {amount} {'ahead of' if skew > 0 else 'behind'} the pool's"
    return [Problem("clock", text, "name the pool's time servers under time.ntp, and set the clock in the firmware")]


def taken(joiner: Joiner, hosts: Records) -> list[Problem]:
    """Names and addresses that a host of the pool has. Its identifier is not known before it is installed."""
    problems = []
    for record in hosts.values():
        names = {str(record.get(key, "")).lower() for key in ("name_label", "hostname")}
        if joiner.name.lower() in names:
            text = f"the pool has a host {joiner.name} already (uuid {record.get('uuid', '?')})"
            hint = "when it is this machine before it was installed anew: xe host-forget uuid=UUID, on the master"
            problems.append(Problem("name", text, hint))
        elif record.get("address") in joiner.addresses:
            text = f"the address {record['address']} is that of {record.get('name_label', 'another host')} in the pool"
            problems.append(Problem("address", text, "give the host another address"))
    return problems
