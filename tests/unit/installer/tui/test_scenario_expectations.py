"""The screens say what the scenarios of the screens expect, and accept what these type."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from screen_samples import DIRTY, state

from installer.tui.pages import host, network, pool, summary
from installer.tui.state import State
from installer.tui.toolkit.forms import Entry, Form, Problem, Values
from qa.install import answers
from qa.scenarios.tui import test_tui_disks, test_tui_forms
from qa.tui import navigation_checks, standard_path

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEMzOeMzP3pVl9SMOA7kHkUSFBGkvRDzmvv1Vq0uQH qa"
Submit = Callable[[State, Values], State | list[Problem]]


@pytest.fixture(autouse=True)
def _no_libcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "make_hash", lambda password: "$6$saltsalt$" + "a" * 86)


def refusals(submit: Submit, values: Values, where: State | None = None) -> list[str]:
    """Return what a screen says about input."""
    found = submit(where or state(), values)
    return [] if isinstance(found, State) else [problem.text for problem in found]


@pytest.mark.parametrize(("label", "text", "sentence"), navigation_checks.NETWORK_MISTAKES)
def test_wrong_addresses(label: str, text: str, sentence: str) -> None:
    assert label in labels(network.static4(state()))
    assert refusals(network.submit_static4, {"static.address": text, "static.gateway": ""}) == [sentence]


@pytest.mark.parametrize(("text", "sentence"), navigation_checks.GATEWAY_MISTAKES)
def test_wrong_gateways(text: str, sentence: str) -> None:
    fixed = test_tui_forms.FIXED
    values = {"static.address": fixed["address"], "static.gateway": text}
    assert refusals(network.submit_static4, values) == [sentence]
    assert not refusals(network.submit_static4, {**values, "static.gateway": fixed["gateway"]})


@pytest.mark.parametrize(("text", "sentence"), navigation_checks.NAME_MISTAKES)
def test_wrong_names(text: str, sentence: str) -> None:
    assert refusals(network.submit_names, {"name.host": text}) == [sentence]


@pytest.mark.parametrize(("first", "second", "sentence"), navigation_checks.PASSWORD_MISTAKES)
def test_wrong_passwords(first: str, second: str, sentence: str) -> None:
    (said,) = refusals(host.submit_root, {"root.password": first, "root.again": second})
    assert said.startswith(sentence)


def test_other_refusals() -> None:
    assert refusals(network.submit_ip, {"ip.v4": "static", "ip.v6": "none", "ip.vlan": "4095"}) == [navigation_checks.WRONG_VLAN]
    assert refusals(network.submit_static4, {"static.address": ""}) == [navigation_checks.NO_ADDRESS]
    said = refusals(network.submit_names, {"name.host": answers.HOST_NAME, "name.dns": navigation_checks.WRONG_SERVER})
    assert said[0].startswith(f"{navigation_checks.WRONG_SERVER}:")
    dirty = state().with_values({"disk.key": DIRTY.path})
    assert refusals(summary.submit_confirm, {"confirm.word": "yes"}, dirty) == [test_tui_disks.ASKED]
    assert not refusals(summary.submit_confirm, {"confirm.word": standard_path.WORD}, dirty)


def labels(form: Form) -> list[str]:
    """Return the labels of a form's fields."""
    return [item.label for item in form.items if isinstance(item, Entry)]


def test_standard_path_is_accepted() -> None:
    """What the scenarios type into the fields that they name."""
    wanted = standard_path.Choices("qa-0123456789ab", KEY)
    typed = {"name.host": wanted.name, "name.dns": wanted.dns}
    assert not refusals(network.submit_names, typed)
    assert not refusals(host.submit_city, {"zone.city": "Europe/Berlin", "zone.ntp": wanted.ntp})
    password = {"root.password": wanted.password, "root.again": wanted.password}
    assert not refusals(host.submit_root, {**password, "root.key": wanted.key})
    for text, form in (
        ("Host name", network.names(state())),
        ("Name servers", network.names(state())),
        ("NTP servers", host.city(state())),
        ("Password", host.root(state())),
        ("Repeat password", host.root(state())),
        ("SSH key", host.root(state())),
        ("Pool name", pool.create(state())),
        ("Pool address", pool.create(state())),
        ("Token", pool.token(state())),
    ):
        assert any(label.startswith(text) for label in labels(form)), text


def test_fields_of_passwords_are_left_out_of_comparisons() -> None:
    """They are empty when a screen is shown again."""
    rows = [f"│ {label}  ****____ │" for label in labels(host.root(state())) if "assword" in label]
    assert len(rows) == 2
    for row in rows:
        assert not navigation_checks.known(row).strip()
