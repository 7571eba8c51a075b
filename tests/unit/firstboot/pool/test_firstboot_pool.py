from __future__ import annotations

import json
from typing import Any

import pytest

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from firstboot.host import HOST_JSON, Host
from firstboot.pool import driver_factory, steps
from firstboot.pool.managed_host import managed_host, managed_host_from_json
from firstboot.retry import NoRetry
from firstboot.runner import RunOptions, run_steps
from firstboot.steps.steps import STEPS
from pool.driver import JoiningHost, PoolState, Problem
from pool.ganeti.driver import Ganeti
from pool.join.messages import JoinRefused
from pool.refusals import Code
from pool.xl import Xl


def tell(host: Host, **changes: Any) -> Host:
    """Return the host with other answers."""
    host.write(HOST_JSON, json.dumps({**host.host_json, **changes}), 0o600)
    return Host(host.root, host.run)


def test_what_a_driver_is_told(host: Host) -> None:
    found = managed_host(host)
    assert (found.name, found.address, found.port, found.volume_group) == ("xen1.example.net", "10.0.2.15", "xenbr0", "guests")
    tagged = managed_host_from_json(
        {"host_name": "h", "guests": "none", "network": {"management": {"bridge": "br9", "vlan": 77}}}
    )
    assert (tagged.port, tagged.bridge, tagged.vlan, tagged.volume_group) == ("mgmt.77", "br9", 77, None)


def test_the_pools_address_is_not_the_hosts(host: Host, host_answers: dict[str, Any]) -> None:
    network = {"management": {**host_answers["network"]["management"], "ipv4": {"address": "10.0.2.15/24"}}}
    outputs = host.run.outputs  # type: ignore[attr-defined]
    both = [{"family": "inet", "local": text, "scope": "global"} for text in ("10.0.2.9", "10.0.2.15")]
    outputs["ip"] = json.dumps([{"addr_info": both}])
    assert managed_host(tell(host, network=network)).address == "10.0.2.15"


def test_a_host_alone_without_ganeti_is_left_alone(host: Host, calls: list[str]) -> None:
    steps.toolstack(host)
    assert calls == []


def test_a_pool_needs_an_image_with_ganeti(host: Host) -> None:
    with pytest.raises(UserError, match="no Ganeti"):
        steps.toolstack(tell(host, pool={"create": {"name": "p.example.org"}}))


def test_the_toolstack_xl_silences_ganeti(host: Host, calls: list[str]) -> None:
    host.write("usr/sbin/gnt-cluster", "#!")
    host.write("etc/cron.d/ganeti", "job")
    steps.toolstack(tell(host, pool={"toolstack": "xl"}))
    assert "systemctl mask --quiet ganeti.target" in calls
    assert not host.path("etc/cron.d/ganeti").exists()


def test_a_pool_needs_ssh(host: Host) -> None:
    with pytest.raises(UserError, match="ssh: off"):
        steps.pool(tell(host, ssh="off", pool={"create": {"name": "p.example.org"}}))


def test_without_a_pool_in_the_answers_nothing_is_done(host: Host, calls: list[str]) -> None:
    steps.pool(host)
    assert calls == []


def test_the_token_is_forgotten_after_the_join_and_only_then(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[JoiningHost] = []
    fails = [True]

    def join(self: Ganeti, joining_host: JoiningHost) -> None:
        assert self.token == "d0k1-secret"
        if fails:
            raise UserError("the pool does not answer")
        joined.append(joining_host)

    monkeypatch.setattr(Ganeti, "join", join)
    host = tell(host, pool={"toolstack": "ganeti", "join": {"token": "d0k1-secret"}})
    step = [step for step in STEPS if step.name == "pool"]
    reporter = Reporter("firstboot", [])
    assert run_steps(host, reporter, step, say=str).failed
    assert "d0k1-secret" in host.read(HOST_JSON)
    fails.clear()
    assert run_steps(host, reporter, step, say=str, options=RunOptions(force=("pool",))).done == ["pool"]
    assert (joined[0].name, joined[0].addresses, joined[0].version) == ("xen1.example.net", ("10.0.2.15",), "0.1.0")
    assert "d0k1-secret" not in host.read(HOST_JSON)
    assert run_steps(Host(host.root, host.run), reporter, step, say=str).skipped == ["pool"]


@pytest.mark.parametrize(
    ("code", "kind"), [("expired", NoRetry), ("unreachable", JoinRefused), ("busy", JoinRefused), ("clock", JoinRefused)]
)
def test_what_no_waiting_mends_is_not_tried_again(
    host: Host, monkeypatch: pytest.MonkeyPatch, code: Code, kind: type[UserError]
) -> None:
    def join(self: Ganeti, joining_host: JoiningHost) -> None:
        raise JoinRefused(Problem(code, "no"))

    monkeypatch.setattr(Ganeti, "join", join)
    with pytest.raises(UserError) as caught:
        steps.pool(tell(host, pool={"join": {"token": "d0k1-x"}}))
    assert type(caught.value) is kind


def test_each_toolstack_has_its_driver(host: Host) -> None:
    assert isinstance(driver_factory.driver(host), Ganeti)
    assert isinstance(driver_factory.driver(tell(host, pool={"toolstack": "xl"})), Xl)
    assert driver_factory.pool_state(host) == PoolState("ganeti")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (PoolState("xl"), "xl, this host is in no pool"),
        (PoolState("ganeti", "p", "master", "h", 1), "p, 1 host; this is the master"),
        (PoolState("ganeti", "p", "member", "h", 3), "p, 3 hosts; master h"),
    ],
)
def test_a_pool_in_one_line(state: PoolState, text: str) -> None:
    assert steps.pool_text(state) == text


def test_the_pool_comes_after_the_network_and_before_scripts() -> None:
    names = [step.name for step in STEPS]
    assert names.index("address") < names.index("toolstack") < names.index("pool") < names.index("scripts")
    assert names[-1] == "confirm"
