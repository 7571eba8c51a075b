"""What an image contains: packages, licenses, archives, keys, and the SBOM by the schema of CycloneDX."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cyclonedx.model.bom import Bom
from cyclonedx.schema import SchemaVersion
from cyclonedx.spdx import is_supported_id
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from image.contents import archives, collect, cyclonedx, debian_packages, licenses, signing_keys
from image.contents.debian_packages import DebianPackage
from iso.layout import SBOM_FILE

LISTED = (
    "installed\tzlib1g\t1:1.3+b1\tamd64\tzlib\t1:1.3\thttp://zlib.net/\tMark <m@debian.org>\n"
    "config-files\tgone\t1\tall\tgone\t1\t\t\n"
    "installed\tbase-files\t13.8\tamd64\tbase-files\t13.8\t\tSantiago <s@debian.org>\n"
)
ZLIB = DebianPackage("zlib1g", "1:1.3+b1", "amd64", "zlib", "1:1.3", "http://zlib.net/", "Mark <m@debian.org>")
COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: Expat

Files: lib/*
License: GPL-2+  or Artistic

Files: x
License:  LGPL-2.1+

License: Expat
 Permission is hereby granted
License: Permission to use, copy, modify, and distribute this software and its documentation for any purpose is granted
"""
RELEASE = """Origin: Debian
Suite: stable-security
Codename: trixie-security
Date: Sat, 21 Nov 2026 09:15:44 UTC
SHA256:
 aa 1 main
"""
NAME = "deb.debian.org_dists_trixie_InRelease"


def test_only_installed_packages_are_listed_by_name() -> None:
    found = debian_packages.parse(LISTED)
    assert [package.name for package in found] == ["base-files", "zlib1g"]
    assert found[1] == ZLIB
    assert ZLIB.file == "zlib1g_1%3a1.3+b1_amd64.deb"


def test_packages_of_one_source_are_together() -> None:
    other = DebianPackage("minizip", "1:1.3+b1", "amd64", "zlib", "1:1.3")
    assert debian_packages.sources([ZLIB, other]) == [{"name": "zlib", "version": "1:1.3", "packages": ["minizip", "zlib1g"]}]


def test_licenses_are_those_of_a_machine_readable_file() -> None:
    assert licenses.parse(COPYRIGHT) == ("GPL-2+ or Artistic", "LGPL-2.1-or-later", "MIT")
    assert licenses.parse(COPYRIGHT.removeprefix("Format: ")) == ()


@pytest.mark.parametrize(
    ("name", "found"),
    [("GPL-2+", "GPL-2.0-or-later"), ("gpl-3", "GPL-3.0-only"), ("LGPL-2.1", "LGPL-2.1-only"), ("BSD-3-clause", "BSD-3-Clause"),
     ("GPL-4", None), ("MIT", None), ("public-domain", None), ("GPL-1+ or Artistic", None)],
)  # fmt: skip
def test_names_of_debian_and_of_spdx(name: str, found: str | None) -> None:
    assert licenses.spdx_id(name) == found


def test_every_identifier_is_one_of_spdx() -> None:
    assert [name for name in licenses.IDENTIFIERS if not is_supported_id(name)] == []


