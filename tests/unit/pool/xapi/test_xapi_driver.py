"""The driver of xapi against the protocol double, in one process and without sockets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from answerfiles.model.pool import PoolCreate, PoolJoin
from answerfiles.secret import Secret
from dom0kit.errors import UserError
from dom0kit.http_client import WebError
from dom0kit.redact import MASK
from pool.driver import JoiningHost
from pool.xapi import PoolRefused, Xapi
from pool.xapi.client import Unreachable
from pool.xapi.pool_checks import Login, ask, is_server, upstream
from qa.pool.fake_xapi import PASSWORD, Database, Double, HangsUp, Member, alone, pool_of

MASTER, MEMBER, NEW = "192.0.2.1", "192.0.2.2", "192.0.2.3"
JOIN = PoolJoin(address=MASTER, user="root", password=Secret(PASSWORD), fingerprint="ab" * 32)
HOST_1 = JoiningHost("xen3.example.org", (NEW,), "0.1.0", "xapi 25.6.0-1", "dmi-uuid")


@dataclass(frozen=True)
class DirectDoor:
    """The way to a double without a socket."""

    double: Double
    local: bool = False
    name: str = "the double"

    def post(self, path: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        try:
            status, _, data = self.double.answer(path, body, local=self.local)
        except HangsUp:
            raise Unreachable("the connection ended") from None
        return status, data


class Scene:
    """A pool of two, and a host that is to join."""

    def __init__(self) -> None:
        self.database, self.doubles = pool_of(Member("xen1.example.org", MASTER), Member("xen2.example.org", MEMBER))
        self.new = alone(Member("xen3.example.org", NEW), self.doubles)
        self.pinned = {MASTER, MEMBER, NEW}

    def door(self, address: str) -> DirectDoor:
        if address not in self.pinned:
            raise WebError("tls", f"the server {address} has another certificate")
        return DirectDoor(self.doubles[address])

    def login(self, address: str = MASTER, password: str = PASSWORD) -> Login:
        return Login(address, "root", password, self.door)

    def driver(self, join: PoolJoin | None = JOIN) -> Xapi:
        return Xapi(join, PoolCreate(name="dc2.example.org"), DirectDoor(self.new, local=True))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    scene = Scene()
    monkeypatch.setattr("pool.xapi.pool_checks.HttpsEndpoint", lambda address, pin, port: scene.door(address))
    return scene


def test_a_welcome(scene: Scene) -> None:
    answer = ask(scene.login(), HOST_1)
    assert answer.accepted
    assert (answer.pool, answer.master, answer.address, answer.hosts) == ("dc1", "xen1.example.org", MASTER, 2)
    assert abs(answer.clock) < 2
    assert not any(method in scene.doubles[MASTER].calls for method in ("pool.join", "host.create", "pool.set_name_label"))
    assert scene.doubles[MASTER].sessions == set()


def test_a_member_names_its_master(scene: Scene) -> None:
    assert ask(scene.login(MEMBER), HOST_1).address == MASTER
    scene.pinned = {MEMBER}
    answer = ask(scene.login(MEMBER), HOST_1)
    assert [problem.code for problem in answer.problems] == ["moved"]
    assert answer.master == MASTER
    assert MASTER in answer.problems[0].text


@pytest.mark.parametrize("nonsense", ["", "evil.example.org/path", "a b", MEMBER])
def test_a_member_that_names_nonsense_or_itself(scene: Scene, nonsense: str) -> None:
    scene.doubles[MEMBER].slave_of = nonsense or " "
    assert [problem.code for problem in ask(scene.login(MEMBER), HOST_1).problems] == ["moved"]


def reinstalled(scene: Scene) -> None:
    scene.database.members[1].name = "XEN3.example.org"


def disabled(scene: Scene) -> None:
    scene.database.members[0].enabled = False


def fast(scene: Scene) -> None:
    scene.doubles[MASTER].clock = -300


@pytest.mark.parametrize(
    ("change", "host", "code", "text"),
    [
        (reinstalled, HOST_1, "name", "already has a host xen3.example.org"),
        (disabled, HOST_1, "busy", "disabled"),
        (fast, HOST_1, "clock", "5 min 0. s ahead of the pool's|4 min 5. s ahead"),
        (None, replace(HOST_1, addresses=(MEMBER,)), "address", "belongs to xen2.example.org"),
        (None, replace(HOST_1, toolstack="ganeti 3.1.0"), "toolstack", "toolstack ganeti"),
        (None, replace(HOST_1, toolstack="xapi 24.1.0-1"), "version", "has xapi 24.1.0; the pool's master has 25.6.0"),
        (None, replace(HOST_1, clock=0.0), "clock", "behind the pool's"),
    ],
)
def test_what_the_pool_would_not_take(
    scene: Scene, change: Callable[[Scene], None] | None, host: JoiningHost, code: str, text: str
) -> None:
    if change:
        change(scene)
    answer = ask(scene.login(), host)
    assert [problem.code for problem in answer.problems] == [code]
    assert re.search(text, answer.problems[0].text)


def test_wrong_password_pin_and_silence(scene: Scene) -> None:
    assert ask(scene.login(password="wrong"), HOST_1).problems[0].code == "token"
    scene.pinned = set()
    assert ask(scene.login(), HOST_1).problems[0].code == "pin"
    scene.pinned = {MASTER}
    scene.doubles[MASTER].hang_up["session.login_with_password"] = "before"
    assert ask(scene.login(), HOST_1).problems[0].code == "unreachable"
    scene.doubles[MASTER].formats = ()
    assert "does not speak the XenAPI" in ask(scene.login(), HOST_1).problems[0].text


def test_a_server_without_xml_rpc_is_asked_in_json(scene: Scene) -> None:
    for double in scene.doubles.values():
        double.formats = ("json",)
    assert ask(scene.login(), HOST_1).accepted
    scene.driver().join(HOST_1)
    assert scene.database.created == 1


def test_join_once_and_never_again(scene: Scene) -> None:
    driver = scene.driver()
    driver.join(HOST_1)
    assert scene.new.slave_of == MASTER
    assert [member.name for member in scene.database.members][2:] == ["xen3.example.org"]
    driver.join(HOST_1)
    assert scene.new.calls.count("pool.join") == 1
    state = driver.status()
    assert (state.role, state.master, state.well) == ("member", MASTER, True)


@pytest.mark.parametrize("moment", ["before", "recorded", "after"])
def test_a_join_that_was_cut_is_taken_up_again_and_makes_no_second_host(scene: Scene, moment: str) -> None:
    scene.new.hang_up["pool.join"] = moment
    with pytest.raises(UserError, match="the connection ended"):
        scene.driver().join(HOST_1)
    scene.driver().join(HOST_1)
    assert scene.new.slave_of == MASTER
    assert (scene.database.created, len(scene.database.members)) == (1, 3)


def test_a_member_joins_without_its_password(scene: Scene) -> None:
    scene.driver().join(HOST_1)
    forgetful = scene.driver(JOIN.model_copy(update={"password": Secret(MASK)}))
    before = len(scene.doubles[MASTER].calls)
    forgetful.join(HOST_1)
    assert len(scene.doubles[MASTER].calls) == before


def test_a_member_of_another_pool_is_left_there(scene: Scene) -> None:
    scene.new.slave_of = "198.51.100.1"
    with pytest.raises(PoolRefused, match=r"member of another pool, whose master is 198.51.100.1") as caught:
        scene.driver().join(HOST_1)
    assert caught.value.permanent


def test_refusals_in_words(scene: Scene) -> None:
    scene.new.me.version = "8.2.0"
    with pytest.raises(PoolRefused, match="different product versions") as caught:
        scene.driver().join(HOST_1)
    assert (caught.value.problem.code, caught.value.permanent) == ("version", True)
    scene.new.refuse["pool.join"] = [["JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS"]]
    with pytest.raises(PoolRefused, match="shared storage of its own"):
        scene.driver().join(HOST_1)
    scene.new.refuse["session.login_with_password"] = [["HOST_STILL_BOOTING"]]
    with pytest.raises(PoolRefused, match="still starting") as caught:
        scene.driver().join(HOST_1)
    assert not caught.value.permanent
    assert scene.database.created == 0


def test_a_name_that_is_taken_is_refused_before_the_join(scene: Scene) -> None:
    reinstalled(scene)
    with pytest.raises(PoolRefused, match="already has a host xen3"):
        scene.driver().join(HOST_1)
    assert "pool.join" not in scene.new.calls


def test_a_master_of_others_does_not_join(scene: Scene) -> None:
    scene.new.database.members.append(Member("xen4", "192.0.2.4"))
    with pytest.raises(PoolRefused, match="master of other hosts"):
        scene.driver().join(HOST_1)


def test_create_names_the_pool_and_does_nothing_twice(scene: Scene) -> None:
    driver = scene.driver(None)
    assert driver.status().role == "alone"
    driver.create()
    driver.create()
    assert scene.new.database.name == "dc2.example.org"
    assert scene.new.calls.count("pool.set_name_label") == 1
    assert (driver.status().role, driver.status().pool) == ("master", "dc2.example.org")


def test_leave(scene: Scene, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory"
    driver = replace(scene.driver(), inventory=inventory)
    with pytest.raises(UserError, match="not a pool member"):
        driver.leave()
    driver.join(HOST_1)
    with pytest.raises(UserError, match="no INSTALLATION_UUID"):
        driver.leave()
    inventory.write_text(f"PRODUCT_VERSION='8.3.0'\nINSTALLATION_UUID='{scene.new.me.uuid}'\n")
    forgetful = replace(driver, join_as=JOIN.model_copy(update={"password": Secret(MASK)}))
    with pytest.raises(UserError, match="requires its password") as caught:
        forgetful.leave()
    assert scene.new.me.uuid in caught.value.hint
    driver.leave()
    assert (scene.new.slave_of, len(scene.database.members)) == ("", 2)


def test_status_of_an_xapi_that_does_not_answer(scene: Scene) -> None:
    scene.new.hang_up["session.login_with_password"] = "before"
    state = scene.driver().status()
    assert (state.well, state.reason) == (False, "the connection ended")
    scene.new.database = Database([scene.new.me, Member("xen4", "192.0.2.4", enabled=False)], "dc3")
    state = scene.driver().status()
    assert (state.role, state.hosts, state.reason) == ("master", 2, "disabled: xen4")


def test_small_words() -> None:
    assert is_server("10.0.0.1")
    assert is_server("2001:db8::1")
    assert is_server("xen1.example.org")
    assert not is_server("xen1/..")
    assert [upstream(text) for text in ("1:25.6.0-1~deb13", "25.6.0", "25.6.0-2")] == ["25.6.0"] * 3
