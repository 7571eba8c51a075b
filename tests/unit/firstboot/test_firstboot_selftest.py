from __future__ import annotations

import argparse

import pytest
from fake_runner import Call, Ended, FakeRunner

from dom0kit.errors import UserError
from firstboot.host import Host
from firstboot.pool import selftest
from pool import trial_guest


class Hypervisor:
    """A host whose guests are lines in a list."""

    def __init__(self, host: Host, *, silent: bool = False) -> None:
        assert isinstance(host.run, FakeRunner)
        self.silent, self.guests = silent, list[str]()
        self.runner = host.run
        self.calls = host.run.calls
        self.runner.outputs |= {
            "gnt-instance add": self.start,
            "xl create": self.start,
            "gnt-instance list": lambda call: "\n".join(self.guests),
            "ping": lambda call: Ended(int(self.silent or not self.guests)),
        }
        self.runner.acts |= {"gnt-instance remove": self.guests.clear, "xl destroy": self.guests.clear}

    def start(self, call: Call) -> str:
        self.guests.append(call.argv[-1])
        return ""


def options(**values: object) -> argparse.Namespace:
    base: dict[str, object] = {"host": None, "partner": None, "address": None, "name": "t", "keep": False}
    return argparse.Namespace(**{**base, **values})


@pytest.fixture
def hypervisor(host: Host, monkeypatch: pytest.MonkeyPatch) -> Hypervisor:
    value = Hypervisor(host)
    monkeypatch.setattr(selftest, "Host", lambda: host)
    monkeypatch.setattr(selftest, "PING_SECONDS", -1.0)
    monkeypatch.setattr(trial_guest, "build", lambda place, release: None)
    return value


def in_pool(host: Host, master: str) -> None:
    folder = host.path("var/lib/ganeti")
    folder.mkdir(parents=True)
    files = {"cluster_name": "p", "master_node": master, "node_list": f"{host.name}\nother.example.net"}
    for name, text in files.items():
        (folder / f"ssconf_{name}").write_text(text)
    (folder / "server.pem").write_text("x")


def test_without_a_pool_by_xl_and_nothing_is_left(host: Host, hypervisor: Hypervisor) -> None:
    assert selftest.selftest(options()) == 0
    order = [call.split()[0] + call.split()[1] for call in hypervisor.calls if call.split()[0] in ("xl", "ping", "ip")]
    assert order == ["ip-json", "ipaddress", "xlcreate", "ping-n", "xldestroy", "ipaddress"]
    assert not host.path("run/dom0kit/t.cfg").exists()


def test_a_guest_in_the_pool_is_made_pinged_and_removed(host: Host, hypervisor: Hypervisor) -> None:
    in_pool(host, host.name)
    assert selftest.selftest(options(host="other.example.net", address="10.0.0.9/24")) == 0
    assert hypervisor.guests == []
    assert not [call for call in hypervisor.calls if call.startswith("ip address")], "the address was given"
    assert [call for call in hypervisor.calls if call.startswith("gnt-instance add") and "--node=other.example.net" in call]


def test_a_guest_that_does_not_answer_is_removed_all_the_same(host: Host, hypervisor: Hypervisor) -> None:
    in_pool(host, host.name)
    hypervisor.silent = True
    with pytest.raises(UserError, match="waiting for the guest to answer"):
        selftest.selftest(options(keep=True))
    assert hypervisor.guests == []


def test_a_guest_that_shall_be_kept_is_kept(host: Host, hypervisor: Hypervisor) -> None:
    in_pool(host, host.name)
    selftest.selftest(options(keep=True, address="10.0.0.9/24"))
    assert hypervisor.guests == ["t"]


@pytest.mark.parametrize(
    ("master", "values", "text"),
    [
        ("other.example.net", {}, "on its master other"),
        ("", {"host": "x"}, "in no pool"),
        ("xen1.example.net", {"host": "stranger"}, "stranger is not in the pool"),
        ("xen1.example.net", {"address": "10.0.0.300/24"}, "not an IPv4 address"),
    ],
)
def test_what_cannot_be(host: Host, hypervisor: Hypervisor, master: str, values: dict[str, object], text: str) -> None:
    if master:
        in_pool(host, master)
    with pytest.raises(UserError, match=text):
        selftest.selftest(options(**values))
    assert hypervisor.guests == []
