"""A whole ISO from small files, written and read back in this process."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pycdlib.pycdlib
import pytest
from iso_samples import EPOCH, IMAGE_ID, fake_bios_image, fake_image_folder, fake_uefi_image, write_manifest

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from iso import gpt, master, verify
from iso.layout import BOOT_HYBRID, Manifest, read_image
from iso.master import collect, folders, frozen_time, iso_name
from pipeline.netboot import image_source


def no_problems(_: Path) -> list[str]:
    """Stands in for sgdisk."""
    return []


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return fake_image_folder(tmp_path / "image")


def make(image: Path, output: Path) -> tuple[Manifest, dict[str, str]]:
    """Master without starting a process; what went in by its checksum."""
    manifest = read_image(image)
    contents = collect(image, manifest, uefi_image=fake_uefi_image)
    master.master(contents, manifest, (image / BOOT_HYBRID).read_bytes(), output)
    return manifest, {path: contents.sha256(path) for path in contents.paths()}


def test_the_iso_verifies_and_has_the_tree_of_the_contract(image: Path, tmp_path: Path) -> None:
    iso = tmp_path / "out.iso"
    _, expected = make(image, iso)
    found = verify.verify(iso, expected, tables=no_problems)
    assert found.volume_id == "DOM0KIT_01234567"
    assert found.size == iso.stat().st_size
    assert found.size % 2**20 == 0
    assert sorted(expected) == [
        "/EFI/BOOT/BOOTX64.EFI",
        "/answers/answers.yaml",
        "/boot/bios.img",
        "/boot/efi.img",
        f"/boot/grub/{IMAGE_ID}.id",
        "/boot/grub/grub.cfg",
        "/boot/grub/unattended.cfg",
        "/boot/grub/unicode.pf2",
        "/boot/memtest.bin",
        "/boot/memtest.efi",
        "/boot/netx64.efi",
        "/boot/pxe-bios.0",
        "/dom0kit/dom0.squashfs",
        "/dom0kit/initrd.img",
        "/dom0kit/manifest.json",
        "/dom0kit/sbom.cdx.json",
        "/dom0kit/vmlinuz",
        "/dom0kit/xen.gz",
    ]


def test_a_signature_of_the_image_folder_is_on_the_iso(image: Path, tmp_path: Path) -> None:
    (image / "manifest.json.sig").write_text("a signature")
    iso = tmp_path / "out.iso"
    _, expected = make(image, iso)
    assert "/dom0kit/manifest.json.sig" in expected
    verify.verify(iso, expected, tables=no_problems)
    assert image_source.from_iso(iso).signature == image_source.from_folder(image).signature == b"a signature"


def test_two_runs_are_identical(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(image, tmp_path / "a.iso")
    for path in image.rglob("*"):
        os.utime(path, (EPOCH - 5000, EPOCH - 5000))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    make(image, tmp_path / "b.iso")
    assert (tmp_path / "a.iso").read_bytes() == (tmp_path / "b.iso").read_bytes()


def test_times_are_the_epoch(image: Path, tmp_path: Path) -> None:
    make(image, tmp_path / "a.iso")
    descriptor = (tmp_path / "a.iso").read_bytes()[32768:34816]
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(EPOCH)).encode() + b"00\0"
    assert descriptor[813:830] == descriptor[830:847] == stamp


def test_time_runs_again_after_mastering() -> None:
    zone = os.environ.get("TZ")
    with frozen_time(EPOCH):
        assert vars(pycdlib.pycdlib)["time"].time() == EPOCH
    assert vars(pycdlib.pycdlib)["time"] is time
    assert os.environ.get("TZ") == zone


Damage = Callable[[bytearray], None]


def at(offset: int) -> Damage:
    """Flip a bit at an offset, from the end when negative."""

    def flip(raw: bytearray) -> None:
        raw[offset] ^= 1

    return flip


def in_content(raw: bytearray) -> None:
    raw[raw.index(b"vmlinuzvmlinuz") + 50] ^= 1


def cut(raw: bytearray) -> None:
    del raw[-512:]


def smaller_volume(raw: bytearray) -> None:
    raw[32768 + 80 : 32768 + 88] = bytes.fromhex("00030000" + "00000300")


def without_padding(raw: bytearray) -> None:
    del raw[-(2**20) :]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (in_content, "/dom0kit/vmlinuz is not what the manifest says"),
        (at(10), "first sector is not GRUB's MBR"),
        (at(0x1B0), "MBR does not point at GRUB"),
        (at(600), "the primary partition table has a wrong header checksum|not zero"),
        (at(520), "the primary partition table has an unknown revision"),
        (at(1030), "the primary partition table has a wrong checksum over its entries"),
        (at(-512), "the backup partition table has no signature"),
        (smaller_volume, "volume descriptor has another size"),
        (at(34823), "no El Torito boot record"),
        (cut, "cut off"),
        (without_padding, "padding"),
    ],
)
def test_damage_is_found(image: Path, tmp_path: Path, damage: Damage, problem: str) -> None:
    iso = tmp_path / "out.iso"
    make(image, iso)
    raw = bytearray(iso.read_bytes())
    damage(raw)
    iso.write_bytes(raw)
    with pytest.raises(UserError, match=problem):
        verify.verify(iso, tables=no_problems)


def test_wrong_boot_information_is_found(image: Path, tmp_path: Path) -> None:
    iso = tmp_path / "out.iso"
    make(image, iso)
    raw = bytearray(iso.read_bytes())
    block = (struct.unpack_from("<Q", raw, 0x1B0)[0] - 4) // 4
    raw[block * 2048 + 12] ^= 1
    iso.write_bytes(raw)
    with pytest.raises(UserError, match="wrong boot information"):
        verify.verify(iso, tables=no_problems)


def test_what_was_put_in_counts(image: Path, tmp_path: Path) -> None:
    _, expected = make(image, tmp_path / "out.iso")
    with pytest.raises(UserError, match=r"grub\.cfg is not what was put in"):
        verify.verify(tmp_path / "out.iso", expected | {"/boot/grub/grub.cfg": "0"}, tables=no_problems)


def test_the_outside_judge_counts(image: Path, tmp_path: Path) -> None:
    make(image, tmp_path / "out.iso")
    with pytest.raises(UserError, match="sgdisk: Problem: main header"):
        verify.verify(tmp_path / "out.iso", tables=lambda _: ["sgdisk: Problem: main header"])


def test_something_else_is_no_iso(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(2**20))
    with pytest.raises(UserError, match="not an ISO 9660 image"):
        verify.verify(tmp_path / "x", tables=no_problems)
    with pytest.raises(UserError, match="cannot be read"):
        verify.verify(tmp_path / "nothing", tables=no_problems)


def build(image: Path, output: Path, monkeypatch: pytest.MonkeyPatch, tables: verify.CheckTables) -> master.IsoResult:
    """Build an ISO with the two external programs replaced."""
    monkeypatch.setattr(master.collect, "__kwdefaults__", {"uefi_image": fake_uefi_image})
    monkeypatch.setattr(verify.verify, "__kwdefaults__", {"tables": tables})
    return master.build(image, output, Reporter("test"))


def test_build_writes_the_iso_and_its_checksum(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    result = build(image, out / "x.iso", monkeypatch, no_problems)
    assert (out / "x.iso.sha256").read_text() == f"{result.sha256}  x.iso\n"
    assert sorted(path.name for path in out.iterdir()) == ["x.iso", "x.iso.sha256"]
    assert (result.size, result.volume_id) == ((out / "x.iso").stat().st_size, "DOM0KIT_01234567")


def test_a_bad_iso_never_gets_its_name(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "x.iso").write_text("the good one of yesterday")
    with pytest.raises(UserError, match="bad table"):
        build(image, out / "x.iso", monkeypatch, lambda _: ["bad table"])
    assert [path.name for path in out.iterdir()] == ["x.iso"]
    assert (out / "x.iso").read_text() == "the good one of yesterday"


def test_a_missing_output_folder_is_said_first(image: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        master.build(image, tmp_path / "no/x.iso", Reporter("test"))


def test_a_foreign_boot_image_is_a_users_error(image: Path, tmp_path: Path) -> None:
    (image / "boot/bios-eltorito.img").write_bytes(fake_bios_image()[:3000])
    write_manifest(image)
    with pytest.raises(UserError, match="unpatched GRUB"):
        make(image, tmp_path / "out.iso")


def test_names() -> None:
    assert iso_name("/boot/grub/grub.cfg") == "/BOOT/GRUB/GRUB.CFG;1"
    assert iso_name("/dom0kit/vmlinuz") == "/DOM0KIT/VMLINUZ.;1"
    assert iso_name("/boot/a-b", folder=True) == "/BOOT/A_B"
    assert folders(["/a/b/c", "/a/d"]) == ["/a", "/a/b"]


def test_backup_table_is_at_the_very_end(image: Path, tmp_path: Path) -> None:
    make(image, tmp_path / "out.iso")
    raw = (tmp_path / "out.iso").read_bytes()
    assert raw[-512:-504] == gpt.SIGNATURE
    assert not any(raw[-512 * 33 - 300 * 1024 : -512 * 33])


def test_further_files_neither_hide_the_isos_own_nor_leave_the_root(tmp_path: Path) -> None:
    file = tmp_path / "host1.yaml"
    file.write_text("version: 1")
    contents = master.Contents(made={"/boot/grub/grub.cfg": b""})
    master.add_files(contents, {"/answers/host1.yaml": file})
    assert contents.paths() == ["/answers/host1.yaml", "/boot/grub/grub.cfg"]
    for path, source in (("/boot/grub/grub.cfg", file), ("answers.yaml", file), ("/../x", file), ("/new", tmp_path / "none")):
        with pytest.raises(UserError):
            master.add_files(contents, {path: source})
