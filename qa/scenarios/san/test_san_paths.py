"""Hosts on a LUN with two paths, running and booting: one path lost, all lost, either one alone."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any

from qa import timeouts
from qa.checks import host_checks
from qa.checks.host_checks import need
from qa.metadata import scenario
from qa.san.fsync_loop import fsync_loop
from qa.san.multipath_array import (
    ALUA,
    SEEN_SECONDS,
    Stopwatch,
    check_initramfs,
    check_lvm,
    check_no_error_above,
    check_root,
    multipath_status,
    remove_initramfs_overlay,
    wait_for_path_event,
    wait_for_paths,
    wait_for_screen_text,
)
from qa.san.multipath_host import QUEUE_SECONDS, installed, machine_of, running
from qa.scenario import Scenario
from qa.vm.guest import Guest
from qa.vm.machine import Machine
from qa.vm.polling import poll

HOOK = "/etc/dom0kit/hooks/alert.d/10-note"
HOOK_NOTE = "/run/alert-hook"
NO_IMAGE = "no disk or medium holds the image ({device} in the partition "
"""The initramfs's message; GRUB gives it the partition."""
FAILED = re.compile(r"I/O error,? (?:on )?dev dm-|EXT4-fs error \(device dm-|Remounting filesystem read-only")
"""Kernel messages about failed requests to a map; those to a single path may fail."""


@scenario("san-path-loss-running", firmware="bios", minutes=2, stage="san-fc-bios", tags={"san", "multipath"})
def test_san_path_loss_running(scenario: Scenario) -> None:
    """Remove each path in turn under an fsync loop, which loses nothing; the host, its log and its hook report it."""
    on, machine, ssh = running(scenario)
    with machine:
        ssh.wait_for_login()
        ssh.succeed(f"printf '#!/bin/sh\\necho $DOM0KIT_EVENT $DOM0KIT_LEFT >>{HOOK_NOTE}\\n' >{HOOK}; chmod 755 {HOOK}")
        times = []
        with fsync_loop(ssh) as loop:
            for path in (0, 1):
                since, watch = len(machine.events), Stopwatch()
                on.lun.pull(machine, path)
                event = wait_for_path_event(machine, "lost", since, limit=60)
                watch.note("lost")
                need((event["left"], event["expected"]) == (1, 2), f"the event is {event}")
                wait_for_paths(ssh, on.lun.wwid, 1)
                wait_for_screen_text(ssh, f"disk {on.lun.wwid} has 1 of 2 paths")
                watch.restart()
                on.lun.plug(machine, path)
                wait_for_path_event(machine, "returned", since)
                watch.note("returned")
                wait_for_screen_text(ssh, f"{on.lun.wwid}  12.0 GiB  2 of 2 paths work")
                wait_for_paths(ssh, on.lun.wwid, 2)
                times.append(watch.seconds)
        scenario.notes["fsync loop"] = loop
        scenario.notes["seconds until the host reported it"] = times
        hooked = ssh.succeed(f"cat {HOOK_NOTE}").splitlines()
        need(hooked == ["path-lost 1", "path-returned 2"] * 2, f"the alert hook recorded: {hooked}")
        logged = [json.loads(line)["state"] for line in ssh.succeed("cat /var/log/dom0kit/paths-events.jsonl").splitlines()]
        need(logged[-4:] == ["lost", "returned"] * 2, f"the event log has: {logged}")
        journal = ssh.succeed("journalctl -b --no-pager | grep 'dom0kit: disk'")
        need("has lost its path" in journal and "has returned" in journal, f"the journal has: {journal}")
        need("has lost its path" in machine.console_text, "the console does not report a lost path")
        with scenario.phase("a path stays and fails"), fsync_loop(ssh, "fail-loop") as loop:
            fail_and_recover(machine, ssh, on.lun.wwid)
        scenario.notes["fsync loop while a path stays and fails"] = loop
        check_root(ssh, on.lun)
        host_checks.check_no_failed_unit(ssh)
        ended = ssh.execute("systemctl stop dom0kit-paths.service; systemctl is-failed dom0kit-paths.service").output.strip()
        need(ended == "inactive", f"the multipath monitor, when stopped, is {ended}")


def fail_and_recover(machine: Machine, guest: Guest, wwid: str) -> None:
    """Fail requests to a path whose disk stays, as when a port is lost for less than ``dev_loss_tmo``; then recover it."""
    found = next(item for item in multipath_status(guest)["maps"] if item["wwid"] == wwid)
    used = next(path["dev"] for group in found["groups"] if group["state"] == "active" for path in group["paths"])
    for state, event, paths in (("offline", "lost", 1), ("running", "returned", 2)):
        since = len(machine.events)
        guest.succeed(f"echo {state} >/sys/block/{used}/device/state")
        wait_for_path_event(machine, event, since)
        wait_for_paths(guest, wwid, paths)


