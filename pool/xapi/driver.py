"""The xapi driver: join, leave, status, create; the preflight is in :mod:`pool.xapi.pool_checks`."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from dom0kit.errors import UserError
from dom0kit.redact import MASK
from pool.driver import JoiningHost, PoolAnswer, PoolState, Problem
from pool.xapi.client import LONG, Endpoint, Session, UnixSocketEndpoint, is_certificate_error
from pool.xapi.errors import PoolRefused, problem_of, to_exception
from pool.xapi.pool_checks import Login, MasterMoved, ask, conflicts, login_of, moved_problem, read_pool, records
from pool.xapi.rpc_codec import XenApiError

if TYPE_CHECKING:
    from answerfiles.model.pool import PoolCreate, PoolJoin

OWN = UnixSocketEndpoint()
P = ParamSpec("P")
T = TypeVar("T")


def translate_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Return the function with XenAPI errors translated to :class:`pool.xapi.errors.PoolRefused`."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except XenApiError as error:
            raise to_exception(error) from error

    return wrapped


@dataclass(frozen=True)
class Xapi:
    """The toolstack xapi on this host; see :class:`pool.driver.Driver`.

    :param join_as: ``pool.join`` of the answers with resolved secrets; needed to join and to leave.
    :param create_as: ``pool.create`` of the answers; needed to create.
    :param local: this host's own xapi.
    :param inventory: the file with this host's xapi identifier.
    :param port: of https, on the pool's hosts.
    """

    join_as: PoolJoin | None = None
    create_as: PoolCreate | None = None
    local: Endpoint = OWN
    inventory: Path = Path("/etc/xensource-inventory")
    port: int = 443

    def preflight(self, host: JoiningHost) -> PoolAnswer:
        """Ask the pool whether it would accept the host.

        See :func:`pool.xapi.pool_checks.preflight`.
        """
        return ask(self._login(), host)

    @translate_errors
    def create(self) -> None:
        """Name the pool; a xapi without a pool is the master of an unnamed pool of one.

        :raises UserError: when this host is a member of another pool, or its xapi does not answer.
        """
        assert self.create_as is not None
        with Session(self.local, "", "") as session:
            for reference, record in records(session.call("pool.get_all_records")).items():
                if record.get("name_label") != self.create_as.name:
                    session.call("pool.set_name_label", reference, self.create_as.name)

    @translate_errors
    def join(self, host: JoiningHost) -> None:
        """Join this host to the pool; do nothing on a member, which needs no password for that.

        Both sides are checked first. This host's xapi joins by its own identifier, under which the
        master has one record at most (``create_or_get_host_on_master`` in xapi): an interrupted
        join is continued and creates no second record.

        :raises PoolRefused: when the pool or this host's xapi refuses.
        :raises UserError: when one of them does not answer, or the join is not complete.
        """
        if now := self.master_of_member():
            if self._has_password():
                self._check_pool(now)
            return
        with Session(self.local, "", "") as session:
            _, own, hosts = read_pool(session)
        if len(hosts) != 1:
            raise to_exception(XenApiError("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS"))
        uuid = str(hosts[own].get("uuid", ""))
        login = self._login()
        members, address = self._members(login)
        if uuid not in [str(record.get("uuid")) for record in members.values()]:
            for problem in conflicts(host, members):
                raise PoolRefused(problem, permanent=True)
        with Session(self.local, "", "") as session:
            session.call("pool.join", address, login.user, login.password, seconds=LONG)
        self._check_joined(login, uuid)

    @translate_errors
    def leave(self) -> None:
        """Remove this host from its pool.

        xapi then wipes the host's local storage and restarts the host: ``pool.eject``.

        :raises UserError: when the host is not a pool member, or the answers have no password any
            more.
        """
        if not self.master_of_member():
            hint = "on a master, transfer the master role first: xe pool-designate-new-master"
            raise UserError("this host is not a pool member", hint)
        uuid = self._identifier()
        if not self._has_password():
            hint = f"run on the master: xe pool-eject host-uuid={uuid} (the password was erased after the join)"
            raise UserError("leaving the pool requires its password", hint)
        with self._master(self._login())[0] as master:
            mine = [reference for reference, record in read_pool(master)[2].items() if record.get("uuid") == uuid]
            if not mine:
                raise UserError(
                    f"the pool does not have this host (uuid {uuid})", "check whether it was removed already: xe host-list"
                )
            master.call("pool.eject", mine[0], seconds=LONG)

    def status(self) -> PoolState:
        """Return the state of the pool as this host's xapi sees it.

        A member knows only its master's address.
        """
        try:
            with Session(self.local, "", "") as session:
                name, master, hosts = read_pool(session)
        except XenApiError as error:
            if error.code == "HOST_IS_SLAVE":
                return PoolState("xapi", role="member", master=" ".join(error.parameters))
            return PoolState("xapi", well=False, reason=problem_of(error).text)
        except UserError as error:
            return PoolState("xapi", well=False, reason=str(error).partition("\n")[0])
        down = [str(record.get("name_label", "?")) for record in hosts.values() if not record.get("enabled", True)]
        return PoolState(
            "xapi",
            pool=name,
            role="alone" if len(hosts) == 1 and not name else "master",
            master=str(hosts.get(master, {}).get("name_label", "")),
            hosts=len(hosts),
            well=not down,
            reason=f"disabled: {', '.join(down)}" if down else "",
        )

    @translate_errors
    def master_of_member(self) -> str:
        """Return the master's address when this host is a member.

        Empty when it is a master or in no pool.

        :raises UserError: when its xapi does not answer.
        """
        try:
            with Session(self.local, "", ""):
                return ""
        except XenApiError as error:
            if error.code == "HOST_IS_SLAVE":
                return " ".join(error.parameters) or "unknown"
            raise

    def _has_password(self) -> bool:
        """Whether the answers have a password, and not the mask that replaces it after the join."""
        join = self.join_as
        return join is not None and join.password is not None and join.password.reveal() != MASK

    def _login(self) -> Login:
        assert self.join_as is not None
        return login_of(self.join_as, self.port)

    @staticmethod
    def _master(login: Login) -> tuple[Session, str]:
        try:
            return login.session()
        except MasterMoved as moved:
            raise PoolRefused(moved_problem(login.address, moved), permanent=True) from moved
        except UserError as error:
            if is_certificate_error(error):
                raise PoolRefused(Problem("pin", error.message, error.hint), permanent=True) from error
            raise

    def _members(self, login: Login) -> tuple[dict[str, dict[str, Any]], str]:
        """Return the records of the pool's hosts, and the master's address."""
        session, address = self._master(login)
        with session:
            return read_pool(session)[2], address

    def _check_pool(self, now: str) -> None:
        """Raise an error when this host, a pool member, is in another pool than the answers name.

        :param now: the address of its master.
        """
        members, address = self._members(self._login())
        if now != address and now not in [record.get("address") for record in members.values()]:
            text = f"this host is a member of another pool, whose master is {now}"
            raise PoolRefused(Problem("refused", text, "remove it from that pool first: xe pool-eject"), permanent=True)

    def _check_joined(self, login: Login, uuid: str) -> None:
        """Raise an error unless the pool has this host and its xapi is a member."""
        members, address = self._members(login)
        if uuid not in [str(record.get("uuid")) for record in members.values()]:
            raise UserError(f"xapi has joined, but the pool at {address} does not have this host", "read /var/log/xensource.log")
        if not self.master_of_member():
            raise UserError("the pool has this host, but its xapi is not a member yet", "check again: dom0ctl status")

    def _identifier(self) -> str:
        """Return the identifier of this host from xapi's file.

        :raises UserError: when it does not exist.
        """
        try:
            found = re.search(r"^INSTALLATION_UUID='?([0-9a-f-]{36})'?$", self.inventory.read_text(), re.MULTILINE)
        except OSError:
            found = None
        if not found:
            raise UserError(f"{self.inventory} has no INSTALLATION_UUID", "check that xapi is installed and was started once")
        return found.group(1)
