"""An installed host that gets another image from a medium, is restarted into it, and is looked at afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from qa import timeouts
from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import check_services, check_xen, identity, need
from qa.guest.ssh_access import Ssh
from qa.install.installed_disk import Host
from qa.install.other_image import NAME, other_image
from qa.scenario import Scenario
from qa.vm.machine import Machine
from qa.vm.polling import poll
from qa.vm.qemu_args import Drive, MachineSpec

MARK = "/usr/local/etc/mark"
"""A file that an administrator has made."""
PANIC = ("Kernel panic", "Panic on CPU", "panic")
"""Parts of lines on the console of an image that cannot start."""


class UpgradedHost:
    """An installed host with a medium that holds another image, booted again and again.

    :param spec: describes the host's machine by the name of a boot; the medium becomes its last disk.
    :param medium: the medium; by default the image of the run under another name.
    :param device: the medium's device on the host.
    """

    def __init__(
        self,
        scenario: Scenario,
        spec: Callable[[str], MachineSpec],
        ssh: Ssh,
        medium: Drive | None = None,
        device: str = "/dev/vdb",
    ) -> None:
        self.scenario = scenario
        self.spec = spec
        self.ssh = ssh
        self.medium = medium or medium_with(scenario)
        self.device = device

    def boot(self, name: str, *, expected: tuple[str, ...] = ()) -> Machine:
        """Make the host's machine for one boot.

        :param expected: parts of lines that a boot that must fail has on its console.
        """
        spec = self.spec(name)
        return self.scenario.machine(
            name, replace(spec, drives=(*spec.drives, self.medium)), expected_failures=expected, stop_at_fatal=not expected
        )

    def images(self) -> dict[str, list[str]]:
        """Return the states of the host's images by name."""
        found: list[dict[str, Any]] = json.loads(self.ssh.succeed("dom0ctl image list --json"))
        return {str(image["name"]): list(image["states"]) for image in found}

    def first_image(self) -> str:
        """Return the name of the image that was installed, as the only one."""
        (name,) = self.images()
        return name

    def stage(self) -> None:
        """Bring the other image to the host."""
        with self.scenario.phase("stage the other image"):
            said = self.ssh.succeed(f"dom0ctl image stage {self.device} 2>&1", limit=timeouts.INSTALL)
            self.scenario.keep("stage.txt", said)
        need(self.images()[NAME] == ["staged"], f"the images after staging: {self.images()}")
        self.scenario.keep("list.txt", self.ssh.succeed("dom0ctl image list"))
        self.scenario.keep("diff.txt", self.ssh.succeed(f"dom0ctl image diff {NAME}"))

    def restart_into(self, machine: Machine) -> None:
        """Restart the host into the staged image; the machine ends."""
        with self.scenario.phase("restart into it"):
            # The restart ends the connection.
            said = self.ssh.execute(f"dom0ctl image try {NAME} 2>&1", limit=timeouts.INSTALL).output
            self.scenario.keep("try.txt", said)
            need("restarts now and tries" in said, f"the try was refused: {said}")
            need(machine.wait_for_shutdown() == "guest-reset", "the host did not restart")

    def stage_and_try(self, machine: Machine) -> None:
        """Bring the other image to the host and restart into it; the machine ends."""
        self.stage()
        self.restart_into(machine)

    def roll_back(self, machine: Machine) -> None:
        """Return to the image that ran before, by command; the machine ends."""
        with self.scenario.phase("return by command"):
            self.scenario.keep("rollback.txt", self.ssh.execute("dom0ctl image rollback --yes").output)
            need(machine.wait_for_shutdown() == "guest-reset", "the host did not restart")

    def restart(self, machine: Machine) -> None:
        """Restart the host; the machine ends."""
        with self.scenario.phase("restart"):
            self.ssh.execute("systemctl reboot")
            need(machine.wait_for_shutdown() == "guest-reset", "the host did not restart")

    def fails_to_start(self, expected: tuple[str, ...] = PANIC) -> None:
        """Boot the image that is tried; the machine must restart by itself.

        :param expected: parts of the lines that its console has.
        """
        self.scenario.broken.add("trial")
        with self.boot("trial", expected=expected) as machine, self.scenario.phase("the try fails"):
            need(machine.wait_for_shutdown(limit=timeouts.BOOT) == "guest-reset", "the broken image did not restart the machine")


def medium_with(scenario: Scenario, broken: Mapping[str, bytes] | None = None) -> Drive:
    """Make a medium with the image of the run under another name.

    :param broken: new content of some of the image's files, by name.
    """
    return Drive(other_image(scenario.settings.iso, scenario.work, broken), serial="OTHER", read_only=True)


def on_one_disk(scenario: Scenario, target: Host, broken: Mapping[str, bytes] | None = None) -> UpgradedHost:
    """Return the usual host with a medium instead of its CD."""

    def spec(name: str) -> MachineSpec:
        whole = target.spec(name)
        return replace(whole, drives=whole.drives[:1])

    return UpgradedHost(scenario, spec, target.ssh, medium_with(scenario, broken))


def run_first_boot(host: UpgradedHost, machine: Machine) -> dict[str, str]:
    """Wait for the first boot of the installed image, and make what must survive; return what identifies the host."""
    wait_for_first_boot(host.scenario, machine)
    return make_marks(host)


def make_marks(host: UpgradedHost) -> dict[str, str]:
    """Make what must survive on a running host; return what identifies the host."""
    host.ssh.wait_for_login()
    host.ssh.succeed(f"mkdir -p {MARK.rpartition('/')[0]} && echo kept >{MARK} && useradd -m -u 1500 carol")
    return identity(host.ssh)


def boot_and_try(host: UpgradedHost, command: str = "true") -> tuple[str, dict[str, str]]:
    """Boot the installed image for the first time, bring the other one, restart into it.

    :param command: is run on the host before.
    :returns: the first image's name, and what identifies the host.
    """
    with host.boot("before") as machine:
        before = run_first_boot(host, machine)
        first = host.first_image()
        host.ssh.succeed(command)
        host.stage_and_try(machine)
    return first, before


def check_trial(host: UpgradedHost, machine: Machine, before: Mapping[str, str]) -> None:
    """Check the host in a try of the image until it has confirmed it."""
    wait_for_first_boot(host.scenario, machine)
    host.ssh.wait_for_login()
    need(f" dom0kit.try={NAME} " in host.ssh.succeed("cat /proc/cmdline"), "the image was not started as a try")
    check_same_host(host, before)
    wait_for_confirmation(host)


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
