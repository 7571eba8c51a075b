from __future__ import annotations

from pathlib import Path

import pytest

from answerfiles.known_names.image_names import parse
from dom0kit.errors import UserError
from image.known_names import collect, variants

BASE = "! model\n  pc105 Generic\n\n! layout\n  us   English (US)\n  de   German\n  custom  A user-defined layout\n\n! variant\n"
SYMBOLS = """
default partial alphanumeric_keys modifier_keys
xkb_symbols "basic" { };
// xkb_symbols "commented" { };
partial alphanumeric_keys xkb_symbols "neo" { include "de(basic)" };
hidden partial alphanumeric_keys
xkb_symbols "inner" { };
xkb_symbols   "bare" { };
"""


def tree(folder: Path) -> Path:
    zones = folder / "usr/share/zoneinfo"
    (zones / "Europe").mkdir(parents=True)
    for name in ("Europe/Kyiv", "UTC", "posixrules", "Factory"):
        (zones / name).write_bytes(b"TZif2" + bytes(40))
    (zones / "zone.tab").write_text("not a zone\n")
    (zones / "localtime").symlink_to("/etc/localtime")
    (zones / "tzdata.zi").write_text("# version 2026a\nL Europe/Kyiv Europe/Kiev\nL Asia/Gone Old/Gone\nL UTC UTC\n")
    xkb = folder / "usr/share/X11/xkb"
    (xkb / "rules").mkdir(parents=True)
    (xkb / "symbols").mkdir()
    (xkb / "rules/base.lst").write_text(BASE)
    (xkb / "symbols/de").write_text(SYMBOLS)
    (xkb / "symbols/us").write_text('xkb_symbols "intl" {};\n')
    (xkb / "symbols/capslock").write_text('xkb_symbols "swap" {};\n')
    return folder


def test_names_of_a_tree(tmp_path: Path) -> None:
    made = collect(tree(tmp_path))
    assert made == {
        "zones": ["Europe/Kyiv", "UTC"],
        "old_zones": {"Europe/Kiev": "Europe/Kyiv"},
        "layouts": {"de": ["bare", "basic", "neo"], "us": ["intl"]},
    }
    assert parse(made).layouts["us"] == frozenset({"intl"})


def test_a_tree_without_zones_is_refused(tmp_path: Path) -> None:
    folder = tree(tmp_path)
    (folder / "usr/share/zoneinfo/UTC").unlink()
    (folder / "usr/share/zoneinfo/Europe/Kyiv").unlink()
    with pytest.raises(UserError, match="0 time zones"):
        collect(folder)


def test_flags_of_a_block_may_be_on_lines_of_their_own() -> None:
    assert variants(SYMBOLS) == ["bare", "basic", "neo"]
