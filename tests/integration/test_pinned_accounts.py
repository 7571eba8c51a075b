"""The numbers of an image's accounts are pinned with their files, modes and capabilities."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from live_root import SQUASHFS
from loop_devices import output

from dom0kit.linux import accounts

PINS = Path(__file__).resolve().parents[2] / "image/elements/dom0-export/tree/usr/share/dom0kit/accounts"
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")
"""cap_net_raw=ep (linux/capability.h, VFS_CAP_REVISION_2)."""


def test_files_go_with_their_accounts(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\na:x:101:101::/:/bin/sh\nb:x:100:0::/:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\na:x:101:\n")
    files = {"of-a": (101, 101, 0o4755), "of-b": (100, 0, 0o600), "of-root": (0, 0, 0o644), "of-group": (0, 101, 0o2755)}
    for name, (uid, gid, mode) in files.items():
        (tmp_path / name).write_text("x")
        os.chown(tmp_path / name, uid, gid)
        (tmp_path / name).chmod(mode)
        os.utime(tmp_path / name, ns=(1, 1))
    os.setxattr(tmp_path / "of-a", "security.capability", CAPABILITY)
    (tmp_path / "link").symlink_to("/nowhere")
    os.chown(tmp_path / "link", 101, 101, follow_symlinks=False)

    assert accounts.pin(tmp_path, accounts.parse_pins("user a 100\nuser b 101\ngroup a 300\n")) == []
    found = {name: (tmp_path / name).lstat() for name in (*files, "link")}
    assert {name: (value.st_uid, value.st_gid, stat.S_IMODE(value.st_mode)) for name, value in found.items()} == {
        "of-a": (100, 300, 0o4755),
        "of-b": (101, 0, 0o600),
        "of-root": (0, 0, 0o644),
        "of-group": (0, 300, 0o2755),
        "link": (100, 300, 0o777),
    }
    assert os.getxattr(tmp_path / "of-a", "security.capability") == CAPABILITY
    assert found["of-a"].st_mtime_ns == 1
    assert (tmp_path / "etc/passwd").read_text() == "root:x:0:0::/:/bin/sh\na:x:100:300::/:/bin/sh\nb:x:101:0::/:/bin/sh\n"


@pytest.mark.kernel("image")
def test_the_image_has_the_pinned_numbers(tmp_path: Path) -> None:
    output("mount", "-o", "ro,loop", SQUASHFS, tmp_path)
    try:
        pins = accounts.parse_pins(PINS.read_text())
        users, groups = (accounts.numbers((tmp_path / "etc" / name).read_text()) for name in ("passwd", "group"))
    finally:
        output("umount", tmp_path)
    for found, wanted in ((users, pins.users), (groups, pins.groups)):
        assert {name: number for name, number in found.items() if name in wanted and wanted[name] != number} == {}
    assert not accounts.unpinned(users, pins.users)
    assert not accounts.unpinned(groups, pins.groups)


@pytest.mark.kernel("image")
def test_the_images_own_python_pins_an_image_whose_packages_came_in_another_order(tmp_path: Path) -> None:
    """Run what the build runs, in a root of the image in which two services have changed places."""
    layers = {name: tmp_path / name for name in ("lower", "upper", "work", "root")}
    for layer in layers.values():
        layer.mkdir()
    output("mount", "-o", "ro,loop", SQUASHFS, layers["lower"])
    options = f"lowerdir={layers['lower']},upperdir={layers['upper']},workdir={layers['work']}"
    output("mount", "-t", "overlay", "-o", options, "test", layers["root"])
    root = layers["root"]
    try:
        for name, moves in (("passwd", ({102: 101, 101: 102}, {104: 103, 103: 104})), ("group", ({104: 103, 103: 104},))):
            path = root / "etc" / name
            path.write_text(accounts.with_numbers(path.read_text(), *moves))
        os.chown(root / "var/lib/chrony", 101, 103)
        os.chown(root / "etc/chrony/chrony.keys", 0, 103)
        os.chown(root / "usr/bin/ssh-agent", 0, 104)
        (root / "usr/bin/ssh-agent").chmod(0o2755)
        source = Path(accounts.__file__)
        (root / "usr/lib/dom0kit/dom0kit/linux/accounts.py").write_bytes(source.read_bytes())
        (root / "pins").write_bytes(PINS.read_bytes())
        words = ["env", "PYTHONPATH=/usr/lib/dom0kit", "python3", "-B", "-m", "dom0kit.linux.accounts", "/pins", "/"]
        assert output("chroot", root, *words) == ""
        for name in ("passwd", "group"):
            assert (root / "etc" / name).read_text() == (layers["lower"] / "etc" / name).read_text()
        for name in ("var/lib/chrony", "usr/bin/ssh-agent", "etc/chrony/chrony.keys", "usr/bin/crontab"):
            here, there = (root / name).lstat(), (layers["lower"] / name).lstat()
            assert (here.st_uid, here.st_gid, here.st_mode) == (there.st_uid, there.st_gid, there.st_mode), name
    finally:
        output("umount", root)
        output("umount", layers["lower"])
