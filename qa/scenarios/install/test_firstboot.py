"""First boot under power cuts, failing steps that are retried, and secrets that are erased.

Most boots here are of Linux without GRUB and Xen, which takes a third of the time under emulation; the last one of
``firstboot-resume`` is a normal boot of the host.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from typing import Any

from dom0kit.process import run
from firstboot.steps.steps import STEPS
from qa import timeouts
from qa.checks import host_checks
from qa.errors import ScenarioFailed
from qa.guest import host_programs
from qa.guest.host_json import boot_words
from qa.guest.ssh_access import Ssh
from qa.install.answers import DISK_SERIAL
from qa.install.installed_disk import Host, InstalledDisks, own_copy
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm.channels import Message
from qa.vm.machine import Machine
from qa.vm.qemu_args import DirectKernel, Drive, MachineSpec, Nic

NAMES = [step.name for step in STEPS]
ONCE = {step.name for step in STEPS if not step.always}
WRITTEN = (
    "cd /run/dom0kit/overlay/upper && find etc root/.ssh var/lib/dom0kit -type f ! -path 'etc/lvm/archive/*' -exec sh -c '"
    r"""for file; do echo "$file $(stat -c %a "$file") $(sha256sum <"$file" | cut -c1-16)"; done' _ {} + | sort"""
)
"""Command that lists every file that installer and first boot wrote, with its mode and a hash of its content."""
OF_ONE_HOST = (
    "ssh_host_",
    "machine-id",
    "lvm/backup/",
    "initiatorname",
    "nvme/",
    "openvswitch/",
    "multipath/",
    "var/lib/dom0kit/",
    "hosts ",
)
"""Files whose content differs between hosts, or depends on the time."""
LEFT_OVER = re.compile(r".*/\.[^/]+\.\d+\.new|.*/ssh_host_\w+_key(\.pub)?\.\w{10}|.*/\.#[^/]+|.*~lock~")
"""Temporary files of dom0kit, ssh-keygen and systemd that a power cut leaves behind; and locks."""
SLEEPING = {"stage": "first-boot", "content": "#!/bin/sh\necho the licence server sleeps\ntest -e /root/awake\n"}
"""A user script that fails until a file is there."""


def plain_linux(target: Host, name: str, words: str) -> MachineSpec:
    """Describe a machine with the host's disk and its own kernel, loaded by QEMU."""
    settings = target.scenario.settings
    kernel = DirectKernel(settings.kernel, f"{words} dom0kit.mode=host console=tty0 console=ttyS0,115200", settings.initrd)
    disk = Drive(target.disk, format="qcow2", serial=DISK_SERIAL)
    return target.scenario.spec(name, memory=2048, kernel=kernel, nics=(Nic(ssh_port=target.ssh_port),), drives=(disk,))


def steps_in_state(events: Iterable[Message], state: str) -> list[str]:
    """Return the steps of first boot that reached this state, in order."""
    steps = (event for event in events if event.get("source") == "firstboot" and event.get("event") == "step")
    return [str(event["name"]) for event in steps if event.get("state") == state]


def ended(machine: Machine) -> Message | None:
    """Return the final event of first boot, None when there is none."""
    return next((e for e in machine.events if (e.get("source"), e.get("event")) == ("firstboot", "finished")), None)


def cut_after_next(machine: Machine, cut: list[str]) -> str | None:
    """Cut the power as soon as a step has ended after which it was never cut; return the step, None at the end of first boot."""

    def look() -> list[str] | None:
        names = [name for name in steps_in_state(machine.events, "finished") if name not in cut]
        return names[:1] or ([""] if ended(machine) else None)

    name = machine.wait_until(look, "a step that ends", limit=timeouts.BOOT)[0]
    machine.crash()
    return name or None


