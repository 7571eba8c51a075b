"""What tasks for a host on the disks decide: image, reasons, what is kept."""

from __future__ import annotations

import dataclasses
import io
import uuid
from pathlib import Path
from typing import Any

import pytest
from installer_samples import DISK, facts, manifest_text

from answerfiles.model import HostTask
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from dom0kit.linux.boot_choice import Choice
from dom0kit.units import GIB
from installer.command_log import Commands
from installer.host_tasks import KeptHost
from installer.model.image_manifest import parse_manifest
from installer.session import Session
from upgrade.outside import tasks
from upgrade.outside.found_host import Details, FoundHost, FoundImage
from upgrade.outside.rollback_task import candidates
from upgrade.outside.tasks import prepare_for
from upgrade.outside.work import digest

SYSTEM = "0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001"
OLD, NEW = "0.1.0-abababab", "0.2.0-cdcdcdcd"
MANIFEST = parse_manifest(manifest_text())
FIRST = FoundImage(OLD, MANIFEST, installed=True)
SECOND = FoundImage(NEW, parse_manifest(manifest_text(version="0.2.0", id="cd" * 8)), installed=True)
HOST = FoundHost(
    SYSTEM,
    (DISK,),
    names=("xen1",),
    firmware="bios",
    details=Details((FIRST,), Choice(uuid.UUID(SYSTEM), 1, OLD), unhealthy=(), free=5 * GIB),
)


def host(**changes: Any) -> FoundHost:
    return dataclasses.replace(HOST, details=dataclasses.replace(HOST.details, **changes))


@pytest.fixture
def session(tmp_path: Path) -> Session:
    image = tmp_path / "image"
    image.mkdir()
    (image / "manifest.json").write_text(manifest_text(version="0.2.0", id="cd" * 8))
    return Session(Reporter("installer"), Commands(io.StringIO()), io.StringIO(), tmp_path, image)


def task(mode: str = "upgrade", **values: Any) -> HostTask:
    return HostTask.model_validate({"version": 1, "mode": mode, **values})


def test_an_upgrade_says_what_it_does_and_keeps(session: Session) -> None:
    prepared = prepare_for(HOST, task(), facts(), session)
    text = prepared.render()
    assert text.startswith(f"upgrade xen1 to {NEW}\n")
    for line in (f"put the image {NEW} next to {OLD}", f"it returns to {OLD}", "guests' volumes", "health: healthy"):
        assert line in text, line
    assert (prepared.host_name, prepared.disk) == ("xen1", "/dev/sda")
    assert prepared.to_json()["image"] == OLD


def test_the_same_image_is_a_repair(session: Session) -> None:
    same = host(images=(SECOND,), choice=dataclasses.replace(HOST.details.choice or Choice(uuid.UUID(SYSTEM), 1, NEW), image=NEW))
    assert "repair it" in prepare_for(same, task(), facts(), session).render()


def test_an_image_that_failed_leaves_the_host_alone(session: Session) -> None:
    failed = host(failed={NEW: "it hung"})
    with pytest.raises(KeptHost, match="has failed on this host: it hung") as caught:
        prepare_for(failed, task(), facts(), session)
    assert caught.value.disk == "/dev/sda"
    assert "force: true" in caught.value.hint
    assert prepare_for(failed, task(force=True), facts(), session).work.does


def test_an_older_image_needs_force(session: Session) -> None:
    newer = host(images=(dataclasses.replace(FIRST, manifest=parse_manifest(manifest_text(version="9.9"))),))
    with pytest.raises(UserError, match="is older than") as caught:
        prepare_for(newer, task(), facts(), session)
    assert not isinstance(caught.value, KeptHost)
    assert "force: true" in caught.value.hint
    assert prepare_for(newer, task(force=True), facts(), session).work.does


def test_no_space(session: Session) -> None:
    with pytest.raises(UserError, match="the system partition has"):
        prepare_for(host(free=1 << 20), task(), facts(), session)
    staged = host(free=1 << 20, images=(FIRST, dataclasses.replace(SECOND, installed=False)))
    assert prepare_for(staged, task(), facts(), session).work.does, "the image is there already"


def test_where_a_host_returns_to(session: Session) -> None:
    both = host(images=(FIRST, SECOND))
    assert [image.name for image in candidates(both, None)] == [NEW]
    assert [image.name for image in candidates(both, "0.2")] == [NEW]
    assert f"return xen1 to {NEW}" in prepare_for(both, task("rollback"), facts(), session).render()
    failed = dataclasses.replace(both, details=dataclasses.replace(both.details, failed={NEW: "it hung"}))
    assert [image.name for image in candidates(failed, NEW)] == [NEW]
    for found, wanted in (
        (failed, None),
        (HOST, None),
        (both, "0.1"),
        (host(images=(FIRST, dataclasses.replace(SECOND, installed=False))), None),
        (host(images=(FIRST, dataclasses.replace(SECOND, manifest=None))), None),
    ):
        with pytest.raises(UserError, match=r"\[host-no-image\]"):
            candidates(found, wanted)


def test_a_return_and_a_reset_are_done_once(session: Session) -> None:
    back, reset = task("rollback"), task("reset")
    done = host(images=(dataclasses.replace(FIRST, task=digest(reset, "")), SECOND), returned=digest(back, ""))
    for again in (back, reset):
        with pytest.raises(KeptHost, match=r"\[task-done\]"):
            prepare_for(done, again, facts(), session)
        assert prepare_for(done, again.model_copy(update={"task_id": "again"}), facts(), session).work.does
    session.order = "20260101T000000.000Z"
    assert prepare_for(done, back, facts(), session).work.does, "a new order of a network boot"
    assert digest(back, "") == digest(task("rollback", finish="halt"), "")


def test_a_reset_says_what_is_lost(session: Session) -> None:
    text = prepare_for(HOST, task("reset"), facts(), session).render()
    assert "added or changed by hand are lost" in text
    assert "all images" in text


def test_what_the_screens_offer(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(HOST, firmware="uefi", names=("xen2",))
    same = dataclasses.replace(
        host(images=(SECOND,), choice=Choice(uuid.UUID(SYSTEM), 1, NEW)),
        names=("xen3",),
    )
    monkeypatch.setattr(tasks, "find_hosts", lambda found: [HOST, other, same])
    first, second, third = tasks.find_offers(facts(), session)
    assert first.label == f"Upgrade the host xen1 ({OLD}) on /dev/sda"
    assert first.possible
    assert first.task.target is not None
    assert not second.possible
    assert "[host-other-firmware]" in second.text
    assert third.label.startswith("Repair the host xen3")
