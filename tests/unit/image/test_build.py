"""Keys, the job file, and what is built again."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from fake_runner import FakeRunner

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from image import build, build_job, cache_keys, export, manifest, recipe
from image.contents.collect import Contents
from image.contents.debian_packages import DebianPackage

RELEASES = {"InRelease": "abc"}


def changed(**_: object) -> recipe.Recipe:
    text = recipe.DEFAULT_RECIPE.read_text()
    return recipe.parse(text.replace("memory_mib = 1024", "memory_mib = 2048"), "recipe.toml")


def test_dom0_memory_changes_the_image_but_not_the_bootstrap() -> None:
    old, new = recipe.load(), changed()
    base = cache_keys.base_key(old, RELEASES)
    assert base == cache_keys.base_key(new, RELEASES)
    key = cache_keys.image_key(base, old, release=False, version="1")
    assert key != cache_keys.image_key(base, new, release=False, version="1")
    assert cache_keys.initramfs_key(base, old, release=False) == cache_keys.initramfs_key(base, new, release=False)


def test_new_package_lists_change_everything() -> None:
    made = recipe.load()
    assert cache_keys.base_key(made, RELEASES) != cache_keys.base_key(made, {"InRelease": "def"})


def test_release_has_a_key_of_its_own() -> None:
    made = recipe.load()
    assert cache_keys.image_key("b", made, release=True, version="1") != cache_keys.image_key(
        "b", made, release=False, version="1"
    )
    assert cache_keys.initramfs_key("b", made, release=True) != cache_keys.initramfs_key("b", made, release=False)


def test_hash_sees_names_contents_and_modes(tmp_path: Path) -> None:
    path = tmp_path / "hook"
    path.write_text("a")
    first = cache_keys.hash_files([path], tmp_path)
    path.chmod(0o755)
    second = cache_keys.hash_files([path], tmp_path)
    path.write_text("b")
    assert len({first, second, cache_keys.hash_files([path], tmp_path)}) == 3


def test_a_readme_builds_nothing_again(tmp_path: Path) -> None:
    for name in ("README.md", "hook", "__pycache__/x.pyc"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert cache_keys.files_below(tmp_path) == [tmp_path / "hook"]


def test_an_image_is_current_only_when_its_files_are_those_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "vmlinuz").write_bytes(b"12345")
    entry = {"size": 5, "sha256": hashlib.sha256(b"12345").hexdigest()}
    (tmp_path / "manifest.json").write_text(json.dumps({"id": "x", "files": {"vmlinuz": entry}}))
    assert build.current(tmp_path, "x")
    assert build.current(tmp_path, "y") is None
    (tmp_path / "vmlinuz").write_bytes(b"12344")
    assert build.current(tmp_path, "x") is None
    (tmp_path / "vmlinuz").write_bytes(b"1234")
    assert build.current(tmp_path, "x") is None
    assert build.current(tmp_path / "nowhere", "x") is None


def test_every_element_is_built_and_every_built_element_exists() -> None:
    folder = cache_keys.PROJECT / "image/elements"
    assert {p.name for p in folder.iterdir() if p.is_dir()} == set(build.ELEMENTS)


def test_marked_lines_become_steps() -> None:
    seen: list[Event] = []
    reporter = Reporter("build", [seen.append])
    steps = build._Steps(reporter)
    for line in (
        "noise",
        "2026-01-01 00:00:00.1 | @dom0kit begin squash (zstd:3)",
        "x | @dom0kit progress 0.500 half",
        "@dom0kit end -",
    ):
        steps(line)
    steps.close()
    names = [e["name"] for e in seen if e["event"] == "step" and e["state"] == "finished"]
    assert names == ["squash (zstd:3)"]
    assert [e["fraction"] for e in seen if e["event"] == "progress"] == [0.5]
    assert set(dict(reporter.times)) == {"elements", "squash (zstd:3)"}


@pytest.mark.parametrize(
    ("line", "mark"), [("@dom0kit begin a b", ("begin", "a b")), ("@dom0kit end -", ("end", "-")), ("x", None)]
)
def test_marks(line: str, mark: tuple[str, str] | None) -> None:
    assert build_job.marked(line) == mark


def test_a_replaced_folder_is_whole(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new/a").write_text("new")
    (tmp_path / "image").mkdir()
    (tmp_path / "image/b").write_text("old")
    build.replace(tmp_path / "new", tmp_path / "image")
    assert [p.name for p in tmp_path.iterdir()] == ["image"]
    assert (tmp_path / "image/a").read_text() == "new"


def test_two_cached_trees_are_kept_beside_the_one_in_use(tmp_path: Path) -> None:
    for age, name in enumerate(("base-1.tar", "base-2.tar", "base-3.tar", "base-4.tar")):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    build.forget_old(tmp_path, {str(tmp_path / "base-4.tar")})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base-1.tar", "base-2.tar", "base-4.tar"]


@pytest.mark.parametrize(
    ("compression", "words", "block"),
    [
        ("zstd:3", ["-comp", "zstd", "-Xcompression-level", "3"], "128K"),
        ("xz", ["-comp", "xz", "-Xbcj", "x86", "-Xdict-size", "100%"], "1M"),
    ],
)
def test_squash_command(compression: str, words: list[str], block: str) -> None:
    command = export.squash_command(Path("/tree"), Path("/out"), compression)
    start = command.index("-comp")
    assert command[start : start + len(words)] == words
    assert "proc/*" in command
    assert "boot/*" in command
    assert command[command.index("-b") + 1] == block


def test_what_is_mounted_in_the_tree_stays_out_of_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[object, ...]] = []
    monkeypatch.setattr(export, "run", lambda argv: said.append(tuple(argv)))
    tree, bare = tmp_path / "mnt", tmp_path / "bare"

    def fails() -> None:
        with export.without_mounts(tree) as seen:
            assert seen == bare
            raise UserError("no space left")

    with pytest.raises(UserError):
        fails()
    # Not --rbind: the build host's /sys would be there again, with the times that differ from machine to machine.
    assert said == [("mount", "--bind", tree, bare), ("umount", bare)]
    assert not bare.exists()


def test_progress_of_mksquashfs() -> None:
    assert export.percent("[=====/     ]  1100/13583   8%") == 0.08
    assert export.percent("Parallel mksquashfs: Using 2 processors") is None


def test_the_tree_is_emptied_to_what_diskimage_builder_still_touches(tmp_path: Path) -> None:
    for path in ("usr/bin/ls", "var/log/x", "var/lib/y", "etc/resolv.conf", "proc/z"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "bin").symlink_to("usr/bin")
    (tmp_path / "var/.updated").touch()
    export.empty(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["etc", "proc", "var"]
    assert [p.name for p in (tmp_path / "var").iterdir()] == ["log"]


def test_manifest_holds_packages_sources_files_and_origin(tmp_path: Path) -> None:
    for name in (*manifest.IMAGE_FILES, "sbom.cdx.json"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/bootx64.efi").write_bytes(b"y")
    files = manifest.describe(tmp_path)
    packages = [
        DebianPackage("xen-hypervisor-common", "4.20.2+7", "amd64", "xen", "4.20.2"),
        DebianPackage("htop", "3.4", "amd64", "htop", "3.4"),
    ]
    contents = Contents(packages, {"InRelease": {"sha256": "a"}}, {"accepted": ["SHA256:k"], "revoked": []})
    made = manifest.build(
        version="1", image_id="f" * 16, suite="trixie", architecture="amd64", epoch=1, compression="xz", recipe_sha256="r",
        dom0_memory_mib=1024, toolstack="ganeti", kernel="6.12", contents=contents, commit="c" * 40, files=files,
        names={"zones": ["UTC"]},
    )  # fmt: skip
    assert made["xen"] == "4.20.2+7"
    assert made["packages"] == {"xen-hypervisor-common": "4.20.2+7", "htop": "3.4"}
    assert made["sources"][1] == {"name": "xen", "version": "4.20.2", "packages": ["xen-hypervisor-common"]}
    assert made["files"]["boot/bootx64.efi"]["size"] == 1
    assert {*manifest.IMAGE_FILES, "sbom.cdx.json"} < set(made["files"])
    assert made["names"] == {"zones": ["UTC"]}
    assert (made["commit"], made["archives"], made["keys"]["accepted"]) == ("c" * 40, contents.archives, ["SHA256:k"])


def test_another_commit_changes_neither_the_image_nor_its_id(tmp_path: Path) -> None:
    (tmp_path / "manifest.json.sig").touch()
    old = {"id": "x", "commit": "a" * 40 + "-dirty"}
    assert build.name_commit(tmp_path, old, "") is old
    assert build.name_commit(tmp_path, old, "a" * 40 + "-dirty") is old
    assert (tmp_path / "manifest.json.sig").exists()
    assert build.name_commit(tmp_path, old, "a" * 40) == {"id": "x", "commit": "a" * 40}
    assert json.loads((tmp_path / "manifest.json").read_text())["commit"] == "a" * 40
    assert not (tmp_path / "manifest.json.sig").exists(), "it signs the old manifest"


def test_the_commit_is_that_of_the_files_in_the_image() -> None:
    git = f"git -C {cache_keys.PROJECT}"
    runner = FakeRunner({f"{git} log": "a" * 40 + "\n"})
    assert cache_keys.commit(runner) == "a" * 40
    assert str(cache_keys.PROJECT / "upgrade") in runner.calls[0]
    assert str(cache_keys.PROJECT / "docs") not in runner.calls[0]
    runner.outputs[f"{git} status"] = " M upgrade/store/images.py\n"
    assert cache_keys.commit(runner) == "a" * 40 + "-dirty"
    assert cache_keys.commit(FakeRunner(failing={"git"})) == "", "an installed package"


def test_diskimage_builder_finds_our_stand_in_before_any_sudo() -> None:
    task = build_job.Job("r", "c", "o", "b", "i", 1, False, "f" * 16, "1", "h")
    path = build.environment(task, Path("/j"), recipe.load(), Path("/w"))["PATH"]
    first = Path(path.split(":")[0])
    assert (first / "sudo").stat().st_mode & 0o100
