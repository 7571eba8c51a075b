"""The kernel's command line says where the answers are."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fake_runner import Call, FakeRunner
from installer_samples import HASH

from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, Trust
from dom0kit.machine_identity import Identity
from dom0kit.redact import MASK, Redactor
from installer.answer_source import source, volumes
from installer.answer_source.source import (
    Arguments,
    Fetched,
    FromDhcp,
    OnUrl,
    parse_cmdline,
    parse_source,
    parse_trust,
    read_fetched,
    read_trust,
)
from installer.answer_source.volumes import OnLabel, OnMedium
from installer.command_log import Commands
from installer.hardware import used_volumes

ANSWERS = f'version: 1\nhost_name: h\ntarget: {{disk: {{serial: S}}}}\nroot: {{password_hash: "{HASH}"}}\n'


def test_cmdline() -> None:
    asked = parse_cmdline('quiet dom0kit.answers=/a.yaml x="a b" dom0kit.answers=label:ANSWERS/hosts/1.yaml dom0kit.plan-only\n')
    assert asked.answers == OnLabel("ANSWERS", "hosts/1.yaml")
    assert asked.plan_only
    assert (asked.trust, asked.report, asked.nic, asked.network_seconds) == (SYSTEM, "", "", 600)
    assert parse_cmdline("quiet").answers is None
    assert parse_cmdline("dom0kit.answers=").answers is None
    assert not parse_cmdline("dom0kit.answers=/a'b").plan_only
    assert parse_source("/sub/a.yaml") == OnMedium("sub/a.yaml")


def test_cmdline_for_the_network() -> None:
    pin = "AB" * 32
    asked = parse_cmdline(
        f"dom0kit.answers=https://s:8443/{{mac}}.yaml?k=v dom0kit.trust=sha256:{pin} dom0kit.report=http://s/report "
        "dom0kit.network-timeout=90 BOOTIF=01-52-54-00-AA-bb-cc"
    )
    assert asked.answers == OnUrl("https://s:8443/{mac}.yaml?k=v")
    assert "k=v" not in str(asked.answers)
    assert asked.trust == Trust(fingerprint=pin.lower())
    assert (asked.report, asked.nic, asked.network_seconds) == ("http://s/report", "52:54:00:aa:bb:cc", 90)
    assert parse_cmdline("dom0kit.answers=dhcp dom0kit.nic=52:54:00:00:00:01").answers == FromDhcp()
    assert parse_cmdline("dom0kit.nic=52:54:00:00:00:01 BOOTIF=01-52-54-00-aa-bb-cc").nic == "52:54:00:00:00:01"
    assert parse_trust("label:ANSWERS/ca.pem") == OnLabel("ANSWERS", "ca.pem")
    assert parse_trust("sha256:" + ":".join(["ab"] * 32)) == Trust(fingerprint="ab" * 32)


@pytest.mark.parametrize(
    "text", ["dom0kit.network-timeout=soon", "dom0kit.network-timeout=0", "dom0kit.trust=sha256:12", "dom0kit.trust=ca.pem"]
)
def test_arguments_that_are_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_cmdline(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    "text",
    ["ftp://x/a", "http:///a", "https://user:pw@x/a", "a.yaml", "label:X", "label:/a", "/", "/../etc/shadow", "label:X/../a"],
)
def test_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_source(text)
    assert caught.value.hint


def test_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def find(label: str) -> Path | None:
        tries.append(label)
        return tmp_path if len(tries) == 3 else None

    messages: list[str] = []
    monkeypatch.setattr(volumes, "LOOK_SECONDS", 0.01)
    settled = lambda: tries.append("settled")  # noqa: E731
    found = volumes.wait_for_label("A", lambda fraction, text: messages.append(text), find=find, seconds=5, settled=settled)
    assert found == tmp_path
    assert tries == ["A", "settled", "A"], "the seconds count from the moment at which udev is done"
    assert len(messages) == 0
    with pytest.raises(UserError, match="a volume with the label A to appear"):
        volumes.wait_for_label("A", lambda fraction, text: messages.append(text), find=lambda label: None, seconds=0.01)
    assert messages


def test_fetch_from_a_label_unmounts_in_every_case(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def mount(call: Call) -> str:
        (Path(call.argv[-1]) / "a.yaml").write_text(ANSWERS)
        return ""

    def unmount(call: Call) -> str:
        for file in Path(call.argv[-1]).iterdir():
            file.unlink()
        return ""

    runner = FakeRunner({"mount": mount, "umount": unmount})

    monkeypatch.setattr(volumes, "wait_for_label", lambda label, tell: Path("/dev/sdx1"))
    monkeypatch.setattr(used_volumes, "ROOT", tmp_path)
    commands = Commands(io.StringIO(), runner)
    got = source.fetch(Arguments(OnLabel("A", "a.yaml"), False), commands, Identity())
    assert read_fetched(got, Redactor()).host_name == "h"
    with pytest.raises(UserError, match=r"cannot read /b\.yaml on the volume A"):
        source.fetch(Arguments(OnLabel("A", "b.yaml"), False), commands, Identity())
    with pytest.raises(UserError, match="not valid PEM"):
        read_trust(OnLabel("A", "a.yaml"), commands)
    assert [words[0] for words in runner.words] == ["blkid", "mount", "umount"] * 3
    used = [volume.purpose for volume in used_volumes.read_used(tmp_path)]
    assert used == ["the answers", "the certificate"]


def test_the_secrets_of_bad_answers_are_masked_too() -> None:
    redactor = Redactor()
    text = "version: 1\nroot: {pasword: hunter2-plain}\nreports: {webhook: {token: abc123def, url: 5}}\n"
    with pytest.raises(UserError) as caught:
        read_fetched(Fetched(text, "a.yaml"), redactor)
    assert "hunter2-plain" not in str(caught.value)
    assert redactor("x abc123def y") == f"x {MASK} y"
