"""Codes of the reasons why the installer cannot upgrade, return or reset a host that is on the disks (pure)."""

from __future__ import annotations

from dom0kit.refusals import Refusal, RefusalTable

HOST_NOT_FOUND = Refusal(
    "host-not-found",
    "No disk has a finished installation of dom0kit that fits `host_name`, `system` and `target`. The message lists those found.",
    "Correct the rule, or connect the host's disk.",
)
HOST_AMBIGUOUS = Refusal(
    "host-ambiguous",
    "Several hosts are on the disks, and nothing says which one is meant; or a disk has a copy of another one's host.",
    "Name the host with `host_name`, `system` or `target`, or disconnect the copy.",
)
HOST_OTHER_FIRMWARE = Refusal(
    "host-other-firmware",
    "The host was installed in UEFI mode and this system was started in BIOS mode, or the other way round.",
    "Start the medium in the firmware mode of the host.",
)
HOST_OLD_LAYOUT = Refusal(
    "host-old-layout",
    "The host was installed by dom0kit 0.1, whose disk has space and boot files for one image alone.",
    "Save what the host has, and install it again.",
)
HOST_DAMAGED = Refusal(
    "host-damaged",
    "The host's image or state is incomplete: its manifest, its completion marker or its answers are missing or damaged, or it "
    "does not say which of several images it starts.",
    "Start the host and see `dom0ctl status`; install it again if it does not start.",
)
HOST_IN_USE = Refusal(
    "host-in-use",
    "The host's disk is mounted, or this system runs from it.",
    "On a running host use `dom0ctl image stage` and `dom0ctl image try`.",
)
HOST_STATE = Refusal(
    "host-state",
    "The host's files cannot be taken to the new image. The message has every reason.",
    "Start the host, correct it there, and see `dom0ctl image diff`.",
)
HOST_NO_IMAGE = Refusal(
    "host-no-image",
    "The host has no other image that has run on it and is complete, or not the one that `image` names.",
    "Upgrade the host, or install it again.",
)
HOST_IN_POOL = Refusal(
    "host-in-pool",
    "The host belongs to a pool: with its state made again it would not know the pool, and the pool would not know it.",
    "Start the host, and have it leave the pool first.",
)
HOST_HAS_PACKAGES = Refusal(
    "host-has-packages",
    "The answers of the host add packages: its state cannot be made again from outside.",
    "Install the host again, or upgrade it, which keeps the packages.",
)
TASK_DONE = Refusal(
    "task-done",
    "A return or a reset with these very answers was carried out on the host before. Its disk is started.",
    "Set another `task_id`, or arm the host again for a network boot.",
)

OUTSIDE = RefusalTable(
    "Hosts on the disks",
    "The installer checks these with `mode: upgrade`, `rollback` and `reset` before anything is written.",
    (
        HOST_NOT_FOUND,
        HOST_AMBIGUOUS,
        HOST_OTHER_FIRMWARE,
        HOST_OLD_LAYOUT,
        HOST_DAMAGED,
        HOST_IN_USE,
        HOST_STATE,
        HOST_NO_IMAGE,
        HOST_IN_POOL,
        HOST_HAS_PACKAGES,
        TASK_DONE,
    ),
)
