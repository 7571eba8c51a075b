"""``dom0ctl multipath`` and ``dom0ctl initramfs``."""

from __future__ import annotations

import argparse
import ctypes
import dataclasses
import json
import os
import sys
import threading
import time
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, json_sink, shared_sink
from dom0kit.fs import write_json
from dom0kit.linux import host_initramfs
from dom0kit.linux.grub_files import replacing_settled
from dom0kit.linux.multipath_maps import Map, parse_maps
from dom0kit.linux.multipathd import ask
from dom0kit.linux.udev import settle
from dom0kit.process import run
from dom0kit.units import MIB
from firstboot.host import MANIFEST
from firstboot.multipath_monitor import pin_in_memory
from firstboot.multipath_monitor.alert_hooks import Alerts
from firstboot.multipath_monitor.ganeti_tags import NodeTags
from firstboot.multipath_monitor.map_changes import Change, counts, render
from firstboot.multipath_monitor.monitor import CHECK_INTERVAL, Monitor, read_expected, write_expected
from firstboot.multipath_monitor.rescan import differences, read_sizes, rescan_devices, resize

ROOT = Path("/")
LOG = "var/log/dom0kit/paths-events.jsonl"
IMAGE = Path("/run/dom0kit/image")
STATE = Path("/run/dom0kit/overlay")
MCL_CURRENT, MCL_FUTURE = 1, 2
THREAD_STACK = MIB


def configure_paths(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0ctl multipath``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--accept", action="store_true", help="set the current paths as the expected ones")
    parser.add_argument("--rescan", action="store_true", help="scan for new paths and for grown LUNs")
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)


def paths(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl multipath``; exit code 1 when a disk has fewer paths than expected."""
    if arguments.watch:
        return watch()
    maps = rescan() if arguments.rescan else parse_maps(ask("show maps json"))
    if arguments.accept:
        write_expected(ROOT, {item.wwid: len(item.good) for item in maps})
    expected = read_expected(ROOT)
    sizes = {item.wwid: read_sizes(ROOT, item) for item in maps}
    if arguments.json:
        value = {"expected": expected, "maps": [{**dataclasses.asdict(m), "size": sizes[m.wwid].map} for m in maps]}
        print(json.dumps(value, indent=2, sort_keys=True))
    else:
        print(render(maps, expected, sizes) or "no multipath disks")
    return 1 if any(len(item.good) < expected.get(item.wwid, 0) for item in maps) else 0


def rescan() -> tuple[Map, ...]:
    """Scan for new paths and grown LUNs, print what was found, and return the maps afterwards.

    :raises UserError: without root, and when multipathd does not answer.
    """
    before = parse_maps(ask("show maps json"))
    try:
        rescan_devices(ROOT, before, lambda: settle(run, note=note))
    except PermissionError as error:
        raise UserError("rescanning requires root", "run this command as root") from error
    maps = parse_maps(ask("show maps json"))
    for line in [*differences(before, maps), *resize(ROOT, maps, ask)] or ["nothing new"]:
        print(line, file=sys.stderr)
    return maps


def count_paths() -> dict[str, tuple[int, int]]:
    """Return the working and expected paths of each disk by WWID; empty without maps or multipathd."""
    try:
        return counts(parse_maps(ask("show maps json")), read_expected(ROOT))
    except (UserError, ValueError):
        return {}


def watch() -> int:
    """Report changes until interrupted."""
    listeners, log = Reporter("paths"), Reporter("paths")
    (ROOT / LOG).parent.mkdir(parents=True, exist_ok=True)
    if VIRTIO_PORT.exists():
        listeners.sinks.append(shared_sink(VIRTIO_PORT))
    try:
        log.sinks.append(json_sink(ROOT / LOG))
    except OSError as error:
        note(f"cannot write events to {ROOT / LOG}: {error}")
    lock_memory()
    if root_wwids():
        # Reading the files takes seconds and waits for the disk; the monitor must not wait.
        threading.Thread(target=keep_pinned, daemon=True).start()
    alerts, tags = Alerts(ROOT, listeners, log, note), NodeTags(ROOT, missing_paths, note)

    def on_change(change: Change) -> None:
        alerts(change)
        tags.changed()

    Monitor(ROOT, ask, on_change).run()
    return 0


def keep_pinned() -> None:
    """Pin the files that recovering the root disk needs, and pin changed ones again."""
    files = pin_in_memory.PinnedFiles(ROOT, os.uname().release)
    files.pin()
    while True:
        time.sleep(CHECK_INTERVAL)
        files.refresh()


def missing_paths() -> list[str]:
    """Return the WWIDs of the disks with fewer paths than expected."""
    return [wwid for wwid, (good, wanted) in count_paths().items() if good < wanted]


def lock_memory() -> None:
    """Lock this process in RAM (mlockall(2)), because its pages could not be read without the root disk."""
    # A locked thread's stack is in RAM as a whole, 8 MiB by default (pthread_attr_setstacksize(3)).
    threading.stack_size(THREAD_STACK)
    if ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT | MCL_FUTURE):
        note(f"cannot lock memory: errno {ctypes.get_errno()}")


def note(text: str) -> None:
    """Print a line to the service's journal."""
    print(text, file=sys.stderr, flush=True)


def configure_initramfs(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0ctl initramfs``."""
    parser.add_argument("--check", action="store_true", help="only check whether it matches the files in /etc")


def initramfs(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl initramfs``: append the host-specific overlay to the image's initramfs.

    :returns: exit code 1 when ``--check`` finds it outdated.
    """
    try:
        entry = json.loads((ROOT / MANIFEST).read_text())["files"]["initrd.img"]
        size, sha256 = int(entry["size"]), str(entry["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"/{MANIFEST} cannot be read: {error}", "run this command on an installed host") from error
    initrd = (IMAGE / "initrd.img").resolve()
    files = host_initramfs.collect(ROOT)
    try:
        there = host_initramfs.read(initrd, size)
        changed = host_initramfs.differing(files, there)
        if arguments.check or not changed:
            print("\n".join(f"changed: /{name}" for name in changed) or "the initramfs is as /etc is now")
            return 1 if changed else 0
        if wrong := host_initramfs.problems(files, root_wwids()):
            raise UserError(
                f"with these files the host would not find its disk: {'; '.join(wrong)}", "correct the files; nothing was changed"
            )
        written = host_initramfs.write(initrd, size, sha256, host_initramfs.make(files, 0), replacing_settled)
        if host_initramfs.read(initrd, size) != files:
            raise UserError(f"{initrd} does not contain what was written", "check the disk for errors")
        write_json(STATE / host_initramfs.RECORD, written.record(files))
    except PermissionError as error:
        raise UserError(f"{initrd} is writable by root only", "run this command as root") from error
    except OSError as error:
        raise UserError(
            f"cannot write {initrd}: {error.strerror}", "check that the host runs from its own disk: findmnt"
        ) from error
    print(f"{initrd}: {', '.join(sorted(files))}")
    return 0


def root_wwids() -> list[str]:
    """Return the WWIDs of the root disk from the kernel's command line; none on a plain disk."""
    words = (ROOT / "proc/cmdline").read_text().split()
    found = [
        word.removeprefix("dom0kit.image=dev:/dev/mapper/") for word in words if word.startswith("dom0kit.image=dev:/dev/mapper/")
    ]
    return [name.split(":")[0].rpartition("-part")[0] for name in found]
