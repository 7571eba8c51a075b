"""The kernel's command line says where the answers are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from installer_samples import HASH

from dom0kit.errors import UserError
from dom0kit.run import Result
from installer import source
from installer.commands import Commands
from installer.source import OnLabel, OnMedium, parse_cmdline, parse_source


def test_cmdline() -> None:
    asked = parse_cmdline('quiet dom0kit.answers=/a.yaml x="a b" dom0kit.answers=label:ANSWERS/hosts/1.yaml dom0kit.plan-only\n')
    assert asked.answers == OnLabel("ANSWERS", "hosts/1.yaml")
    assert asked.plan_only
    assert parse_cmdline("quiet").answers is None
    assert parse_cmdline("dom0kit.answers=").answers is None
    assert not parse_cmdline("dom0kit.answers=/a'b").plan_only
    assert parse_source("/sub/a.yaml") == OnMedium("sub/a.yaml")


@pytest.mark.parametrize(
    "text", ["http://x/a", "https://x", "a.yaml", "label:X", "label:/a", "/", "/../etc/shadow", "label:X/../a"]
)
def test_refused(text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_source(text)
    assert "label:LABEL/path" in caught.value.hint
    assert ("not yet supported" in caught.value.message) == text.startswith("http")


def test_waiting(tmp_path: Path) -> None:
    tries: list[str] = []

    def find(label: str) -> Path | None:
        tries.append(label)
        return tmp_path if len(tries) == 3 else None

    told: list[str] = []
    assert source.wait_for_label("A", lambda fraction, text: told.append(text), find=find, seconds=0.05) == tmp_path
    assert len(told) == 2
    with pytest.raises(UserError, match="no volume with the label A"):
        source.wait_for_label("A", find=lambda label: None, seconds=0.01)


def test_fetch_from_a_label_unmounts_in_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def runner(argv: list[str], **_: Any) -> Result:
        ran.append(argv[0])
        if argv[0] == "mount":
            (Path(argv[-1]) / "a.yaml").write_text(
                f'version: 1\nhost_name: h\ntarget: {{disk: {{serial: S}}}}\nroot: {{password_hash: "{HASH}"}}\n'
            )
        elif argv[0] == "umount":
            for file in Path(argv[-1]).iterdir():
                file.unlink()
        return Result(tuple(argv), 0, "", "", 0.0)

    monkeypatch.setattr(source, "find_label", lambda label: Path("/dev/sdx1"))
    monkeypatch.setattr(source, "wait_for_label", lambda label, tell: Path("/dev/sdx1"))
    commands = Commands(io.StringIO(), runner)
    assert source.fetch(OnLabel("A", "a.yaml"), commands).host_name == "h"
    with pytest.raises(UserError, match=r"cannot read the answers /b\.yaml on the volume A"):
        source.fetch(OnLabel("A", "b.yaml"), commands)
    assert ran == ["mount", "umount"] * 2