def test_an_archive_is_described_by_its_release(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text(RELEASE)
    (tmp_path / "deb.debian.org_dists_trixie_main_binary-amd64_Packages").touch()
    found = archives.archives(tmp_path)
    assert list(found) == [NAME]
    assert found[NAME] == {
        "origin": "Debian", "suite": "stable-security", "codename": "trixie-security", "date": 1795252544,
        "sha256": hashlib.sha256(RELEASE.encode()).hexdigest(),
    }  # fmt: skip


def test_keys_are_named_as_ssh_keygen_names_them(tmp_path: Path) -> None:
    blob = base64.b64encode(b"\0\0\0\x0bssh-ed25519" + bytes(36)).decode()
    expected = "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(blob)).digest()).decode().rstrip("=")
    folder = tmp_path / "usr/share/dom0kit/keys"
    folder.mkdir(parents=True)
    line = f'# ssh-ed25519 AAAA old\ndom0kit namespaces="dom0kit",valid-before="20300101" ssh-ed25519 {blob} release\n'
    (folder / "allowed_signers").write_text(line)
    assert signing_keys.keys_of(tmp_path) == {"accepted": [expected], "revoked": []}
    (folder / "revoked_keys").write_text(f"ssh-ed25519 {blob}\nssh-ed25519 ***\n")
    assert signing_keys.keys_of(tmp_path)["revoked"] == [expected]
    assert signing_keys.keys_of(tmp_path / "nowhere") == {"accepted": [], "revoked": []}


@pytest.mark.parametrize("package", [ZLIB, DebianPackage("libstdc++6", "14.2~rc1-19", "amd64", "gcc-14", "14.2.0-19")])
def test_package_urls_are_those_of_the_library(package: DebianPackage) -> None:
    expected = PackageURL("deb", "debian", package.name, package.version, {"arch": package.architecture, "distro": "trixie"})
    assert cyclonedx.purl(package, "debian", "trixie") == expected.to_string()


def sbom_of(tree: Path, lists: Path) -> bytes:
    """Write the SBOM of a tree with two packages, one of which has a license and is offered by the lists."""
    doc = tree / "usr/share/doc/zlib1g"
    doc.mkdir(parents=True, exist_ok=True)
    (doc / "copyright").write_text(COPYRIGHT)
    lists.mkdir(exist_ok=True)
    packages = f"Package: zlib1g\nVersion: 1:1.3+b1\nArchitecture: amd64\nSHA256: {'d' * 64}\n\n"
    (lists / NAME).write_text(RELEASE.replace("aa 1 main", f"{hashlib.sha256(packages.encode()).hexdigest()} 9 main/Packages"))
    (lists / NAME.replace("InRelease", "main_Packages")).write_text(packages)
    contents = collect.Contents(debian_packages.parse(LISTED), archives.archives(lists), {})
    boot = {"boot/bootx64.efi": "e" * 64, "boot/memtest.bin": "f" * 64}
    return collect.write_sbom(
        contents, tree, lists, boot, version="0.1.0", image_id="0123456789abcdef", suite="trixie", epoch=1_800_000_000
    )


def test_the_sbom_is_valid_by_the_official_schema(tmp_path: Path) -> None:
    text = sbom_of(tmp_path / "tree", tmp_path / "lists").decode()
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert problem is None, problem
    read = Bom.from_json(json.loads(text))
    assert {str(part.purl) for part in read.components if part.purl} == {
        "pkg:deb/debian/zlib1g@1:1.3%2Bb1?arch=amd64&distro=trixie",
        "pkg:deb/unknown/base-files@13.8?arch=amd64&distro=trixie",
    }


def test_the_sbom_says_what_is_known_of_each_package(tmp_path: Path) -> None:
    value = json.loads(sbom_of(tmp_path / "tree", tmp_path / "lists"))
    parts = {part["name"]: part for part in value["components"]}
    assert set(parts) == {"dom0kit", "zlib1g", "base-files", "boot/bootx64.efi", "boot/memtest.bin"}
    zlib = parts["zlib1g"]
    assert zlib["hashes"] == [{"alg": "SHA-256", "content": "d" * 64}]
    assert {"license": {"id": "MIT"}} in zlib["licenses"]
    assert {"license": {"name": "GPL-2+ or Artistic"}} in zlib["licenses"]
    assert zlib["pedigree"]["ancestors"][0]["purl"] == "pkg:deb/debian/zlib@1:1.3?arch=source&distro=trixie"
    assert not {"hashes", "licenses"} & set(parts["base-files"]), "what is not known is not said"
    assert "memtest86+" in parts["boot/memtest.bin"]["description"]
    assert value["dependencies"][0]["dependsOn"] == sorted(part["bom-ref"] for part in value["components"])


def test_the_same_image_has_the_same_sbom_in_its_tree(tmp_path: Path) -> None:
    first, second = sbom_of(tmp_path / "a", tmp_path / "lists"), sbom_of(tmp_path / "b", tmp_path / "lists")
    assert first == second
    written = tmp_path / "a" / collect.PLACE
    assert written.read_bytes() == first
    assert written.stat().st_mtime == written.parent.stat().st_mtime == 1_800_000_000
    value = json.loads(first)
    assert value["metadata"]["timestamp"] == "2027-01-15T08:00:00Z"
    other = cyclonedx.document(version="1", image_id="f" * 16, epoch=1, packages=[], files={})
    assert value["serialNumber"] != other["serialNumber"]


def test_all_parts_call_the_sbom_the_same() -> None:
    assert cyclonedx.NAME == SBOM_FILE
