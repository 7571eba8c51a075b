"""A feed with an index signed by the real ssh-keygen, from adding an image to staging it; services that run replaced files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from image_store_samples import NEW, OLD, make_host, make_image, names
from loop_devices import output

from dom0kit.linux.signatures import KEYS, PRINCIPAL
from firstboot import updates_status
from firstboot.updates_status import read_checked
from programs import build_machine, dom0ctl
from upgrade.commands import updates as command
from upgrade.feed.index import INDEX, SIGNATURE


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Make the key that signs, and let the host accept it."""
    key = tmp_path / "release"
    output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "release", "-f", key)
    make_host(tmp_path / "host")
    folder = tmp_path / "host" / KEYS
    folder.mkdir(parents=True)
    (folder / "allowed_signers").write_text(f"{PRINCIPAL} {key.with_suffix('.pub').read_text()}")
    return key


def test_a_host_stages_what_a_signed_index_names(tmp_path: Path, private: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sign = f"ssh-keygen -q -Y sign -n dom0kit -f {private}"
    image = make_image(tmp_path / "image")
    with (image / "manifest.json").open("rb") as manifest, (image / "manifest.json.sig").open("wb") as signature:
        subprocess.run(sign.split(), stdin=manifest, stdout=signature, check=True)
    feed, root = tmp_path / "feed", tmp_path / "host"
    assert build_machine.main(["feed", "add", str(feed), str(image), "--sign", sign]) == 0
    assert f"{NEW} is in {feed}" in capsys.readouterr().out

    words = ["updates", "--root", str(root)]
    assert dom0ctl.main([*words, "--source", f"file://{feed}", "--auto", "stage"]) == 0
    assert f"dom0ctl image stage {feed}/{NEW}" in capsys.readouterr().out
    assert dom0ctl.main([*words, "--automatic"]) == 0
    assert names(command.host_store(root)) == [OLD, NEW]
    capsys.readouterr()

    value = json.loads((feed / INDEX).read_text())
    (feed / INDEX).write_text(json.dumps(value | {"serial": 5}))
    assert dom0ctl.main(words) == 1
    assert "has changed since it was signed" in capsys.readouterr().err
    checked = read_checked(root)
    assert checked is not None
    assert "has changed" in checked["error"]
    (feed / SIGNATURE).unlink()
    assert dom0ctl.main(words) == 1
    assert "is not signed" in capsys.readouterr().err


def test_a_sign_command_that_fails_leaves_the_feed_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, feed = make_image(tmp_path / "image"), tmp_path / "feed"
    assert build_machine.main(["feed", "add", str(feed), str(image), "--sign", "false"]) == 1
    assert "check the sign command and its key" in capsys.readouterr().err
    assert not (feed / INDEX).exists()
    assert build_machine.main(["feed", "add", str(feed), str(image), "--unsigned"]) == 0
    assert (feed / INDEX).exists()


def test_the_beginning_of_a_window_is_a_time_of_systemd() -> None:
    found = subprocess.run(["systemd-analyze", "calendar", "2026-12-13 02:00:00"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_a_program_that_was_replaced_below_its_service_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lower, memory, root = (tmp_path / name for name in ("lower", "memory", "root"))
    for folder in (lower, memory, root):
        folder.mkdir()
    shutil.copy("/bin/sleep", lower / "sleep")
    output("mount", "-t", "tmpfs", "none", memory)
    mounted = [memory]
    try:
        for name in ("upper", "work"):
            (memory / name).mkdir()
        options = f"lowerdir={lower},upperdir={memory / 'upper'},workdir={memory / 'work'}"
        output("mount", "-t", "overlay", "-o", options, "root", root)
        mounted.append(root)
        with subprocess.Popen([root / "sleep", "60"]) as process:
            try:
                shutil.copy("/bin/sleep", root / "new")
                before = Path(f"/proc/{process.pid}/maps").read_text()
                os.rename(root / "new", root / "sleep")
                maps = Path(f"/proc/{process.pid}/maps").read_text()
            finally:
                process.kill()
    finally:
        for folder in reversed(mounted):
            output("umount", folder)
    place = str(root / "sleep")
    # The test's program is not below /usr.
    assert not updates_status.REPLACED.search(before.replace(place, "/usr/bin/sleep"))
    assert updates_status.REPLACED.search(maps.replace(place, "/usr/bin/sleep"))
