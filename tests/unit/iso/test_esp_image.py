"""The commands that make the UEFI image, without running them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from iso_samples import EPOCH, IMAGE_ID

from iso import esp_image


def test_size_is_rounded_and_has_room() -> None:
    assert esp_image.image_size(0) == 262144
    assert esp_image.image_size(1) == 327680
    assert esp_image.image_size(1_036_288) % 65536 == 0


def test_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def fake_run(argv: list[Any], *, env: dict[str, str], hint: str) -> None:
        assert env["SOURCE_DATE_EPOCH"] == str(EPOCH)
        assert "mtools" in hint
        calls.append([str(word) for word in argv])
        if argv[0] == "mformat":
            Path(argv[2]).write_bytes(b"fat")
        if argv[0] == "mcopy":
            loader, marker = Path(argv[4]), Path(argv[5])
            assert loader.read_bytes() == b"loader"
            assert marker.read_text() == f"{IMAGE_ID}\n"
            assert loader.stat().st_mtime == marker.stat().st_mtime == EPOCH

    monkeypatch.setattr(esp_image, "run", fake_run)
    assert esp_image.make_uefi_image(b"loader", IMAGE_ID, EPOCH) == b"fat"
    assert [call[0] for call in calls] == ["mformat", "mmd", "mcopy"]
    assert calls[0][calls[0].index("-N") + 1] == IMAGE_ID[:8]
    assert calls[0][calls[0].index("-T") + 1] == str(327680 // 512)
