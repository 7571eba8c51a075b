"""The commands that make the UEFI image, without running them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runner import Call, FakeRunner
from iso_samples import EPOCH, IMAGE_ID

from iso import esp_image


def test_size_is_rounded_and_has_room() -> None:
    assert esp_image.image_size(0) == 262144
    assert esp_image.image_size(1) == 327680
    assert esp_image.image_size(1_036_288) % 65536 == 0


def test_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    def mformat(call: Call) -> str:
        Path(call.argv[2]).write_bytes(b"fat")
        return ""

    def mcopy(call: Call) -> str:
        loader, marker = Path(call.argv[4]), Path(call.argv[5])
        assert loader.read_bytes() == b"loader"
        assert marker.read_text() == f"{IMAGE_ID}\n"
        assert loader.stat().st_mtime == marker.stat().st_mtime == EPOCH
        return ""

    runner = FakeRunner({"mformat": mformat, "mcopy": mcopy})
    monkeypatch.setattr(esp_image, "run", runner)
    assert esp_image.make_uefi_image(b"loader", IMAGE_ID, EPOCH) == b"fat"
    calls = runner.words
    assert all(call.env["SOURCE_DATE_EPOCH"] == str(EPOCH) and "mtools" in call.hint for call in runner.requests)
    assert [call[0] for call in calls] == ["mformat", "mmd", "mcopy"]
    assert calls[0][calls[0].index("-N") + 1] == IMAGE_ID[:8]
    assert calls[0][calls[0].index("-T") + 1] == str(327680 // 512)
