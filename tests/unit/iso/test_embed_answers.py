"""Embedding overwrites two reserved files and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from iso_samples import fake_image_folder, fake_uefi_image

from dom0kit.errors import UserError
from iso import embed_answers, hybrid_mbr_gpt, master
from iso.grub_menu import EMBEDDED_ANSWERS, UNATTENDED
from iso.layout import BOOT_HYBRID, read_image
from iso.verify import read_listing, verify

TEXTS = {UNATTENDED: embed_answers.unattended_cfg("xen1", "console=tty0"), EMBEDDED_ANSWERS: "version: 1\nhost_name: xen1"}


@pytest.fixture
def iso(tmp_path: Path) -> Path:
    folder = fake_image_folder(tmp_path / "image")
    manifest = read_image(folder)
    contents = master.collect(folder, manifest, uefi_image=fake_uefi_image)
    path = tmp_path / "a.iso"
    master.master(contents, manifest, (folder / BOOT_HYBRID).read_bytes(), path)
    return path


def test_every_other_byte_stays(iso: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.iso"
    embed_answers.embed(iso, TEXTS, new, tables=lambda path: [])
    before, after = iso.read_bytes(), new.read_bytes()
    assert len(before) == len(after)
    with new.open("rb") as file:
        extents, _ = read_listing(file, new)
    blanked = bytearray(after)
    for path, size in embed_answers.SIZES.items():
        start = extents[path].block * hybrid_mbr_gpt.BLOCK
        assert after[start : start + size].rstrip(b"\n").decode() == TEXTS[path].rstrip("\n")
        blanked[start : start + size] = b"\n" * size
    assert bytes(blanked) == before
    assert new.stat().st_mode & 0o777 == 0o600
    verify(new, tables=lambda path: [])


def test_embedding_again_replaces(iso: Path, tmp_path: Path) -> None:
    long = {**TEXTS, EMBEDDED_ANSWERS: "x" * 60_000}
    embed_answers.embed(iso, long, tmp_path / "b.iso", tables=lambda path: [])
    embed_answers.embed(tmp_path / "b.iso", TEXTS, tmp_path / "c.iso", tables=lambda path: [])
    embed_answers.embed(iso, TEXTS, tmp_path / "d.iso", tables=lambda path: [])
    assert (tmp_path / "c.iso").read_bytes() == (tmp_path / "d.iso").read_bytes()


def test_what_does_not_fit_is_refused(iso: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the ISO reserves 65536"):
        embed_answers.embed(iso, {**TEXTS, EMBEDDED_ANSWERS: "x" * 65_536}, tmp_path / "b.iso", tables=lambda path: [])
    assert sorted(p.name for p in tmp_path.glob("*.iso*")) == ["a.iso"]
    with pytest.raises(UserError, match="is the ISO itself"):
        embed_answers.embed(iso, TEXTS, iso)
    (tmp_path / "not.iso").write_bytes(bytes(100_000))
    with pytest.raises(UserError, match="is not an ISO 9660 image"):
        embed_answers.embed(tmp_path / "not.iso", TEXTS, tmp_path / "b.iso")
