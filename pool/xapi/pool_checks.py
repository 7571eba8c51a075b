"""Preflight of an xapi pool.

A session with its master, facts about the pool, and the admission check.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.units import human_seconds
from dom0kit.untrusted.values import is_ip_address
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.xapi.client import Endpoint, HttpsEndpoint, Session, is_certificate_error
from pool.xapi.errors import problem_of
from pool.xapi.rpc_codec import WireFormatError, XenApiError, seconds

if TYPE_CHECKING:
    from answerfiles.model.pool import PoolJoin

MAX_HOPS = 3
CLOCK_SECONDS = 60.0
"""Difference between the clocks of an xapi pool and a joining host.

Kind: protocol. Reason: certificates and sessions depend on the clocks. Expiry: the host is refused,
and the text names the difference.
"""
SERVER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")

Open = Callable[[str], Endpoint]
Records = dict[str, dict[str, Any]]


class MasterMoved(Exception):
    """Another host is the master, and its certificate is not the pinned one."""

    def __init__(self, master: str, error: UserError) -> None:
        super().__init__(master)
        self.master = master
        self.error = error


@dataclass(frozen=True)
class Login:
    """Address and credentials of the pool.

    :param open: makes the endpoint for an address; it pins the certificate.
    """

    address: str
    user: str
    password: str
    open: Open

    def session(self) -> tuple[Session, str]:
        """Open a session with the master, following the redirect of a member (``HOST_IS_SLAVE``).

        :returns: the session and the master's address.
        :raises XenApiError: when the pool refuses.
        :raises UserError: when the pool does not answer, or has another certificate.
        """
        address, tried = self.address, [self.address]
        while True:
            try:
                return Session(self.open(address), self.user, self.password), address
            except XenApiError as error:
                master = error.parameters[0] if error.code == "HOST_IS_SLAVE" and error.parameters else ""
                if not is_server(master) or master in tried or len(tried) > MAX_HOPS:
                    raise
                tried.append(master)
                address = master
            except UserError as error:
                if len(tried) > 1 and is_certificate_error(error):
                    raise MasterMoved(address, error) from error
                raise


def is_server(text: str) -> bool:
    """Whether the text is an address or a name that is safe in a URL."""
    return is_ip_address(text) or SERVER.fullmatch(text) is not None


def login_of(join: PoolJoin, port: int = 443) -> Login:
    """Return the login for the pool of the answers, whose secrets are resolved."""
    assert join.address is not None
    assert join.user is not None
    assert join.password is not None
    assert join.fingerprint is not None
    pin = join.fingerprint
    return Login(join.address, join.user, join.password.reveal(), lambda address: HttpsEndpoint(address, pin, port))


def preflight(join: PoolJoin, host: JoiningHost, *, port: int = 443) -> PoolAnswer:
    """Ask the pool whether it would accept the host.

    Change nothing on either side, and raise nothing.
    """
    return ask(login_of(join, port), host)


def ask(login: Login, host: JoiningHost) -> PoolAnswer:
    """Ask the pool by a login; see :func:`preflight`."""
    try:
        session, address = login.session()
        with session:
            return _look(session, address, host)
    except XenApiError as error:
        return PoolAnswer(problems=(problem_of(error),))
    except MasterMoved as moved:
        return PoolAnswer(master=moved.master, problems=(moved_problem(login.address, moved),))
    except UserError as error:
        return PoolAnswer(problems=(Problem("pin" if is_certificate_error(error) else "unreachable", error.message, error.hint),))


def moved_problem(address: str, moved: MasterMoved) -> Problem:
    """Return the problem of a redirect to a master with another certificate."""
    text = f"{address} is a pool member; the certificate of its master {moved.master} does not match pool.join.fingerprint"
    return Problem("moved", text, "set the master's address and fingerprint under pool.join")


def _look(session: Session, address: str, host: JoiningHost) -> PoolAnswer:
    name, master, hosts = read_pool(session)
    before = time.time()
    server_time = seconds(str(session.call("host.get_servertime", master)))
    # The server's time has whole seconds: half a second is added, and the middle of the request is compared.
    clock = host.clock if host.clock is not None else (before + time.time()) / 2
    skew = clock - (server_time + 0.5)
    record = hosts.get(master, {})
    version = str((record.get("software_version") or {}).get("product_version", ""))
    problems = [*_toolstack(host, record), *_clock(skew), *conflicts(host, hosts)]
    if not record.get("enabled", True):
        problems.append(problem_of(XenApiError("HOST_DISABLED", [master])))
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
    """Return the pool's name, the reference of its master, and the records of its hosts."""
    pools = records(session.call("pool.get_all_records"))
    pool = next(iter(pools.values()), {})
    return str(pool.get("name_label", "")), str(pool.get("master", "")), records(session.call("host.get_all_records"))


def records(value: Any) -> Records:
    """Return a reply that must be a map of records.

    :raises WireFormatError: when it is not.
    """
    if not isinstance(value, dict) or not all(isinstance(record, dict) for record in value.values()):
        raise WireFormatError("the reply is not a map of records")
    return value


def _toolstack(host: JoiningHost, master: dict[str, Any]) -> list[Problem]:
    """Compare the upstream versions of the host's package and the master's xapi."""
    name, _, version = host.toolstack.partition(" ")
    if name != "xapi":
        hint = 'build the image with toolstack = "xapi", or join a pool of its own toolstack'
        return [Problem("toolstack", f"the host has the toolstack {name or 'none'}; the pool runs xapi", hint)]
    software = master.get("software_version") or {}
    build = str(software.get("xapi_build", ""))
    own = upstream(version)
    if own and build and own != upstream(build):
        text = f"the host has xapi {own}; the pool's master has {build}"
        return [Problem("version", text, "build the image from the same repository, or update the pool first")]
    return []


def upstream(version: str) -> str:
    """Return a Debian version without epoch and revision."""
    return version.partition(":")[2].partition("-")[0] if ":" in version else version.partition("-")[0]


def _clock(skew: float) -> list[Problem]:
    if abs(skew) <= CLOCK_SECONDS:
        return []
    days = abs(skew) / 86400
    amount = f"{days:.0f} days" if days > 2 else human_seconds(abs(skew))
    text = f"the host's clock is {amount} {'ahead of' if skew > 0 else 'behind'} the pool's"
    return [Problem("clock", text, "set the pool's time servers under time.ntp, and correct the hardware clock")]


def conflicts(host: JoiningHost, hosts: Records) -> list[Problem]:
    """Return the conflicts of the host's name and addresses with hosts of the pool.

    The host's identifier does not exist before it is installed.
    """
    problems = []
    for record in hosts.values():
        names = {str(record.get(key, "")).lower() for key in ("name_label", "hostname")}
        if host.name.lower() in names:
            text = f"the pool already has a host {host.name} (uuid {record.get('uuid', '?')})"
            hint = "choose another host_name; if this machine was reinstalled, run on the master: xe host-forget uuid=UUID"
            problems.append(Problem("name", text, hint))
        elif record.get("address") in host.addresses:
            text = f"the address {record['address']} belongs to {record.get('name_label', 'another host')} in the pool"
            problems.append(Problem("address", text, "give the host another address"))
    return problems
