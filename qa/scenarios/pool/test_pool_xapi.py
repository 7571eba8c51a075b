"""The driver of xapi against the protocol double, over TLS on loopback addresses; no machine is started."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import XenAPI

from answerfiles.model.pool import PoolCreate, PoolJoin
from answerfiles.secret import Secret
from dom0kit.errors import UserError
from pool.driver import JoiningHost, PoolAnswer
from pool.xapi import PoolRefused, Xapi, preflight
from pool.xapi.client import UnixSocketEndpoint
from qa.checks.host_checks import need
from qa.metadata import scenario
from qa.pool.fake_xapi import PASSWORD, Database, Double, Member, alone, pool_of
from qa.pool.fake_xapi_server import Certificate, certificate, served
from qa.scenario import Scenario
from qa.vm.ports import reserve

MASTER, MEMBER, NEW = "127.0.0.2", "127.0.0.3", "127.0.0.4"
JOINER = JoiningHost("xen3.example.org", (NEW,), "0.1.0", "xapi 25.6.0-1", "4c4c4544-0042-3110-8052-b4c04f4d3432")


@dataclass
class Play:
    """Three hosts with an xapi each: a pool of two, and one that is to join.

    :param results: the driver's result of each act, for the artifacts.
    """

    database: Database
    doubles: dict[str, Double]
    certificates: dict[str, Certificate]
    port: int
    folder: Path
    results: dict[str, Any]

    @property
    def new(self) -> Double:
        """Return the xapi of the host that is to join."""
        return self.doubles[NEW]

    def join(self, address: str = MASTER, *, pin: str = "", password: str = PASSWORD) -> PoolJoin:
        """Return the pool's part of the answers, with the certificate of this address."""
        fingerprint = pin or self.certificates[address].fingerprint
        # Not validated: answers may not name a loopback address, at which the double serves.
        return PoolJoin.model_construct(address=address, user="root", password=Secret(password), fingerprint=fingerprint)

    def driver(self, join: PoolJoin | None = None) -> Xapi:
        """Return the driver on the host that is to join."""
        local = UnixSocketEndpoint(self.folder / "xapi")
        return Xapi(join or self.join(), PoolCreate(name="dc2.example.org"), local, self.folder / "inventory", self.port)

    def ask(self, act: str, join: PoolJoin, joiner: JoiningHost = JOINER) -> PoolAnswer:
        """Ask the pool; the answer is kept."""
        answer = preflight(join, joiner, port=self.port)
        self.results[act] = [f"{p.code}: {p.text} ({p.hint})" for p in answer.problems] or f"welcome in {answer.pool}"
        return answer

    def refused(self, act: str, code: str, join: PoolJoin, joiner: JoiningHost = JOINER) -> None:
        """Check that the pool refuses the host for this reason alone."""
        codes = [problem.code for problem in self.ask(act, join, joiner).problems]
        need(codes == [code], f"{act}: the pool's problems are {codes}, not {code}")


@contextmanager
def play(scenario: Scenario, results: dict[str, Any], formats: tuple[str, ...] = ("xml", "json")) -> Iterator[Play]:
    """Serve the doubles of all three hosts."""
    database, doubles = pool_of(Member("xen1.example.org", MASTER), Member("xen2.example.org", MEMBER))
    new = alone(Member("xen3.example.org", NEW), doubles)
    for double in doubles.values():
        double.formats = formats
    port = reserve(list(doubles))
    certificates = {address: certificate(scenario.work, f"xapi-{address}") for address in doubles}
    (scenario.work / "xapi").unlink(missing_ok=True)
    (scenario.work / "inventory").write_text(f"INSTALLATION_UUID='{new.me.uuid}'\n")
    with ExitStack() as stack:
        for address, double in doubles.items():
            unix = scenario.work / "xapi" if double is new else None
            stack.enter_context(served(double, tls=(certificates[address], port), unix=unix))
        yield Play(database, doubles, certificates, port, scenario.work, results)


@scenario("pool-xapi-protocol", firmware="none", minutes=0.2, machines=0, memory_mib=256, tags={"pool", "smoke", "no-machine"})
def test_pool_xapi_protocol(scenario: Scenario) -> None:
    """Exercise preflight checks, joins, cut connections and refusals in both wire formats, and the official bindings."""
    scenario.secrets.append(PASSWORD)
    results: dict[str, Any] = {}
    with play(scenario, results) as act, scenario.phase("the official bindings"):
        official_bindings(act)
    with play(scenario, results) as act, scenario.phase("questions"):
        questions(act)
    for formats in (("xml", "json"), ("json",)):
        for moment in ("", "before", "recorded", "after"):
            with play(scenario, results, formats) as act, scenario.phase(f"join {moment} {formats[0]}"):
                join_with_a_cut(act, moment, formats[0])
    with play(scenario, results) as act, scenario.phase("refusals"):
        refusals(act)
    with play(scenario, results) as act, scenario.phase("create, leave"):
        create_and_leave(act)
    scenario.keep("results.json", json.dumps(results, indent=2))


