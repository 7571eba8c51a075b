"""``dom0ctl paths`` and ``dom0ctl initramfs``."""

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
from firstboot.multipath_monitor.monitor import REST, Watcher, read_expected, write_expected
from firstboot.multipath_monitor.rescan import look_again, news, read_sizes, resize

ROOT = Path("/")
LOG = "var/log/dom0kit/paths-events.jsonl"
IMAGE = Path("/run/dom0kit/image")
STATE = Path("/run/dom0kit/overlay")
MCL_CURRENT, MCL_FUTURE = 1, 2
THREAD_STACK = MIB


def configure_paths(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``dom0ctl paths``."""
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument("--accept", action="store_true", help="what is there now is all there should be")
    parser.add_argument("--rescan", action="store_true", help="look for new paths, and for LUNs that the array has grown")
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)


def paths(arguments: argparse.Namespace) -> int:
    """``dom0ctl paths``; exit code 1 when a disk has fewer paths than it should."""
    if arguments.watch:
        return watch()
    maps = look_for_news() if arguments.rescan else parse_maps(ask("show maps json"))
    if arguments.accept:
        write_expected(ROOT, {item.wwid: len(item.good) for item in maps})
    expected = read_expected(ROOT)
    sizes = {item.wwid: read_sizes(ROOT, item) for item in maps}
    if arguments.json:
        value = {"expected": expected, "maps": [{**dataclasses.asdict(m), "size": sizes[m.wwid].map} for m in maps]}
        print(json.dumps(value, indent=2, sort_keys=True))
    else:
        print(render(maps, expected, sizes) or "no disk with several paths")
    return 1 if any(len(item.good) < expected.get(item.wwid, 0) for item in maps) else 0


def look_for_news() -> tuple[Map, ...]:
    """Look for new paths and grown LUNs, say what was found, and give the maps as they are then.

    :raises UserError: for others than root, and when multipathd does not answer.
    """
    before = parse_maps(ask("show maps json"))
    try:
        look_again(ROOT, before, lambda: settle(run, note=note))
    except PermissionError as error:
        raise UserError("only root may have the adapters look again", "run this command as root") from error
    maps = parse_maps(ask("show maps json"))
    for line in [*news(before, maps), *resize(ROOT, maps, ask)] or ["nothing new"]:
        print(line, file=sys.stderr)
    return maps


def count_paths() -> dict[str, tuple[int, int]]:
    """How many paths each disk has and should have, by WWID; empty when there is no map, or no multipathd."""
    try:
        return counts(parse_maps(ask("show maps json")), read_expected(ROOT))
    except (UserError, ValueError):
        return {}


def watch() -> int:
    """Tell of changes until somebody ends this."""
    listeners, log = Reporter("paths"), Reporter("paths")
    (ROOT / LOG).parent.mkdir(parents=True, exist_ok=True)
    if VIRTIO_PORT.exists():
        listeners.sinks.append(shared_sink(VIRTIO_PORT))
    try:
        log.sinks.append(json_sink(ROOT / LOG))
    except OSError as error:
        note(f"no events to {ROOT / LOG}: {error}")
    stay_in_memory()
    if root_wwids():
        # What the root's disk needs to come back takes seconds to read, and waits for that disk; the watch does not.
        threading.Thread(target=keep_resident, daemon=True).start()
    alerts, tags = Alerts(ROOT, listeners, log, note), NodeTags(ROOT, missing_paths, note)

    def tell(change: Change) -> None:
        alerts(change)
        tags.changed()

    Watcher(ROOT, ask, tell).run()
    return 0


def keep_resident() -> None:
    """Hold in memory what the root's disk needs to come back, and what is written anew of it meanwhile."""
    files = pin_in_memory.Resident(ROOT, os.uname().release)
    files.hold()
    while True:
        time.sleep(REST)
        files.again()


def missing_paths() -> list[str]:
    """The WWIDs of the disks that have fewer paths than they should."""
    return [wwid for wwid, (good, wanted) in count_paths().items() if good < wanted]


def stay_in_memory() -> None:
    """Keep this process's pages in RAM (mlockall(2)): when the root's last path goes, they could not be read again."""
    # All of a locked thread's stack is in RAM, which is 8 MiB unless something else is said (pthread_attr_setstacksize(3)).
    threading.stack_size(THREAD_STACK)
    if ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT | MCL_FUTURE):
        note(f"cannot stay in memory: errno {ctypes.get_errno()}")


def note(text: str) -> None:
    """Say something in the service's journal."""
    print(text, file=sys.stderr, flush=True)


def configure_initramfs(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``dom0ctl initramfs``."""
    parser.add_argument("--check", action="store_true", help="only say whether it is as the files in /etc are now")


def initramfs(arguments: argparse.Namespace) -> int:
    """``dom0ctl initramfs``: put what is this host's own behind the image's initramfs; exit code 1 when --check finds it old."""
    try:
        entry = json.loads((ROOT / MANIFEST).read_text())["files"]["initrd.img"]
        size, sha256 = int(entry["size"]), str(entry["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"/{MANIFEST} cannot be read: {error}", "this command runs on an installed host") from error
    initrd = (IMAGE / "initrd.img").resolve()
    files = host_initramfs.collect(ROOT)
    try:
        there = host_initramfs.read(initrd, size)
        changed = host_initramfs.differing(files, there)
        if arguments.check or not changed:
            print("\n".join(f"changed: /{name}" for name in changed) or "the initramfs is as /etc is now")
            return 1 if changed else 0
        if wrong := host_initramfs.problems(files, root_wwids()):
            raise UserError(f"with these files the host would not find its disk: {'; '.join(wrong)}", "nothing was changed")
        written = host_initramfs.write(initrd, size, sha256, host_initramfs.make(files, 0))
        if host_initramfs.read(initrd, size) != files:
            raise UserError(f"{initrd} gives back something else than was written", "the disk loses data")
        write_json(STATE / host_initramfs.RECORD, written.record(files))
    except PermissionError as error:
        raise UserError(f"{initrd} may be changed by root alone", "run this command as root") from error
    except OSError as error:
        raise UserError(f"cannot write {initrd}: {error.strerror}", "does the host run from its own disk? findmnt") from error
    print(f"{initrd}: {', '.join(sorted(files))}")
    return 0


def root_wwids() -> list[str]:
    """The WWIDs that the host's root is on, by the kernel's command line; none on a plain disk."""
    words = (ROOT / "proc/cmdline").read_text().split()
    found = [
        word.removeprefix("dom0kit.image=dev:/dev/mapper/") for word in words if word.startswith("dom0kit.image=dev:/dev/mapper/")
    ]
    return [name.split(":")[0].rpartition("-part")[0] for name in found]
