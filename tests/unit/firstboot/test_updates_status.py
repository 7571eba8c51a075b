"""The age of the image, newer images and services that run replaced files, as the status shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from image_store_samples import NEW, make_host, make_image

from firstboot.status import image_and_newer
from firstboot.updates_status import CHECKED, image_age, read_updates_status, replaced, replaced_lines

DAY = 86400
MAPS = """55d0c0000000-55d0c0100000 r-xp 00001000 00:1b 1234    /usr/sbin/sshd{sshd}
7f0000000000-7f0000100000 r--p 00000000 00:1b 77         /usr/lib/locale/C.utf8/LC_CTYPE (deleted)
7f0000200000-7f0000300000 rw-s 00000000 00:01 9          /memfd:x (deleted)
7f0000400000-7f0000500000 rwxp 00000000 00:01 9          /tmp/jit (deleted)
"""


def process(proc: Path, number: int, cgroup: str, *, old: bool) -> None:
    folder = proc / str(number)
    folder.mkdir(parents=True)
    (folder / "maps").write_text(MAPS.format(sshd=" (deleted)" if old else ""))
    (folder / "cgroup").write_text(f"0::{cgroup}\n")


def test_only_code_of_packages_counts(tmp_path: Path) -> None:
    process(tmp_path, 1, "/system.slice/ssh.service", old=True)
    process(tmp_path, 2, "/system.slice/ssh.service", old=True)
    process(tmp_path, 3, "/system.slice/cron.service", old=False)
    process(tmp_path, 4, "/user.slice/user-0.slice/session-1.scope", old=True)
    process(tmp_path, 5, "/system.slice/system-getty.slice/getty@tty1.service/x", old=True)
    (tmp_path / "6").mkdir()
    assert replaced(tmp_path) == ["getty@tty1.service", "ssh.service"]


def test_a_host_with_a_newer_image(tmp_path: Path) -> None:
    store = make_host(tmp_path)
    make_image(store.folder / NEW)
    make_image(store.folder / "0.0.9-cccccccc", "0.0.9", "c", epoch=1_700_000_000)
    make_image(store.folder / "0.3.0-dddddddd", "0.3.0", "d")
    (store.folder / ".new-x").mkdir()
    failed = tmp_path / "run/dom0kit/medium/state/common/failed.json"
    failed.parent.mkdir(parents=True)
    failed.write_text(json.dumps({"0.3.0-dddddddd": {"reason": "x"}}))
    status = read_updates_status(tmp_path)
    assert status == {"packages_of": 1_790_000_000, "staged": {NEW: 1_800_000_000}, "checked": None, "replaced": []}
    assert image_age(status, 1_790_000_000 + 3 * DAY) == [
        "packages of 2026-09-21, 3 days old",
        f"staged: {NEW}, packages of 2027-01-15: dom0ctl image try {NEW}",
    ]


def test_what_the_last_check_found(tmp_path: Path) -> None:
    def lines(**changes: Any) -> list[str]:
        value = {"source": "http://feed", "time": 1_800_000_000.0, "serial": 1, "newest": "", "error": ""} | changes
        (tmp_path / CHECKED).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / CHECKED).write_text(json.dumps(value))
        return image_age(read_updates_status(tmp_path), 1_800_000_000)

    assert lines() == []
    assert lines(newest=NEW) == [f"available since the check of 2027-01-15: {NEW}: dom0ctl updates"]
    assert lines(error="no route") == ["http://feed could not be read on 2027-01-15: no route"]
    assert lines(serial=None) == [], "a damaged file says nothing"
    (tmp_path / CHECKED).write_text("[")
    assert image_age(read_updates_status(tmp_path), 0) == []


def test_the_lines_of_the_status() -> None:
    updates: Any = {"packages_of": 1_800_000_000, "staged": {}, "checked": None, "replaced": ["cron.service", "ssh.service"]}
    image: Any = {"running": NEW, "confirmed": NEW, "state": "confirmed", "failed": None}
    status: Any = {"image": image, "updates": updates}
    assert image_and_newer(status)[0] == NEW
    assert image_and_newer(status)[1].startswith("packages of 2027-01-15, ")
    assert replaced_lines(updates) == [
        "cron.service, ssh.service: run files that an update has replaced until they are restarted"
    ]
    assert replaced_lines(updates | {"replaced": []}) == []