def official_bindings(act: Play) -> None:
    """Check that the official bindings log in, read records, and get the errors that they know from the double."""
    session = XenAPI.Session(f"https://{MASTER}:{act.port}", ignore_ssl=True)
    session.xenapi.login_with_password("root", PASSWORD, "1.0", "qa")
    records = session.xenapi.host.get_all_records()
    need(sorted(r["address"] for r in records.values()) == [MASTER, MEMBER], f"the bindings read {records}")
    need(session.API_version == "2.21", f"the bindings read the version {session.API_version}")
    master = session.xenapi.pool.get_master(session.xenapi.pool.get_all()[0])
    time = str(session.xenapi.host.get_servertime(master))
    need(time.endswith("Z") and "T" in time, f"the bindings read the time {time}")
    for method, wanted in (("host.get_by_uuid", "UUID_INVALID"), ("host.dance", "MESSAGE_METHOD_UNKNOWN")):
        with pytest.raises(XenAPI.Failure) as caught:
            session.xenapi_request(method, ("no such thing",))
        need(caught.value.details[0] == wanted, f"the bindings got {caught.value.details}")
    session.xenapi.session.logout()
    for address, password, wanted in ((MASTER, "wrong", "SESSION_AUTHENTICATION_FAILED"), (MEMBER, PASSWORD, "HOST_IS_SLAVE")):
        other = XenAPI.Session(f"https://{address}:{act.port}", ignore_ssl=True)
        with pytest.raises(XenAPI.Failure) as caught:
            other.xenapi.login_with_password("root", password, "1.0", "qa")
        need(caught.value.details[0] == wanted, f"the bindings got {caught.value.details}")
    act.results["the official bindings"] = "log in, read and fail as they should"


def questions(act: Play) -> None:
    """Check the answers before a disk is touched."""
    answer = act.ask("a welcome", act.join())
    need(answer.accepted and (answer.pool, answer.hosts, answer.address) == ("dc1", 2, MASTER), f"the answer is {answer}")
    act.refused("a member whose master has another certificate", "moved", act.join(MEMBER))
    need("session.login_with_password" in act.doubles[MEMBER].calls, "the member was not contacted")
    before = len(act.doubles[MASTER].calls)
    act.refused("another certificate", "pin", act.join(pin="ab" * 32))
    need(len(act.doubles[MASTER].calls) == before, "something was sent to a server with another certificate")
    act.refused("a wrong password", "token", act.join(password="wrong"))
    act.refused("a clock that is wrong", "clock", act.join(), replace(JOINER, clock=0.0))
    act.refused("another version", "version", act.join(), replace(JOINER, toolstack="xapi 24.1.0-1"))
    act.refused("another toolstack", "toolstack", act.join(), replace(JOINER, toolstack="ganeti 3.1.0-1"))
    act.refused("a name that is taken", "name", act.join(), replace(JOINER, name="xen2.example.org"))
    act.refused("an address that is taken", "address", act.join(), replace(JOINER, addresses=(MEMBER,)))
    act.doubles[MASTER].refuse["session.login_with_password"] = [["HOST_STILL_BOOTING"]]
    act.refused("a master that is starting", "busy", act.join())
    silent = PoolJoin.model_construct(address="127.0.0.5", user="root", password=Secret(PASSWORD), fingerprint="ab" * 32)
    act.refused("no server", "unreachable", silent)
    changed = {"pool.join", "pool.eject", "pool.set_name_label"} & {c for d in act.doubles.values() for c in d.calls}
    need(not changed and len(act.database.members) == 2, f"a question changed something: {changed}")


def join_with_a_cut(act: Play, moment: str, form: str) -> None:
    """Join while the connection ends before, amid or after it; the next try completes it and makes no second host."""
    name = f"{form}, cut {moment or 'never'}"
    if moment:
        act.new.hang_up["pool.join"] = moment
        with pytest.raises(UserError) as caught:
            act.driver().join(JOINER)
        act.results[f"join: {name}"] = caught.value.message
    act.driver().join(JOINER)
    act.driver().join(JOINER)
    names = [member.name for member in act.database.members]
    need(names == ["xen1.example.org", "xen2.example.org", "xen3.example.org"], f"{name}: the pool has the hosts {names}")
    need(act.database.created == 1, f"{name}: {act.database.created} records were made")
    need(act.new.slave_of == MASTER, f"{name}: the host is a member of {act.new.slave_of!r}")
    # Cut before its work or after the record alone, xapi must join again; it uses the existing record.
    wanted = 2 if moment in ("before", "recorded") else 1
    need(act.new.calls.count("pool.join") == wanted, f"{name}: {act.new.calls.count('pool.join')} calls of pool.join")
    state = act.driver().status()
    need((state.role, state.master) == ("member", MASTER), f"{name}: the state is {state}")


def refusals(act: Play) -> None:
    """Check how errors of the API during a join are reported."""
    for code in (
        "POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION",
        "JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS",
        "HOST_STILL_BOOTING",
        "HOSTS_NOT_HOMOGENEOUS",
        "A_CODE_OF_THE_FUTURE",
    ):
        act.new.refuse["pool.join"] = [[code, "CPUs differ"]]
        with pytest.raises(PoolRefused) as caught:
            act.driver().join(JOINER)
        act.results[f"refused: {code}"] = f"{caught.value.message} ({caught.value.hint}); permanent: {caught.value.permanent}"
    need(act.database.created == 0 and not act.new.slave_of, "a refused host is in the pool")


def create_and_leave(act: Play) -> None:
    """Check that the host's own pool gets its name, and that a member leaves a pool."""
    act.driver().create()
    need(act.new.database.name == "dc2.example.org", f"the pool is called {act.new.database.name!r}")
    act.driver().join(JOINER)
    act.driver().leave()
    need((act.new.slave_of, len(act.database.members)) == ("", 2), "the host is still in the pool")
    need(act.driver().status().role == "alone", f"the state is {act.driver().status()}")
