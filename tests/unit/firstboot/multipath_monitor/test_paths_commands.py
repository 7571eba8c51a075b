"""``dom0ctl multipath`` and ``dom0ctl initramfs``."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.linux import host_initramfs
from dom0kit.linux.grub_files import replacing_settled
from firstboot.multipath_monitor import cli

SAN = Path(__file__).resolve().parents[4] / "image/elements/dom0-san/tree"
WWID = "35000c50015ea71ad"
IMAGE = b"\x28\xb5\x2f\xfd the image's initramfs"
SHOWN = json.dumps({"maps": [{"uuid": WWID, "path_groups": [{"paths": [{"dev": "sda", "dm_st": "active", "chk_st": "ready"}]}]}]})


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a host whose root is on a multipath map, without an overlay in its initramfs."""
    root, image, state = tmp_path / "root", tmp_path / "image", tmp_path / "state"
    for folder in (root / "run/dom0kit/image", root / "proc", image, state):
        folder.mkdir(parents=True)
    for name in (host_initramfs.MULTIPATH_CONF, host_initramfs.BINDINGS, host_initramfs.WWIDS):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((SAN / name).read_bytes())
    (root / host_initramfs.WWIDS).write_text(f"/{WWID}/\n")
    (root / "proc/cmdline").write_text(f"boot=dom0kit dom0kit.image=dev:/dev/mapper/{WWID}-part3:/images/0.1.0 x\n")
    entry = {"size": len(IMAGE), "sha256": hashlib.sha256(IMAGE).hexdigest()}
    (root / "run/dom0kit/image/manifest.json").write_text(json.dumps({"files": {"initrd.img": entry}}))
    (image / "initrd.img").write_bytes(IMAGE)
    for name, value in (("ROOT", root), ("IMAGE", image), ("STATE", state)):
        monkeypatch.setattr(cli, name, value)
    # The file system of the tests is that of this machine: it is not frozen.
    monkeypatch.setattr(cli, "replacing_settled", lambda path, mode: replacing_settled(path, mode, lambda folder: None))
    return tmp_path


def initramfs(check: bool = False) -> int:
    return cli.initramfs(argparse.Namespace(check=check))


def test_the_initramfs_is_made_once_and_checked(host: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert initramfs(check=True) == 1
    assert "changed: /etc/multipath/wwids" in capsys.readouterr().out
    assert (host / "image/initrd.img").read_bytes() == IMAGE, "a check changes nothing"
    assert initramfs() == 0
    assert f"/{WWID}/".encode() in host_initramfs.read(host / "image/initrd.img", len(IMAGE))[host_initramfs.WWIDS]
    assert json.loads((host / "state" / host_initramfs.RECORD).read_text())["image_size"] == len(IMAGE)
    capsys.readouterr()
    assert initramfs(check=True) == 0
    assert "as /etc is now" in capsys.readouterr().out


def test_an_initramfs_that_would_not_find_the_root_is_not_made(host: Path) -> None:
    (host / "root" / host_initramfs.WWIDS).write_text("/another/\n")
    with pytest.raises(UserError, match=f"does not name {WWID}"):
        initramfs()
    assert (host / "image/initrd.img").read_bytes() == IMAGE


def test_elsewhere_than_on_a_host_it_says_so(host: Path) -> None:
    (host / "root/run/dom0kit/image/manifest.json").unlink()
    with pytest.raises(UserError, match="cannot be read") as caught:
        initramfs()
    assert "installed host" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "wwids"),
    [
        (f"dom0kit.image=dev:/dev/mapper/{WWID}-part3:/images/1", [WWID]),
        ("dom0kit.image=uuid:1-2:/images/1", []),
        ("dom0kit.image=dev:/dev/mapper/3600-part-x-part3:/images/1", ["3600-part-x"]),
    ],
)
def test_the_roots_disk_is_on_the_command_line(host: Path, line: str, wwids: list[str]) -> None:
    (host / "root/proc/cmdline").write_text(f"a {line} b\n")
    assert cli.root_wwids() == wwids


def paths(**changes: bool) -> int:
    return cli.paths(argparse.Namespace(**{"json": False, "accept": False, "rescan": False, "watch": False, **changes}))


def test_a_missing_path_is_an_exit_code_until_it_is_accepted(
    host: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "ask", lambda question, seconds=10: SHOWN)
    assert paths() == 0
    (host / "root/var/lib/dom0kit").mkdir(parents=True)
    (host / "root/var/lib/dom0kit/paths.json").write_text(json.dumps({WWID: 2}))
    capsys.readouterr()
    assert paths() == 1
    assert "1 of 2 paths" in capsys.readouterr().out
    assert cli.count_paths() == {WWID: (1, 2)}
    assert paths(json=True) == 1
    assert json.loads(capsys.readouterr().out)["maps"][0]["groups"][0]["paths"][0]["dev"] == "sda"
    assert paths(accept=True) == 0


def test_a_host_without_multipathd_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(question: str, seconds: float = 10) -> str:
        raise UserError("multipathd does not answer")

    monkeypatch.setattr(cli, "ask", silent)
    assert cli.count_paths() == {}
