"""Times ``answers render`` for ten thousand hosts. Run by ``make bench``; give another number of hosts as argument.

The inventory has three groups, computed addresses and a secret reference in every host; the image is a small made-up one, for
what is measured is the work for each host.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from answerfiles.inventory.inventory import read_inventory
from dom0kit.events import Reporter, TerminalSink
from dom0kit.units import human_bytes, human_seconds, table
from image.cache_keys import PROJECT
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
          address: "10.{{ host.index // 65536 }}.{{ host.index // 256 % 256 }}.{{ host.index % 256 }}/8"
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


def main() -> int:
    """Measure and print."""
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS
    with tempfile.TemporaryDirectory(prefix="bench-render-", dir=PROJECT / "build") as name:
        folder = Path(name)
        path = folder / "inventory.yaml"
        path.write_text(inventory(hosts))
        (folder / "root.hash").write_text("$6$saltsalt$" + "a" * 86 + "\n")
        image = image_source.from_folder(PROJECT / "build/image")
        rows: list[tuple[str, ...]] = []
        for turn in ("first", "again"):
            reporter = Reporter("render", [TerminalSink()])
            start = time.monotonic()
            with reporter.step("read the inventory"):
                read = read_inventory(path)
            result = render.render(read, image, folder / "tree", "http://192.0.2.1", reporter)
            rows.append((turn, str(result.hosts), str(result.files), human_seconds(time.monotonic() - start)))
        print(f"inventory of {human_bytes(path.stat().st_size)}")
        print(table(("render", "hosts", "files", "time"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
