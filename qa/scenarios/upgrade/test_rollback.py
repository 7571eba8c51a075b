"""An image that is broken in any way is left again by the host itself, which says why and refuses it from then on."""

from __future__ import annotations

from collections.abc import Mapping

from qa.install.installed_disk import InstalledDisks, own_copy
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.upgrade import broken_start
from qa.upgrade.upgraded_host import PANIC, boot_and_try, check_return, on_one_disk

NOT_STARTED = "before its system started"
FAILS = ("Failed to start", "FAILED", "Dependency failed")
"""Parts of lines on the console of a system in which units fail."""


@scenario("rollback-broken-kernel", firmware="bios", minutes=15, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_kernel(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose kernel is none: the host returns by itself, says so, and refuses the image."""
    rolls_back(scenario, installed_disks, {"vmlinuz": bytes(4096)}, NOT_STARTED)


@scenario("rollback-broken-xen", firmware="bios", minutes=15, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_xen(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose hypervisor cannot be loaded: GRUB restarts, and the confirmed image starts."""
    rolls_back(scenario, installed_disks, {"xen.gz": bytes(4096)}, NOT_STARTED)


@scenario("rollback-broken-initramfs", firmware="bios", minutes=15, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_initramfs(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose initramfs is damaged: dom0's kernel panics, and the confirmed image starts."""
    rolls_back(scenario, installed_disks, {"initrd.img": bytes(4096)}, NOT_STARTED)


@scenario("rollback-broken-network", firmware="bios", minutes=25, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_network(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose network does not come up: a host that cannot be reached returns."""
    rolls_back(scenario, installed_disks, broken_start.with_script(scenario, broken_start.NO_NETWORK), "address", FAILS)


@scenario("rollback-broken-xenstored", firmware="bios", minutes=25, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_xenstored(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose xenstored does not start: a host that can run no guest returns."""
    rolls_back(scenario, installed_disks, broken_start.with_script(scenario, broken_start.NO_XENSTORED), "xen", FAILS)


@scenario("rollback-broken-hang", firmware="bios", minutes=20, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_hang(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose service manager hangs: Xen's watchdog resets the host, and the confirmed image starts."""
    broken = broken_start.with_script(scenario, broken_start.HANG)
    rolls_back(scenario, installed_disks, broken, "hung", ("Watchdog", "Freezing execution", "Caught <SEGV>", "core dump"))


def rolls_back(
    scenario: Scenario,
    installed_disks: InstalledDisks,
    broken: Mapping[str, bytes],
    reason: str,
    expected: tuple[str, ...] = PANIC,
) -> None:
    """Try an image that cannot stay, and check the host afterwards.

    :param reason: a part of the reason that the host gives.
    :param expected: see :meth:`qa.upgrade.upgraded_host.UpgradedHost.fails_to_start`.
    """
    host = on_one_disk(scenario, own_copy(scenario, installed_disks.get(scenario, "bios")), broken)
    first, before = boot_and_try(host)
    host.fails_to_start(expected)
    check_return(host, first, before, reason)


@scenario("rollback-broken-check", firmware="bios", minutes=20, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_check(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image that runs, with a required check of the administrator that fails: the host returns and names the check."""
    host = on_one_disk(scenario, own_copy(scenario, installed_disks.get(scenario, "bios")))
    check = "/etc/dom0kit/health/required.d/licence"
    first, before = boot_and_try(
        host, f"printf '#!/bin/sh\\necho no licence for this image\\n[ -z \"$DOM0KIT_TRY\" ]\\n' >{check} && chmod 755 {check}"
    )
    host.fails_to_start()
    check_return(host, first, before, "no licence for this image")
