"""The driver of xapi: join, leave, status, create; asking the pool is in :mod:`pool.xapi.pool_checks`."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from dom0kit.errors import UserError
from dom0kit.redact import MASK
from pool.driver import Joiner, PoolAnswer, PoolState, Problem
from pool.xapi.client import LONG, Door, Session, UnixDoor, is_pin
from pool.xapi.errors import PoolRefused, explain, refused
from pool.xapi.pool_checks import Login, Moved, ask, login_of, moved_problem, read_pool, records, taken
from pool.xapi.rpc_codec import Refusal

if TYPE_CHECKING:
    from answerfiles.model.pool import PoolCreate, PoolJoin

OWN = UnixDoor()
P = ParamSpec("P")
T = TypeVar("T")


def in_words(function: Callable[P, T]) -> Callable[P, T]:
    """The function with the XenAPI's errors turned into :class:`pool.xapi.errors.PoolRefused`."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except Refusal as refusal:
            raise refused(refusal) from refusal

    return wrapped


@dataclass(frozen=True)
class Xapi:
    """The toolstack xapi on this host; see :class:`pool.driver.Driver`.

    :param join_as: ``pool.join`` of the answers, its secrets resolved; needed to join and to leave.
    :param create_as: ``pool.create`` of the answers; needed to create.
    :param local: this host's own xapi.
    :param inventory: where xapi keeps the identifier of this host.
    :param port: of https, on the pool's hosts.
    """

    join_as: PoolJoin | None = None
    create_as: PoolCreate | None = None
    local: Door = OWN
    inventory: Path = Path("/etc/xensource-inventory")
    port: int = 443

    def preflight(self, joiner: Joiner) -> PoolAnswer:
        """Ask the pool whether it would take the host; see :func:`pool.xapi.pool_checks.preflight`."""
        return ask(self._login(), joiner)

    @in_words
    def create(self) -> None:
        """Name the pool: an xapi alone is the master of a pool of one, without a name.

        :raises UserError: when this host is a member of another pool, or its xapi does not answer.
        """
        assert self.create_as is not None
        with Session(self.local, "", "") as session:
            for reference, record in records(session.call("pool.get_all_records")).items():
                if record.get("name_label") != self.create_as.name:
                    session.call("pool.set_name_label", reference, self.create_as.name)

    @in_words
    def join(self, joiner: Joiner) -> None:
        """Bring this host into the pool; a member stays what it is, and needs no password for that.

        Both sides are asked first. This host's xapi joins by its own identifier, under which the master has one record at
        most (``create_or_get_host_on_master`` in xapi): a join that was cut off is taken up again and makes no second one.

        :raises PoolRefused: when the pool or this host's xapi refuses.
        :raises UserError: when one of them does not answer, or the join is not through to its end yet.
        """
        if now := self.master_of_member():
            if self._has_password():
                self._check_pool(now)
            return
        with Session(self.local, "", "") as session:
            _, own, hosts = read_pool(session)
        if len(hosts) != 1:
            raise refused(Refusal("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS"))
        uuid = str(hosts[own].get("uuid", ""))
        login = self._login()
        members, address = self._members(login)
        if uuid not in [str(record.get("uuid")) for record in members.values()]:
            for problem in taken(joiner, members):
                raise PoolRefused(problem, lasting=True)
        with Session(self.local, "", "") as session:
            session.call("pool.join", address, login.user, login.password, seconds=LONG)
        self._check_joined(login, uuid)

    @in_words
    def leave(self) -> None:
        """Take this host out of its pool. xapi then wipes the host's local storage and restarts the host: ``pool.eject``.

        :raises UserError: when the host is no member of a pool, or the answers hold no password any more.
        """
        if not self.master_of_member():
            hint = "a master leaves after another took over: xe pool-designate-new-master"
            raise UserError("this host is no member of a pool", hint)
        uuid = self._identifier()
        if not self._has_password():
            hint = f"on the master: xe pool-eject host-uuid={uuid}; after the join the password was forgotten"
            raise UserError("the pool's password is needed to leave it", hint)
        with self._master(self._login())[0] as master:
            mine = [reference for reference, record in read_pool(master)[2].items() if record.get("uuid") == uuid]
            if not mine:
                raise UserError(f"the pool does not know this host, whose uuid is {uuid}", "it was taken out of it already")
            master.call("pool.eject", mine[0], seconds=LONG)

    def status(self) -> PoolState:
        """How the pool is, as this host's own xapi sees it; a member knows no more than its master's address."""
        try:
            with Session(self.local, "", "") as session:
                name, master, hosts = read_pool(session)
        except Refusal as refusal:
            if refusal.code == "HOST_IS_SLAVE":
                return PoolState("xapi", role="member", master=" ".join(refusal.parameters))
            return PoolState("xapi", well=False, reason=explain(refusal).text)
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

    @in_words
    def master_of_member(self) -> str:
        """The master's address when this host is a member; empty when it stands alone or is a master.

        :raises UserError: when its xapi does not answer.
        """
        try:
            with Session(self.local, "", ""):
                return ""
        except Refusal as refusal:
            if refusal.code == "HOST_IS_SLAVE":
                return " ".join(refusal.parameters) or "unknown"
            raise

    def _has_password(self) -> bool:
        """Is there a password, and not the mask that takes its place after the join?"""
        join = self.join_as
        return join is not None and join.password is not None and join.password.reveal() != MASK

    def _login(self) -> Login:
        assert self.join_as is not None
        return login_of(self.join_as, self.port)

    @staticmethod
    def _master(login: Login) -> tuple[Session, str]:
        try:
            return login.session()
        except Moved as moved:
            raise PoolRefused(moved_problem(login.address, moved), lasting=True) from moved
        except UserError as error:
            if is_pin(error):
                raise PoolRefused(Problem("pin", error.message, error.hint), lasting=True) from error
            raise

    def _members(self, login: Login) -> tuple[dict[str, dict[str, Any]], str]:
        """The records of the pool's hosts, and the master's address."""
        session, address = self._master(login)
        with session:
            return read_pool(session)[2], address

    def _check_pool(self, now: str) -> None:
        """This host is a member of some pool: is it the one that is wanted?

        :param now: the address of its master.
        """
        members, address = self._members(self._login())
        if now != address and now not in [record.get("address") for record in members.values()]:
            text = f"this host is a member of another pool, whose master is {now}"
            raise PoolRefused(Problem("refused", text, "take it out of that one first: xe pool-eject"), lasting=True)

    def _check_joined(self, login: Login, uuid: str) -> None:
        """The join came to its end: the pool knows this host, and its xapi knows that it is a member."""
        members, address = self._members(login)
        if uuid not in [str(record.get("uuid")) for record in members.values()]:
            raise UserError(
                f"xapi has joined, but the pool at {address} does not know this host", "/var/log/xensource.log has more"
            )
        if not self.master_of_member():
            raise UserError("the pool has taken this host, whose xapi is not a member yet", "look again: dom0ctl status")

    def _identifier(self) -> str:
        """The identifier of this host, from xapi's file.

        :raises UserError: when it is not there.
        """
        try:
            found = re.search(r"^INSTALLATION_UUID='?([0-9a-f-]{36})'?$", self.inventory.read_text(), re.MULTILINE)
        except OSError:
            found = None
        if not found:
            raise UserError(f"{self.inventory} does not name this host", "is xapi installed and was it started once?")
        return found.group(1)
