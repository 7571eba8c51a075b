"""Answers are a host's own: who gets them, by which path, and until when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from answerfiles.inventory.install_markers import NEW, arm, disarm
from answerfiles.inventory.render import answers_name, report_token, split_answers_name
from answerfiles.lab_server.answer_access import AnswerAccess, AskedHost, Client, parse_leases, refusal
from answerfiles.lab_server.report_receiver import Receiver, Refused

KEY = b"k" * 32
MAC, OTHER = "52:54:00:00:00:01", "52:54:00:00:00:02"
HOSTS = {
    "xen1": {"mac": MAC, "macs": [MAC, "52:54:00:00:00:11"], "serial": "S 1"},
    "xen2": {"mac": OTHER},
    "xen3": {"uuid": "0123"},
    "xen1.xen2": {"mac": "52:54:00:00:00:04"},
}
SECRET = answers_name(KEY, "xen1")
LEASES = f"""\
99999999999 {MAC} 10.77.0.101 xen1 01:{MAC}
0 {OTHER} 10.77.0.102 * *
1000 52:54:00:00:00:11 10.77.0.103 * ff:00
99999999999 52:54:00:00:00:09 10.77.0.109 xen1 *
duid 00:01:00:01:2a
99999999999 1234 fd00::1001 xen1 00:01:00:01
damaged
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/hosts.json").write_text(json.dumps({"hosts": HOSTS}))
    (tmp_path / "leases").write_text(LEASES)
    for host in ("xen1", "xen2", "xen3"):
        arm(tmp_path / "tree", host, NEW)
    return tmp_path / "tree"


def given(tree: Path, name: str, address: str, *, dhcp: bool) -> str:
    """Return the host whose answers are given; "" when none are."""
    host, why = AnswerAccess(tree, KEY, tree.parent / "leases" if dhcp else None).decide(name, address)
    return host if not why else ""


@pytest.mark.parametrize(
    "name", ["xen1.yaml", SECRET, "mac-52-54-00-00-00-01.yaml", "mac-52-54-00-00-00-11.yaml", "serial-S 1.yaml"]
)
def test_with_dhcp_answers_are_given_to_the_lease_of_the_hosts_mac_alone(tree: Path, name: str) -> None:
    assert given(tree, name, "10.77.0.101", dhcp=True) == "xen1"
    for foreign in ("10.77.0.102", "10.77.0.109", "10.77.0.200", "10.77.0.103", "", "not an address"):
        assert given(tree, name, foreign, dhcp=True) == ""


@pytest.mark.parametrize("address", ["10.77.0.101", "10.77.0.102", "fd00::1001"])
def test_with_dhcp_elsewhere_only_the_path_of_the_boot_configuration_is_given(tree: Path, address: str) -> None:
    assert given(tree, SECRET, address, dhcp=False) == "xen1"
    for guessed in ("xen1.yaml", "mac-52-54-00-00-00-01.yaml", f"xen1.{'0' * 32}.yaml", SECRET.replace("xen1", "xen2")):
        assert given(tree, guessed, address, dhcp=False) == ""


def test_a_host_without_a_mac_address_needs_the_path_with_dhcp_too(tree: Path) -> None:
    assert given(tree, answers_name(KEY, "xen3"), "10.77.0.102", dhcp=True) == "xen3"
    assert given(tree, "xen3.yaml", "10.77.0.102", dhcp=True) == ""
    assert given(tree, "uuid-0123.yaml", "10.77.0.102", dhcp=True) == ""


@pytest.mark.parametrize("dhcp", [True, False])
def test_answers_are_refused_after_the_installation_began(tree: Path, dhcp: bool) -> None:
    assert given(tree, SECRET, "10.77.0.101", dhcp=dhcp) == "xen1"
    disarm(tree, "xen1")
    assert given(tree, SECRET, "10.77.0.101", dhcp=dhcp) == ""
    assert "dom0kit answers arm" in AnswerAccess(tree, KEY).decide(SECRET, "10.77.0.101")[1]


@pytest.mark.parametrize(
    "name",
    ["", ".yaml", "xen9.yaml", "../hosts.json", "hosts.json", "xen1", "xen1.yaml/..", "..%2fx.yaml", "xen1\0.yaml", "é.yaml"],
)
def test_what_is_no_hosts_name_gives_nothing(tree: Path, name: str) -> None:
    for dhcp in (True, False):
        assert AnswerAccess(tree, KEY, tree.parent / "leases" if dhcp else None).decide(name, "10.77.0.101")[0] == ""


def test_the_path_differs_for_each_host_and_each_key() -> None:
    names = {answers_name(key, host) for key in (KEY, b"l" * 32) for host in HOSTS}
    assert len(names) == 2 * len(HOSTS)
    for host in HOSTS:
        assert split_answers_name(answers_name(KEY, host))[0] == host
    assert report_token(KEY, "xen1")[:32] not in SECRET


def test_leases_that_ended_and_lines_of_ipv6_are_none() -> None:
    assert parse_leases(LEASES, 2000.0) == {"10.77.0.101": MAC, "10.77.0.102": OTHER, "10.77.0.109": "52:54:00:00:00:09"}
    assert "10.77.0.103" in parse_leases(LEASES, 500.0)


def test_a_client_with_ipv6_needs_the_path() -> None:
    for secret in (True, False):
        host = AskedHost("xen1", frozenset({MAC}), armed=True, secret=secret)
        assert bool(refusal(host, Client("fd00::1001", dhcp=True))) is not secret


def test_a_token_is_worth_reports_of_its_host_alone(tree: Path) -> None:
    (tree.parent / "reports").mkdir()
    receiver = Receiver(tree, tree.parent / "reports", KEY)
    for mine in HOSTS:
        for other in HOSTS:
            if mine == other:
                assert receiver.limit(other, "application/json", f"Bearer {report_token(KEY, mine)}")[0]
                continue
            with pytest.raises(Refused) as caught:
                receiver.limit(other, "application/json", f"Bearer {report_token(KEY, mine)}")
            assert caught.value.status == 403


def test_a_refusal_is_reported_to_the_operator(tree: Path) -> None:
    events: list[tuple[str, str]] = []
    (tree.parent / "reports").mkdir()
    receiver = Receiver(
        tree, tree.parent / "reports", KEY, lambda host, event: events.append((host, event["text"])), tree.parent / "leases"
    )
    assert receiver.answers("xen1.yaml", "10.77.0.101") == "xen1.yaml"
    with pytest.raises(Refused) as caught:
        receiver.answers("xen1.yaml", "10.77.0.102")
    assert caught.value.status == 403
    assert events == [("xen1", f"10.77.0.102 is an address of {OTHER}, and xen1 has 52:54:00:00:00:01, 52:54:00:00:00:11")]
    with pytest.raises(Refused) as caught:
        receiver.answers("xen9.yaml", "10.77.0.102")
    assert caught.value.status == 404
