"""What the rules say agrees with first boot, with the initramfs and with systemd."""

from __future__ import annotations

import re
from pathlib import Path

from firstboot.steps.steps import STEPS
from upgrade.state.rules import SHARED

LIVE = Path(__file__).parents[4] / "image/elements/dom0-live/tree/etc"
KEPT = {
    "name": ("host_name", "network"),
    "root": ("root",),
    "ssh": ("ssh",),
    "consoles": ("serial_console",),
    "time": ("time",),
    "proxy": ("proxy",),
    "keyboard": ("keyboard",),
    "pool": ("pool", "pool.join.token", "pool.join.password"),
    "scripts": ("scripts",),
}


def test_the_parts_that_a_kept_step_depends_on_stay_the_same() -> None:
    """A record with other parts does not match: the step would run again on each host with this image.

    Root's password that was set by hand would be replaced, and a key in ``authorized_keys`` come back.
    """
    assert {step.name: (*step.answers, *step.excluded_secrets) for step in STEPS if step.kept} == KEPT


def test_a_step_that_takes_secrets_which_are_erased_is_not_repeated() -> None:
    assert all(step.kept for step in STEPS if step.erase_after)


def test_a_step_of_every_boot_has_no_record_to_keep() -> None:
    assert not [step.name for step in STEPS if step.always and step.kept]


def test_the_initramfs_mounts_the_shared_folders_and_systemd_leaves_them() -> None:
    script = (LIVE / "initramfs-tools/scripts/dom0kit-shared").read_text()
    listed = re.search(r'^DOM0KIT_SHARED="(.*)"$', script, re.MULTILINE)
    assert listed is not None
    assert tuple(listed[1].split()) == SHARED
    for name in SHARED:
        unit = LIVE / f"systemd/system/{name.replace('/', '-')}.mount.d/10-dom0kit.conf"
        assert "DefaultDependencies=no" in unit.read_text().splitlines(), name


def test_no_shared_folder_is_inside_another() -> None:
    assert not [(one, other) for one in SHARED for other in SHARED if other.startswith(f"{one}/")]