@scenario("san-degraded-boot-a", firmware="bios", minutes=3, stage="san-fc-bios", tags={"san", "multipath"}, path=0)
@scenario("san-degraded-boot-b", firmware="bios", minutes=5, stage="san-fc-bios", tags={"san", "multipath"}, path=1)
def test_san_degraded_boot(scenario: Scenario, path: int) -> None:
    """Boot with one path alone, on the map; the host reports the missing one and takes it in when it is added."""
    on = installed(scenario)
    machine, ssh = machine_of(scenario, on, "degraded", path)
    other = 1 - path
    with machine:
        machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        ssh.wait_for_login()
        check_root(ssh, on.lun, paths=1)
        check_lvm(ssh, on.lun)
        wait_for_path_event(machine, "degraded", 0)
        need(ssh.execute("dom0ctl multipath").code == 1, "dom0ctl multipath reports no problem")
        need("1 of 2" in ssh.succeed("dom0ctl status"), "dom0ctl status does not report a missing path")
        since = len(machine.events)
        on.lun.plug(machine, other)
        wait_for_path_event(machine, "returned", since)
        wait_for_paths(ssh, on.lun.wwid, 2)
        check_root(ssh, on.lun)
        host_checks.check_no_failed_unit(ssh)


@scenario("san-all-paths-down", firmware="bios", minutes=5, stage="san-fc-bios", tags={"san", "multipath"})
def test_san_all_paths_down(scenario: Scenario) -> None:
    """Remove all paths for 20 s: requests wait, nothing is lost. For longer: they fail, and the host boots again."""
    on, machine, ssh = running(scenario)
    with machine:
        ssh.wait_for_login()
        with fsync_loop(ssh) as loop:
            since = len(machine.events)
            for path in (0, 1):
                on.lun.pull(machine, path)
            wait_for_path_event(machine, "down", since)
            machine.sleep(20)
            for path in (0, 1):
                on.lun.plug(machine, path)
            wait_for_path_event(machine, "returned", since)
            wait_for_paths(ssh, on.lun.wwid, 2)
        scenario.notes["20 s without a path"] = loop
        need(loop["longest"] > 15, f"no write waited: {loop}")
        check_no_error_above(machine.console_text)
        scenario.expected |= {"file system error"}
        seen = len(machine.console_text)
        for path in (0, 1):
            on.lun.pull(machine, path)
        start = time.monotonic()
        machine.wait_until(
            lambda: FAILED.search(machine.console_text[seen:]), "message about failed requests on the console", limit=900
        )
        waited = round(time.monotonic() - start)
        scenario.notes["seconds until requests failed"] = waited
        need(waited > 0.8 * QUEUE_SECONDS, f"requests failed after {waited} s, the answers specify {QUEUE_SECONDS} s")
    machine, ssh = machine_of(scenario, replace(on, state=None), "again")
    with machine:
        machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        ssh.wait_for_login()
        check_root(ssh, on.lun)
        host_checks.check_no_failed_unit(ssh)


@scenario("san-no-multipath-is-loud", firmware="bios", minutes=6, stage="san-fc-bios", tags={"san", "multipath"})
def test_san_no_multipath_is_loud(scenario: Scenario) -> None:
    """Boot with the image's plain initramfs: the host finds no disk, reports it, and never mounts a path."""
    on = installed(scenario)
    remove_initramfs_overlay(on.lun, scenario.work)
    machine, _ = machine_of(scenario, on, "without")
    with machine:
        wanted = NO_IMAGE.format(device=f"dev:{on.lun.map}-part3")
        machine.wait_until(lambda: wanted in machine.console_text, "message about the missing disk", limit=timeouts.BOOT)
        need("mounted filesystem" not in machine.console_text, "a file system was mounted")


@scenario("san-alua", firmware="bios", minutes=2, stage="san-fc-bios", tags={"san", "multipath"})
def test_san_alua(scenario: Scenario) -> None:
    """Declare a LUN of an ALUA array (the kernel's scsi_debug) multipath: it gets the handler and a group for each state."""
    _, machine, ssh = running(scenario)
    # The second port of scsi_debug refuses multipathd's requests; the kernel reports errors of the path, not of the map.
    scenario.expected |= {"file system error"}
    with machine:
        ssh.wait_for_login()
        before = {item["wwid"] for item in multipath_status(ssh)["maps"]}
        ssh.succeed(ALUA, limit=timeouts.COMMAND)
        new: list[dict[str, Any]] = []

        def two_priorities() -> bool:
            # multipathd puts both paths into one group until it has read the state of each.
            new[:] = [item for item in multipath_status(ssh)["maps"] if item["wwid"] not in before]
            return len({group["priority"] for item in new for group in item["groups"]}) == 2

        poll(two_priorities, "map with two priorities", limit=SEEN_SECONDS, evidence=lambda: f"the new maps are {new}")
        scenario.keep("alua.txt", ssh.succeed("multipath -ll; dom0ctl multipath; multipath -t | grep -c 'vendor '; true"))
        need(len(new) == 1, f"there are {len(new)} new maps: {new}")
        need(new[0]["handler"] == "1 alua", f"the handler is {new[0]['handler']!r}")
        need("ALUA" in ssh.succeed("dom0ctl multipath"), "dom0ctl multipath does not name ALUA")
        table = ssh.succeed("multipath -t")
        need("NETAPP" in table and "rdac" in table, "the table of vendors is missing")
        # The next boot knows the LUN as well. Nothing is written to it: scsi_debug's second port refuses some commands.
        need(ssh.execute("dom0ctl initramfs --check").code == 1, "dom0ctl initramfs --check does not notice a new LUN")
        ssh.succeed("dom0ctl initramfs")
        names = [path["dev"] for group in new[0]["groups"] for path in group["paths"]]
        check_no_error_above(machine.console_text, "|".join(names))
        check_initramfs(ssh)
        host_checks.check_no_failed_unit(ssh)
