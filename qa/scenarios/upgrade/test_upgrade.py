"""A host is upgraded from a medium: the image is tried once, and confirmed or left again by the host itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from qa import timeouts
from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import check_services, check_xen, identity, need
from qa.guest.ssh_access import Ssh
from qa.install.installed_disk import Host, InstalledDisks, own_copy
from qa.install.other_image import NAME, other_image
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm.machine import Machine
from qa.vm.polling import poll
from qa.vm.qemu_args import Drive, Firmware

MEDIUM = "/dev/vdb"
"""The medium with the other image, on the host."""
MARK = "/usr/local/etc/mark"
"""A file that an administrator has made."""
PANIC = ("Kernel panic", "Panic on CPU", "panic")


class UpgradedHost:
    """An installed host with a medium that holds another image, booted again and again."""

    def __init__(self, scenario: Scenario, target: Host, broken: Mapping[str, bytes] | None = None) -> None:
        self.scenario = scenario
        self.target = target
        self.medium = Drive(other_image(scenario.settings.iso, scenario.work, broken), serial="OTHER", read_only=True)

    @property
    def ssh(self) -> Ssh:
        """Return the ssh client for the running host."""
        return self.target.ssh

    def boot(self, name: str, *, expected: tuple[str, ...] = ()) -> Machine:
        """Make the host's machine for one boot, with the medium as its second disk.

        :param expected: parts of lines that a boot that must fail has on its console.
        """
        spec = self.target.spec(name)
        spec = replace(spec, drives=(spec.drives[0], self.medium))
        return self.scenario.machine(name, spec, expected_failures=expected, stop_at_fatal=not expected)

    def images(self) -> dict[str, list[str]]:
        """Return the states of the host's images by name."""
        found: list[dict[str, Any]] = json.loads(self.ssh.succeed("dom0ctl image list --json"))
        return {str(image["name"]): list(image["states"]) for image in found}

    def first_image(self) -> str:
        """Return the name of the image that was installed, as the only one."""
        (name,) = self.images()
        return name

    def stage_and_try(self, machine: Machine) -> None:
        """Bring the other image to the host and restart into it; the machine ends."""
        with self.scenario.phase("stage the other image"):
            self.scenario.keep("stage.txt", self.ssh.succeed(f"dom0ctl image stage {MEDIUM} 2>&1", limit=timeouts.INSTALL))
        need(self.images()[NAME] == ["staged"], f"the images after staging: {self.images()}")
        self.scenario.keep("list.txt", self.ssh.succeed("dom0ctl image list"))
        self.scenario.keep("diff.txt", self.ssh.succeed(f"dom0ctl image diff {NAME}"))
        with self.scenario.phase("restart into it"):
            # The restart ends the connection.
            said = self.ssh.execute(f"dom0ctl image try {NAME} 2>&1", limit=timeouts.INSTALL).output
            self.scenario.keep("try.txt", said)
            need("restarts now and tries" in said, f"the try was refused: {said}")
            need(machine.wait_for_shutdown() == "guest-reset", "the host did not restart")


def run_first_boot(host: UpgradedHost, machine: Machine) -> dict[str, str]:
    """Wait for the first boot of the installed image, and make what must survive; return what identifies the host."""
    wait_for_first_boot(host.scenario, machine)
    host.ssh.wait_for_login()
    host.ssh.succeed(f"mkdir -p {MARK.rpartition('/')[0]} && echo kept >{MARK} && useradd -m -u 1500 carol")
    return identity(host.ssh)


def check_same_host(host: UpgradedHost, before: Mapping[str, str]) -> None:
    """Check that the host is the one that it was, with what its administrator has made."""
    after = identity(host.ssh)
    changed = [name for name in before if before[name] != after[name]]
    need(not changed, f"another image changed: {', '.join(changed)}: {before} {after}")
    need(host.ssh.succeed(f"cat {MARK}").strip() == "kept", "the administrator's file is lost")
    need("uid=1500(carol)" in host.ssh.succeed("id carol"), "the administrator's user is lost")
    check_xen(host.ssh)
    check_services(host.ssh)


def wait_for_confirmation(host: UpgradedHost) -> None:
    """Wait until the host has confirmed the image that it tries."""
    with host.scenario.phase("confirmation"):
        poll(
            lambda: host.images()[NAME] == ["running", "confirmed"],
            "confirmation of the image",
            limit=timeouts.BOOT,
            interval=5,
            evidence=lambda: host.ssh.execute("dom0ctl health; systemctl --no-pager list-jobs").output,
        )


