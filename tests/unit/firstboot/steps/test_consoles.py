from __future__ import annotations

import json
from typing import Any

import pytest
from fake_runner import Ended, FakeRunner

from dom0kit.errors import UserError
from firstboot.host import Host
from firstboot.steps.consoles import GETTYS, KEY_MAP, consoles, keyboard, xkb_layout


def with_answers(host: Host, host_answers: dict[str, Any], **answers: Any) -> Host:
    host.path("etc/dom0kit/host.json").write_text(json.dumps({**host_answers, **answers}))
    return Host(host.root, host.run)


@pytest.mark.parametrize(
    ("key_map", "expected"),
    [
        ("de", ("de", "")),
        ("de-latin1", ("de", "")),
        ("de-latin1-nodeadkeys", ("de", "nodeadkeys")),
        ("fr-latin9", ("fr", "")),
        ("fr-pc", ("fr", "")),
        ("uk", ("gb", "")),
        ("sv-latin1", ("se", "")),
        ("br-abnt2", ("br", "")),
        ("fr_CH-latin1", ("ch", "fr")),
        ("sg-latin1", ("ch", "de")),
        ("us-intl", ("us", "intl")),
        ("dvorak", ("us", "dvorak")),
    ],
)
def test_names_of_old_become_layouts(key_map: str, expected: tuple[str, str]) -> None:
    assert xkb_layout(key_map) == expected


def test_a_key_map_is_made_and_loaded(host: Host, host_answers: dict[str, Any], calls: list[str]) -> None:
    host.run.outputs["ckbcomp"] = "keymaps 0-127\n"  # type: ignore[attr-defined]
    keyboard(with_answers(host, host_answers, keyboard="de-nodeadkeys"))
    assert host.read(KEY_MAP) == "keymaps 0-127\n"
    assert 'XKBLAYOUT="de"\nXKBVARIANT="nodeadkeys"\n' in host.read("etc/default/keyboard")
    assert calls == [
        "ckbcomp -compact -model pc105 -layout de -variant nodeadkeys",
        "systemctl --no-block restart dom0kit-keyboard.service",
    ]


def test_the_kernel_has_a_key_map_of_its_own(host: Host, host_answers: dict[str, Any], calls: list[str]) -> None:
    keyboard(host)
    assert calls == []
    keyboard(with_answers(host, host_answers, keyboard="de"))
    calls.clear()
    keyboard(with_answers(host, host_answers, keyboard="us"))
    assert calls[0] == "ckbcomp -compact -model pc105 -layout us"


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (Ended(255, "", ""), "ckbcomp ended with 255"),
        (Ended(255, "", 'ckbcomp: Can not find file "symbols/klingon" in any known directory\n'), "symbols/klingon"),
        # For an unknown variant ckbcomp only warns.
        (Ended(0, "keymaps 0-127\n", 'WARNING: Can not find "foo" in "de".\n'), 'Can not find "foo"'),
    ],
)
def test_a_key_map_never_fails_a_first_boot(host: Host, host_answers: dict[str, Any], ended: Ended, reason: str) -> None:
    host = with_answers(host, host_answers, keyboard="klingon")
    host.run = FakeRunner({"ckbcomp": ended})
    keyboard(host)
    assert len(host.warnings) == 1
    assert "the console keeps the key map us: klingon cannot be made" in host.warnings[0]
    assert reason in host.warnings[0]
    assert not host.path(KEY_MAP).exists()


def test_a_key_map_does_not_need_its_compiler(host: Host, host_answers: dict[str, Any]) -> None:
    host = with_answers(host, host_answers, keyboard="de")

    def missing(*_: Any, **__: Any) -> Any:
        raise UserError("ckbcomp: command not found")

    host.run = missing
    keyboard(host)
    assert host.warnings == ["the console keeps the key map us: de cannot be made (ckbcomp: command not found)"]


def test_no_serial_console_means_no_log_in_on_serial_lines(host: Host, host_answers: dict[str, Any], calls: list[str]) -> None:
    consoles(host)
    assert calls == []
    off = with_answers(host, host_answers, serial_console="none")
    consoles(off)
    units = [host.path("etc/systemd/system") / name for name in GETTYS]
    assert all(unit.readlink().as_posix() == "/dev/null" for unit in units)
    assert calls == ["systemctl daemon-reload", f"systemctl stop {' '.join(GETTYS)}"]
    calls.clear()
    consoles(off)
    assert calls == []
    consoles(with_answers(host, host_answers, serial_console={"port": "com2"}))
    assert not any(unit.is_symlink() for unit in units)
    assert calls == ["systemctl daemon-reload"]
