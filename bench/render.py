"""Times ``answers render`` for ten thousand hosts. Run by ``make bench``; give another number of hosts as argument.

The inventory has three groups, computed addresses and a secret reference in every host; the image is a small made-up one, for
what is measured is the work for each host. Each command runs as a process of its own, which starts, reads and writes everything.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from answerfiles.checking.files import check_files
from answerfiles.inventory.sources import read_inventory
from dom0kit.events import Reporter, TerminalSink
from dom0kit.units import human_bytes, human_seconds, table
from image.cache_keys import PROJECT
from iso.layout import BOOT_HYBRID, PATHS
from pipeline.netboot import image_source, render

HOSTS = 10_000
HEAD = """\
defaults:
  vars: {domain: dc1.example}
  host_name: "{{ host.short }}.{{ vars.domain }}"
  target: {disk: {size: {at_least: 200 GB}, rotational: false}, wipe: true}
  root: {password_hash: "file:root.hash"}
  network: {management: {mac: "{{ host.mac }}", dns: [192.0.2.53], mtu: 9000}}
groups:
  static:
    network:
      management:
        ipv4:
          address: "10.{{ 1 + host.index // 65536 }}.{{ host.index // 256 % 256 }}.{{ host.index % 256 }}/8"
          gateway: 10.255.255.254
  berlin: {time: {zone: Europe/Berlin, ntp: [ntp1.example, ntp2.example]}}
  thin: {guests: {thin: true, volume_group: "{{ vars.group | default('guests') }}"}}
hosts:
"""


def inventory(hosts: int) -> str:
    """Return the text of an inventory."""
    lines = []
    for i in range(hosts):
        mac = f"52:54:00:{i >> 16:02x}:{i >> 8 & 255:02x}:{i & 255:02x}"
        lines.append(f'  xen{i:05}:\n    mac: "{mac}"\n    serial: SN{i:07}\n    groups: [static, berlin, thin]\n')
        lines.append(f"    dom0: {{memory: {2 + i % 3} GiB}}\n")
    return HEAD + "".join(lines)


def small_image(folder: Path) -> image_source.Image:
    """Make an image of small files: copying a real one is measured by ``make bench`` as part of the build."""
    (folder / "boot").mkdir(parents=True)
    files = {}
    for name in (*PATHS, BOOT_HYBRID):
        raw = name.encode() * 1000
        (folder / name).write_bytes(raw)
        files[name] = {"sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    manifest = {"format": 1, "product": "dom0kit", "version": "0.0.0", "id": "0" * 16, "epoch": 1_760_000_000, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return image_source.from_folder(folder)


def measured(words: list[str], folder: Path) -> tuple[float, int]:
    """Run this module as a process of its own; return its seconds and the peak of its and its children's memory in bytes.

    Processes share what they had when they were forked: their proportional set sizes add up to what they really take.
    """
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "bench.render", *words], cwd=PROJECT, stdout=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(proportional(pid) for pid in family(process.pid)))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"bench.render {' '.join(words)} failed in {folder}")
    return time.monotonic() - start, peak


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(int(child) for child in children)]


def proportional(pid: int) -> int:
    """Return the proportional set size of a process in bytes; 0 when it has ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:")), 0)


def render_once(folder: Path) -> None:
    """Read the inventory of a folder and render it, as ``dom0kit answers render`` does."""
    image = image_source.from_folder(folder / "image")
    read = read_inventory(folder / "inventory.yaml")
    render.render(read, image, folder / "tree", "http://192.0.2.1", Reporter("render", [TerminalSink()]))


def check_once(folder: Path) -> None:
    """Check the inventory of a folder, as ``dom0kit answers check`` does."""
    (checked,) = check_files([folder / "inventory.yaml"])
    if checked.problems:
        raise SystemExit(checked.problems[0].render(checked.name))


def main() -> int:
    """Measure and print."""
    if len(sys.argv) == 3:
        {"render": render_once, "check": check_once}[sys.argv[1]](Path(sys.argv[2]))
        return 0
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS
    (PROJECT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-render-", dir=PROJECT / "build") as name:
        folder = Path(name)
        (folder / "inventory.yaml").write_text(inventory(hosts))
        (folder / "root.hash").write_text("$6$saltsalt$" + "a" * 86 + "\n")
        small_image(folder / "image")
        rows: list[tuple[str, ...]] = []
        for what, words in (("check", "check"), ("render, new", "render"), ("render, again", "render")):
            seconds, peak = measured([words, name], folder)
            rows.append((what, str(hosts), human_seconds(seconds), human_bytes(peak)))
        cores = len(os.sched_getaffinity(0))
        size = human_bytes((folder / "inventory.yaml").stat().st_size)
        print(f"inventory of {size}, {cores} cores, load {os.getloadavg()[0]:.1f}")
        print(table(("command", "hosts", "time", "memory"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
