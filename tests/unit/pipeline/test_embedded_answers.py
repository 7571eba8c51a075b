"""What ``dom0kit answers embed`` puts into an ISO."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerfiles.reader import is_xml, parse_answers
from pipeline.answers_cli import complete_answers

XML = """\
<installation>
<primary-disk>/dev/disk/by-id/a</primary-disk>
<admin-interface hwaddr="52:54:00:12:34:56" proto="dhcp"/>
<root-password>correct horse battery</root-password>
<hostname>Xen1</hostname>
</installation>
"""


def test_the_plain_password_of_an_xml_file_stays_out_of_the_iso(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xml").write_text(XML)
    text, host, _ = complete_answers(tmp_path / "a.xml")
    assert host == "xen1"
    assert "correct horse battery" not in text + capsys.readouterr().err
    assert not is_xml(text)
    assert parse_answers(text).host_name == "xen1"