def written(ssh: Ssh) -> dict[str, str]:
    """Return the files by name: mode and hash, without the hash for files of one host."""
    files = {}
    for line in ssh.succeed(WRITTEN).splitlines():
        name, mode, digest = line.rsplit(" ", 2)
        files[name] = mode if any(part in f"{name} " for part in OF_ONE_HOST) else f"{mode} {digest}"
    return files


@scenario("firstboot-resume", firmware="bios", minutes=35, stage="installed-bios", tags={"install", "firstboot", "power"})
def test_firstboot_resume(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """Cut the power after every step: no finished step runs again, and the host equals one that was never cut."""
    installed = installed_disks.get(scenario, "bios")
    words = boot_words(installed.disk, scenario.work)
    target = own_copy(scenario, installed)
    cut: list[str] = []
    done: list[str] = []
    with scenario.phase("power cuts"):
        for number in range(1, len(NAMES) + 2):
            name = f"cut-{number:02}"
            with scenario.machine(name, plain_linux(target, name, words)) as machine:
                last = cut_after_next(machine, cut)
            twice = sorted(set(steps_in_state(machine.events, "started")) & set(done) & ONCE)
            host_checks.need(not twice, f"{name}: finished steps ran again: {', '.join(twice)}")
            done += [step for step in steps_in_state(machine.events, "finished") if step not in done]
            if last is None:
                break
            cut.append(last)
            if len(cut) == len(NAMES):
                break
    scenario.notes["power cut after"] = cut
    # A step may end between another's end and the cut: it has finished and must not run again either.
    missed = [step for step in NAMES if step not in cut]
    scenario.notes["ended too fast for a separate cut"] = missed
    host_checks.need(len(missed) <= 3, f"the power was not cut after {', '.join(missed)}")
    with target.boot("whole") as machine:
        with scenario.phase("boot under Xen"):
            event = machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        target.ssh.wait_for_login()
        check_whole(scenario, target.ssh, event)
        files = written(target.ssh)
    compare(scenario, files, never_cut(scenario, installed_disks, words))


def check_whole(scenario: Scenario, ssh: Ssh, event: Message) -> None:
    """Check the host after all cuts: every step is done, only those of every boot ran, and it is healthy."""
    again = sorted(set(event["ran"]) & ONCE)
    host_checks.need(not again, f"ran again in the last boot: {', '.join(again)}")
    steps = json.loads(ssh.succeed("dom0ctl status --json"))["steps"]
    scenario.diagnose("status.txt", ssh, "dom0ctl status")
    open_steps = [step["name"] for step in steps if step["state"] != "done"]
    host_checks.need(not open_steps, f"not done: {open_steps}")
    ssh.wait_for_boot()
    host_checks.check_xen(ssh)
    host_checks.check_identity(ssh)
    host_checks.check_network(ssh)
    host_checks.check_services(ssh)
    host_checks.check_access(ssh, scenario.settings.credentials.public)
    scenario.diagnose("journal.txt", ssh, "journalctl -b --no-pager -o short-monotonic")


def never_cut(scenario: Scenario, installed_disks: InstalledDisks, words: str) -> dict[str, str]:
    """Return the files of a host that was never cut."""
    (scenario.work / "disk.qcow2").unlink()
    other = own_copy(scenario, installed_disks.get(scenario, "bios"))
    with scenario.machine("never-cut", plain_linux(other, "never-cut", words)) as machine:
        machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        other.ssh.wait_for_login()
        return written(other.ssh)


def compare(scenario: Scenario, files: dict[str, str], wanted: dict[str, str]) -> None:
    """Check that both hosts have the same files.

    :raises ScenarioFailed: with the files that differ.
    """
    left_over = sorted(name for name in files if LEFT_OVER.fullmatch(name))
    scenario.notes["left over from cuts"] = left_over
    files = {name: value for name, value in files.items() if not LEFT_OVER.fullmatch(name)}
    wanted = {name: value for name, value in wanted.items() if not LEFT_OVER.fullmatch(name)}
    differing = sorted(name for name in files.keys() | wanted.keys() if files.get(name) != wanted.get(name))
    scenario.keep("files.json", json.dumps({"cut": files, "never cut": wanted}, indent=2, sort_keys=True))
    lines = [f"{name}: {files.get(name, 'not there')}, never cut: {wanted.get(name, 'not there')}" for name in differing]
    if lines:
        raise ScenarioFailed("files differ from those of a host that was never cut:\n" + "\n".join(lines[:20]))


def change_answers(ssh: Ssh, **changes: Any) -> None:
    """Put values into host.json without showing them on a command line or in a log."""
    ssh.succeed(host_programs.command(host_programs.change_host_json(changes)))


@scenario("firstboot-retry", firmware="bios", minutes=4, stage="installed-bios", tags={"install", "firstboot"})
def test_firstboot_retry(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """Let a step fail: reason and next try are reported, log-ins work, and it is retried until it succeeds.

    Then a secret is erased: it is nowhere on the disk.
    """
    installed = installed_disks.get(scenario, "bios")
    target = own_copy(scenario, installed)
    token = f"d0k1-{secrets.token_hex(12)}"
    scenario.secrets.append(token)
    spec = plain_linux(target, "retry", boot_words(installed.disk, scenario.work))
    with scenario.machine("retry", spec, expected_failures=("firstboot",)) as machine:
        machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        target.ssh.wait_for_login()
        change_answers(target.ssh, scripts=[SLEEPING])
        before = len(machine.events)
        target.ssh.succeed("systemctl start --no-block dom0kit-firstboot.service")
        with scenario.phase("two automatic retries"):
            first = machine.wait_for_event("firstboot", "retrying", limit=timeouts.BOOT, since=before)
            place = machine.events.index(first) + 1
            status = target.ssh.succeed("dom0ctl status")
            scenario.keep("status.txt", status)
            timers = target.ssh.succeed("systemctl list-timers --all --no-pager")
            scenario.keep("timers.txt", timers)
            second = machine.wait_for_event("firstboot", "retrying", limit=timeouts.BOOT, since=place)
        scenario.notes["retrying"] = [first, second]
        host_checks.need((first["tries"], second["tries"]) == (1, 2), f"tries: {first}, {second}")
        waited = second["time"] - first["time"]
        host_checks.need(30 <= waited < 90, f"the second try came after {waited:.0f} s, not {first['seconds']} s")
        host_checks.need("automatic retry at" in status and "dom0kit-firstboot-next-" in timers, f"{status}\n{timers}")
        ran = set(steps_in_state(machine.events[before:], "started"))
        host_checks.need(ran == {"scripts"}, f"also ran again: {sorted(ran - {'scripts'})}")
        place = machine.events.index(second) + 1
        target.ssh.succeed("touch /root/awake; dom0ctl firstboot retry scripts")
        machine.wait_for_event("firstboot", limit=timeouts.BOOT, since=place)
        host_checks.check_no_failed_unit(target.ssh)
        timers = target.ssh.succeed("systemctl list-timers --all --no-pager")
        host_checks.need("dom0kit-firstboot-next" not in timers, f"another try is still planned:\n{timers}")
        change_answers(target.ssh, pool={"join": {"token": token}})
        target.ssh.succeed("sync")
        need_on_disk(scenario, target, token, there=True)
        host_checks.need(
            target.ssh.succeed(host_programs.command(host_programs.ERASE_TOKEN)) == "True", "there was no secret to erase"
        )
        target.ssh.succeed(f"sync; ! grep {token} /etc/dom0kit/host.json")
        need_on_disk(scenario, target, token, there=False)


def need_on_disk(scenario: Scenario, target: Host, text: str, *, there: bool) -> None:
    """Check whether a text is in the disk's blocks while the machine runs."""
    found = run(["grep", "-c", "--binary-files=text", text, target.disk], check=False).output.strip() != "0"
    host_checks.need(found == there, f"the secret is {'still' if found else 'not'} on the disk {target.disk.name}")
