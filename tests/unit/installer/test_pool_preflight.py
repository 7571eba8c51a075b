"""The pool is asked before a disk is touched."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_runner import FakeRunner

from answerfiles.model import Answers, Management, Pool
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from installer import pool_preflight
from installer.command_log import Commands
from installer.model.hardware import Nic
from installer.network import session, trial
from installer.pool_preflight import AdmissionCheck
from network.networkd import trial_files
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join.preflight import ask_pool, describe_request
from pool.join.token import JoinToken

TOKEN = JoinToken(
    b"\x03" + bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"), b"s" * 32, ("192.0.2.1",)
)
JOINING = Pool.model_validate({"join": {"token": TOKEN.write()}})
NIC = Nic("eth0", "52:54:00:00:00:01", "virtio_net")
FIXED = Management.model_validate({"ipv4": {"address": "192.0.2.20/24", "gateway": "192.0.2.254"}})
DHCP = Management.model_validate({"ipv4": "dhcp"})
JOINER = JoiningHost("h1", (), "", "", "")


class Machine:
    """A machine with these addresses, whose commands are only recorded."""

    def __init__(self, *addresses: str) -> None:
        info = [{"family": "inet", "local": a, "prefixlen": 24, "scope": "global"} for a in addresses]
        shown = json.dumps([{"addr_info": info}])
        self.runner = FakeRunner({"ip": lambda call: shown if "address" in call.argv else ""})
        self.lines = self.runner.calls
        self.log = io.StringIO()
        self.commands = Commands(self.log, runner=self.runner)


class Time:
    """A clock that goes on only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text(json.dumps({"version": "0.1.0", "packages": {"ganeti": "3.1.0-1"}}))
    return tmp_path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "network"


def ask(image: Path, answers: Iterator[PoolAnswer], time: Time, seen: list[JoiningHost]) -> PoolAnswer:
    def speak(pool: Pool, joiner: JoiningHost) -> PoolAnswer:
        seen.append(joiner)
        return next(answers)

    machine = Machine("10.0.2.15")
    asked = AdmissionCheck("h1", JOINING, DHCP, (NIC,))
    with Reporter("installer").step("x") as step:
        return pool_preflight.check_admission(
            asked, image, machine.commands, step, speak=speak, clock=time.clock, sleep=time.sleep
        )


def refused(code: str) -> PoolAnswer:
    return PoolAnswer(problems=(Problem(code, f"because of {code}", "do this"),))  # type: ignore[arg-type]


def test_a_welcome_host_goes_on(image: Path) -> None:
    seen: list[JoiningHost] = []
    assert ask(image, iter([PoolAnswer("pool")]), Time(), seen).pool == "pool"
    assert (seen[0].version, seen[0].toolstack, seen[0].addresses) == ("0.1.0", "ganeti 3.1.0", ("10.0.2.15",))


def test_a_refusal_is_told_with_its_hint_and_at_once(image: Path) -> None:
    time = Time()
    with pytest.raises(UserError, match="the pool rejects this host: because of expired") as caught:
        ask(image, iter([refused("expired")]), time, [])
    assert "do this" in caught.value.hint
    assert "No disk was changed" in caught.value.hint
    assert time.now == 0


def test_several_reasons_are_a_list() -> None:
    text, hint = pool_preflight.problems_text((Problem("clock", "one", "a"), Problem("version", "two", "b")))
    assert text.splitlines() == ["the pool rejects this host for 2 reasons", "- one (a)", "- two (b)"]
    assert hint


def test_a_pool_that_is_not_there_yet_is_asked_again(image: Path) -> None:
    time, seen = Time(), list[JoiningHost]()
    ask(image, iter([refused("unreachable"), refused("busy"), PoolAnswer("pool")]), time, seen)
    assert len(seen) == 3
    with pytest.raises(UserError, match="because of unreachable"):
        ask(image, iter([refused("unreachable")] * 200), time, [])
    assert pool_preflight.SECONDS <= time.now < 2 * pool_preflight.SECONDS


def test_the_network_of_the_answers_is_there_while_asking_and_gone_afterwards(folder: Path) -> None:
    machine = Machine("192.0.2.20")
    with session.network(FIXED, (NIC,), machine.commands, lambda f, t: None, folder=folder) as found:
        assert found == ("192.0.2.20",)
        assert any("192.0.2.20/24" in path.read_text() for path in folder.iterdir())
    assert list(folder.iterdir()) == []
    assert machine.lines.count("networkctl reconfigure eth0") == 2


