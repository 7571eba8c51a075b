"""An inventory is read whole or refused with every reason and its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerfiles.inventory.inventory import MOST_SHOWN, Inventory, InventoryError
from answerfiles.inventory.render import Site, render_hosts, report_token
from answerfiles.inventory.sources import parse_inventory

SITE = Site("http://192.0.2.1", b"k" * 32)
HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
GOOD = f"""\
defaults:
  target: {{disk: {{serial: D1}}}}
  root: {{password_hash: "{HASH}"}}
  vars: {{base: 10, domain: example}}
groups:
  a: {{time: {{zone: Europe/Berlin, ntp: [ntp1]}}, keyboard: de}}
  b: {{time: {{ntp: [ntp2]}}}}
hosts:
  xen1: {{mac: "52-54-00-00-00-01", groups: [a, b]}}
  xen2:
    uuid: 00112233-4455-6677-8899-AABBCCDDEEFF
    host_name: "{{{{ host.name }}}}.{{{{ vars.domain }}}}"
    network: {{management: {{vlan: "{{{{ vars.base + host.index }}}}"}}}}
    boot_arguments: "dom0kit.nic={{{{ host.uuid }}}}"
"""


def read(text: str, folder: Path = Path("/nowhere")) -> Inventory:
    return parse_inventory(text, folder / "inv.yaml")


def errors(text: str, folder: Path = Path("/nowhere")) -> str:
    with pytest.raises(InventoryError) as caught:
        render_hosts(read(text, folder), SITE)
    return str(caught.value)


def test_layers_and_computed_values() -> None:
    first, second = render_hosts(read(GOOD), SITE)
    assert first.host.mac == "52:54:00:00:00:01"
    assert "  zone: Europe/Berlin\n  ntp:\n    - ntp2\n" in first.answers
    assert "keyboard: de\n" in first.answers
    assert "host_name: xen1\n" in first.answers
    assert "host_name: xen2.example\n" in second.answers
    assert "vlan: 11\n" in second.answers
    assert "keyboard" not in second.answers
    assert second.boot_arguments == "dom0kit.nic=00112233-4455-6677-8899-aabbccddeeff"
    assert second.consoles == "console=tty0 console=ttyS0,115200n8"


def test_each_host_reports_with_a_token_of_its_own() -> None:
    first, second = render_hosts(read(GOOD), SITE)
    assert first.report == "http://192.0.2.1/report/xen1"
    assert report_token(SITE.key, "xen1") in first.answers
    assert report_token(SITE.key, "xen1") not in second.answers
    assert render_hosts(read(GOOD), SITE)[0].answers == first.answers
    own = GOOD.replace("  vars: {", "  reports: {webhook: {url: 'https://ci.example/x/{host}'}}\n  vars: {")
    rendered = render_hosts(read(own), SITE)[0]
    assert rendered.report == "https://ci.example/x/xen1"
    assert "token" not in rendered.answers


def test_all_errors_at_once_with_places() -> None:
    text = GOOD.replace("groups: [a, b]", "groups: [a, c], keybord: us").replace("uuid: 00112233", "uuid: 0011")
    said = errors(text)
    assert "has 3 errors, nothing was written" in said
    assert "inv.yaml:9:48: hosts.xen1.groups[1]: found 'c'; no such group" in said
    assert "hosts.xen1.keybord: unknown key, did you mean 'keyboard'?" in said
    assert "inv.yaml:11:11: hosts.xen2.uuid: found" in said


def test_the_same_machine_twice_names_both() -> None:
    text = GOOD + '  xen3: {mac: "52:54:00:00:00:01", serial: S}\n  xen4: {serial: s}\n'
    said = errors(text)
    assert "hosts.xen3.mac: found '52:54:00:00:00:01'; the host xen1 has the same mac" in said
    assert "hosts.xen4.serial: found 's'; the host xen3 has the same serial" in said
    assert "the key 'xen2' is repeated" in errors(GOOD + "  xen2: {serial: S}\n")
    said = errors(GOOD + "  xen3: {serial: S, host_name: xen1}\n")
    assert "host xen3: host_name: found 'xen1'; the host xen1 has the same name" in said


def test_an_error_in_defaults_is_told_once_with_its_place() -> None:
    said = errors(GOOD.replace("serial: D1", "seriall: D1"))
    assert said.count("inv.yaml:2:19: host xen1 and 1 more: target.disk.seriall: unknown key, did you mean 'serial'?") == 1


def test_a_host_without_identity_or_name() -> None:
    said = errors(GOOD + "  Xen3: {}\n")
    assert "hosts.Xen3: found 'Xen3'; allowed as a host's name" in said
    assert "at least one of mac, uuid and serial" in said


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("{{ vars.nothing }}", "has no attribute 'nothing'"),
        ("x{{ vars.nothing }}", "has no attribute 'nothing'"),
        ("{{ 1 // 0 }}", "zero"),
        ("{{ host.name", "unexpected end"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ range }}", "not text, a number"),
    ],
)
def test_an_expression_that_fails_is_an_error_with_a_place(expression: str, why: str) -> None:
    said = errors(GOOD + f'  xen3: {{serial: S, keyboard: "{expression}"}}\n')
    assert "inv.yaml:15:" in said
    assert "host xen3: keyboard: " in said
    assert "cannot be computed" in said
    assert why in said


def test_secret_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GOOD.replace(f'"{HASH}"', '"file:root.hash"')
    said = errors(text, tmp_path)
    assert "inv.yaml:3:25: host xen1 and 1 more: root.password_hash: found 'file:root.hash'; the file" in said
    (tmp_path / "root.hash").write_text(HASH + "\n")
    assert HASH in render_hosts(read(text, tmp_path), SITE)[0].answers
    (tmp_path / "root.hash").write_text("hunter2\n")
    said = errors(text, tmp_path)
    assert "a value that is not shown" in said
    assert "hunter2" not in said
    monkeypatch.setenv("ROOT_HASH", HASH)
    assert HASH in render_hosts(read(GOOD.replace(f'"{HASH}"', '"env:ROOT_HASH"')), SITE)[0].answers
    monkeypatch.delenv("ROOT_HASH")
    assert "the environment variable ROOT_HASH is not set" in errors(GOOD.replace(f'"{HASH}"', '"env:ROOT_HASH"'))


def test_a_long_list_is_cut() -> None:
    hosts = "".join(f"  h{i}: {{serial: S{i}, x{i}: 1}}\n" for i in range(MOST_SHOWN + 7))
    assert "  and 7 more" in errors(GOOD + hosts)


@pytest.mark.parametrize(
    "text", ["", "[]", "hosts: 1", "hosts: {a: }", "defaults: []\nhosts: {a: {mac: []}}", "{", "a: &x {b: *x}"]
)
def test_malformed_files_are_errors(text: str) -> None:
    assert "error" in errors(text)


def test_boot_arguments_stay_on_their_line() -> None:
    for wrong in ('"a; reboot"', '"$x"', '"a\\nb"', "[a]"):
        assert "kernel arguments on one line" in errors(GOOD + f"  xen3: {{serial: S, boot_arguments: {wrong}}}\n")