@scenario("upgrade-bios", firmware="bios", minutes=25, stage="installed-bios", tags={"upgrade"})
@scenario("upgrade-uefi", firmware="uefi", minutes=25, stage="installed-uefi", tags={"upgrade"})
def test_upgrade(scenario: Scenario, firmware: Firmware, installed_disks: InstalledDisks) -> None:
    """Stage another image, try it, and see that it is confirmed and starts from then on; return to the first one by command."""
    host = UpgradedHost(scenario, own_copy(scenario, installed_disks.get(scenario, firmware)))
    with host.boot("before") as machine:
        before = run_first_boot(host, machine)
        first = host.first_image()
        host.stage_and_try(machine)
    with host.boot("trial") as machine:
        wait_for_first_boot(scenario, machine)
        host.ssh.wait_for_login()
        need(f" dom0kit.try={NAME} " in host.ssh.succeed("cat /proc/cmdline"), "the image was not started as a try")
        check_same_host(host, before)
        wait_for_confirmation(host)
        need(host.images()[first] == ["staged"], f"the images after the confirmation: {host.images()}")
        scenario.keep("status.txt", host.ssh.succeed("dom0ctl status"))
        scenario.diagnose("journal-trial.txt", host.ssh, "journalctl -b --no-pager -o short-monotonic")
        host.ssh.execute("systemctl reboot")
        need(machine.wait_for_shutdown() == "guest-reset", "the host did not restart")
    with host.boot("again") as machine:
        wait_for_first_boot(scenario, machine)
        host.ssh.wait_for_login()
        need("dom0kit.try" not in host.ssh.succeed("cat /proc/cmdline"), "a confirmed image was started as a try")
        need(host.images()[NAME] == ["running", "confirmed"], f"the images after a restart: {host.images()}")
        check_same_host(host, before)
        scenario.keep("rollback.txt", host.ssh.execute("dom0ctl image rollback --yes").output)
        need(machine.wait_for_shutdown() == "guest-reset", "the host did not restart")
    with host.boot("back") as machine:
        wait_for_first_boot(scenario, machine)
        host.ssh.wait_for_login()
        need(
            host.images() == {first: ["running", "confirmed"], NAME: ["staged"]}, f"the images after the return: {host.images()}"
        )
        check_same_host(host, before)


def fails_to_start(host: UpgradedHost) -> None:
    """Boot the image that is tried; the machine must restart by itself."""
    with host.boot("trial", expected=PANIC) as machine, host.scenario.phase("the try fails"):
        need(machine.wait_for_shutdown(limit=timeouts.BOOT) == "guest-reset", "the broken image did not restart the machine")


def check_return(host: UpgradedHost, first: str, before: Mapping[str, str], reason: str) -> None:
    """Boot once more: the confirmed image runs, and the host says why the other one failed, and refuses it."""
    with host.boot("back") as machine:
        wait_for_first_boot(host.scenario, machine)
        host.ssh.wait_for_login()
        need(
            host.images() == {first: ["running", "confirmed"], NAME: ["failed"]}, f"the images after the return: {host.images()}"
        )
        check_same_host(host, before)
        status = host.ssh.succeed("dom0ctl status")
        host.scenario.keep("status.txt", status)
        need(NAME in status and reason in status, f"the status does not say why {NAME} failed: {status}")
        refused = host.ssh.fail(f"dom0ctl image try {NAME} 2>&1")
        need("failed" in refused and "--force" in refused, f"a failed image is not refused: {refused}")


@scenario("rollback-broken-kernel", firmware="bios", minutes=15, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_kernel(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose kernel is none: the host returns by itself, says so, and refuses the image."""
    rolls_back(scenario, installed_disks, {"vmlinuz": bytes(4096)})


@scenario("rollback-broken-xen", firmware="bios", minutes=15, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_xen(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose hypervisor cannot be loaded: GRUB restarts, and the confirmed image starts."""
    rolls_back(scenario, installed_disks, {"xen.gz": bytes(4096)})


@scenario("rollback-broken-initramfs", firmware="bios", minutes=15, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_initramfs(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image whose initramfs is damaged: dom0's kernel panics, and the confirmed image starts."""
    rolls_back(scenario, installed_disks, {"initrd.img": bytes(4096)})


def rolls_back(scenario: Scenario, installed_disks: InstalledDisks, broken: Mapping[str, bytes]) -> None:
    """Try an image that cannot start, and check the host afterwards."""
    host = UpgradedHost(scenario, own_copy(scenario, installed_disks.get(scenario, "bios")), broken)
    with host.boot("before") as machine:
        before = run_first_boot(host, machine)
        first = host.first_image()
        host.stage_and_try(machine)
    fails_to_start(host)
    check_return(host, first, before, "before its system started")


@scenario("rollback-broken-check", firmware="bios", minutes=20, stage="installed-bios", tags={"upgrade"})
def test_rollback_broken_check(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """An image that runs, with a required check of the administrator that fails: the host returns and names the check."""
    host = UpgradedHost(scenario, own_copy(scenario, installed_disks.get(scenario, "bios")))
    check = "/etc/dom0kit/health/required.d/licence"
    with host.boot("before") as machine:
        before = run_first_boot(host, machine)
        first = host.first_image()
        host.ssh.succeed(
            f"printf '#!/bin/sh\\necho no licence for this image\\n[ -z \"$DOM0KIT_TRY\" ]\\n' >{check} && chmod 755 {check}"
        )
        host.stage_and_try(machine)
    fails_to_start(host)
    check_return(host, first, before, "no licence for this image")