def test_it_is_gone_after_a_failure_too(folder: Path) -> None:
    time, machine = Time(), Machine()
    with (
        pytest.raises(UserError, match="no address"),
        session.network(FIXED, (NIC,), machine.commands, lambda f, t: None, folder=folder, clock=time.clock, sleep=time.sleep),
    ):
        raise AssertionError("there is no network")
    assert list(folder.iterdir()) == []


def test_plain_dhcp_is_what_the_installer_has_anyway(folder: Path) -> None:
    machine = Machine("10.0.2.15")
    with session.network(DHCP, (NIC,), machine.commands, lambda f, t: None, folder=folder):
        pass
    assert not any("networkctl" in words for words in machine.lines)
    assert "show dev eth0" in machine.lines[0]


def test_plain_dhcp_is_not_there_when_kernel_arguments_put_the_card_into_a_vlan(folder: Path) -> None:
    folder.mkdir()
    kept = folder / "70-dom0kit-boot-base.network"
    kept.write_text("[Match]\nName=eth0\n\n[Network]\nVLAN=dom0kit-vlan\nDHCP=no\n")
    machine = Machine("10.0.2.15")
    with session.network(DHCP, (NIC,), machine.commands, lambda f, t: None, folder=folder):
        assert len(list(folder.iterdir())) > 1
    assert list(folder.iterdir()) == [kept]
    assert machine.lines.count("networkctl reconfigure eth0") == 2


def test_what_the_screens_have_set_up_stays(folder: Path) -> None:
    folder.mkdir()
    for name, text in trial_files(trial.layout(FIXED, (NIC,)))[1].items():
        (folder / name).write_text(text)
    machine = Machine("192.0.2.20")
    with session.network(FIXED, (NIC,), machine.commands, lambda f, t: None, folder=folder):
        pass
    assert list(folder.iterdir())
    assert not any("networkctl" in words for words in machine.lines)


def test_the_plan_says_what_will_be_asked_without_the_secret() -> None:
    asked = AdmissionCheck("h1", JOINING, DHCP, (NIC,))
    assert asked.describe() == f"first ask the pool at 192.0.2.1 with the join token {TOKEN.id} whether it accepts this host"
    assert TOKEN.write() not in repr(asked)
    assert pool_preflight.secrets(JOINING) == (TOKEN.write(),)


def test_a_spaced_out_token_is_masked_in_both_spellings() -> None:
    text = TOKEN.write()
    pool = Pool.model_validate({"join": {"token": f"{text[:40]} {text[40:]}"}})
    assert pool_preflight.secrets(pool) == (text,)
    assert describe_request(pool).endswith("accepts this host")


def test_without_a_pool_nobody_is_asked() -> None:
    for pool in (Pool(), Pool(toolstack="xl"), Pool.model_validate({"create": {"name": "pool.example.net"}})):
        assert ask_pool(pool, JOINER).accepted
        assert describe_request(pool) == ""
    answers = Answers.model_construct(pool=Pool())
    assert pool_preflight.make_admission_check(answers, ()) is None


def test_a_mangled_token_is_a_problem_and_no_question() -> None:
    pool = Pool.model_validate({"join": {"token": "d0k1-AAAA"}})
    assert ask_pool(pool, JOINER).problems[0].code == "token"
    assert "damaged" in describe_request(pool)


def test_xapi_s_pools_are_asked_by_their_own_module() -> None:
    import importlib.util  # noqa: PLC0415

    join = {"address": "192.0.2.1", "user": "root", "password": "secret12", "fingerprint": "sha256:" + "ab" * 32}
    pool = Pool.model_validate({"toolstack": "xapi", "join": join})
    assert "192.0.2.1" in describe_request(pool)
    if importlib.util.find_spec("pool.xapi") is None:
        assert ask_pool(pool, JOINER).problems[0].code == "toolstack"


def test_a_mangled_token_is_found_before_anybody_is_asked() -> None:
    def problems(token: str) -> list[str]:
        return pool_preflight.token_problems(Answers.model_construct(pool=Pool.model_validate({"join": {"token": token}})))

    assert problems(TOKEN.write()) == []
    assert problems("env:TOKEN") == []
    wrong = problems(TOKEN.write()[:-1])
    assert len(wrong) == 1
    assert "damaged" in wrong[0]
    assert TOKEN.write()[10:30] not in wrong[0]
    assert pool_preflight.token_problems(Answers.model_construct(pool=Pool())) == []
