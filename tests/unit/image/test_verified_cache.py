"""Trees and packages that earlier builds kept are verified before each use."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from image import verified_cache

PACKAGES = """\
Package: bash
Version: 1:5.2.37-2+b5
Architecture: amd64
Depends: base-files
Filename: pool/main/b/bash/bash.deb
SHA256: {bash}

Package: tzdata
Version: 2025b-4~deb13u1
Architecture: all
SHA256: {tzdata}
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """Make signed lists of two packages, and a cache with both and with one of another time."""
    folder, archives = tmp_path / "lists", tmp_path / "archives"
    folder.mkdir()
    archives.mkdir()
    for name in ("bash_1%3a5.2.37-2+b5_amd64.deb", "tzdata_2025b-4~deb13u1_all.deb", "old_1_all.deb"):
        (archives / name).write_bytes(name.encode())
    text = PACKAGES.format(
        bash=sha256(b"bash_1%3a5.2.37-2+b5_amd64.deb"), tzdata=sha256(b"tzdata_2025b-4~deb13u1_all.deb")
    ).encode()
    (folder / "deb.example.org_debian_dists_trixie_main_binary-amd64_Packages").write_bytes(text)
    entry = f"{len(text)} main/binary-amd64/Packages"
    release = f"Suite: stable\nMD5Sum:\n {'0' * 32} {entry}\nSHA256:\n {sha256(text)} {entry}\n"
    (folder / "deb.example.org_debian_dists_trixie_InRelease").write_text(f"-----BEGIN PGP SIGNED MESSAGE-----\n{release}-----\n")
    return folder


def test_a_cached_package_with_a_flipped_bit_is_not_used(lists: Path) -> None:
    archives = lists.parent / "archives"
    expected = verified_cache.expected_sums(lists)
    assert verified_cache.drop_damaged(archives, expected) == []
    (archives / "bash_1%3a5.2.37-2+b5_amd64.deb").write_bytes(b"bash_1%3a5.2.37-2+b5_amd64.dec")
    assert verified_cache.drop_damaged(archives, expected) == ["bash_1%3a5.2.37-2+b5_amd64.deb"]
    assert sorted(path.name for path in archives.iterdir()) == ["old_1_all.deb", "tzdata_2025b-4~deb13u1_all.deb"]


def test_a_list_that_is_not_the_signed_one_stops_the_build(lists: Path) -> None:
    [path] = lists.glob("*_Packages")
    path.write_text(path.read_text().replace("bash", "dash"))
    with pytest.raises(UserError, match="is damaged"):
        verified_cache.expected_sums(lists)


def test_a_kept_tree_with_a_flipped_bit_or_without_its_checksum_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "base-1.tar"
    path.write_bytes(b"tree")
    assert not verified_cache.is_whole(path)
    verified_cache.seal(path)
    assert verified_cache.is_whole(path)
    for wrong in (b"tref", b"tre", b""):
        path.write_bytes(wrong)
        assert not verified_cache.is_whole(path)
    verified_cache.sum_path(path).write_text("")
    assert not verified_cache.is_whole(path)
    verified_cache.drop(path)
    assert list(tmp_path.iterdir()) == []
