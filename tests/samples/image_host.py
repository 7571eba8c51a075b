"""A host in a folder that runs from an image: its files, and how it boots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from firstboot.host import Host
from firstboot.step_records import StepRecords, fingerprint
from firstboot.steps.steps import STEPS

RUNNING = "0.1.0-aaaaaaaa"
TRIED = "0.2.0-bbbbbbbb"
BOOT = "5d0b7d5e-0000-4000-8000-000000000001"
HOST_JSON: dict[str, Any] = {
    "version": 1,
    "mode": "install",
    "host_name": "xen1.example.net",
    "network": {"management": {"mac": "52:54:00:12:34:56", "ipv4": "dhcp", "bridge": "xenbr0"}},
    "pool": {"toolstack": "ganeti"},
}
ROUTE = '[{"dst": "default", "gateway": "192.0.2.1", "dev": "xenbr0"}, {"dst": "default", "gateway": "198.51.100.1", "dev": "b"}]'


def start(root: Path, image: str, *, trial: bool = False) -> None:
    """Have a host run from an image, as the initramfs leaves it."""
    run = root / "run/dom0kit"
    for folder in (f"images/{image}", f"state/{image}", "state/common"):
        (run / "medium" / folder).mkdir(parents=True, exist_ok=True)
    for link, target in (("image", f"medium/images/{image}"), ("overlay", f"medium/state/{image}")):
        (run / link).unlink(missing_ok=True)
        (run / link).symlink_to(target)
    (root / "proc/cmdline").write_text(f"root=x dom0kit.mode=host{f' dom0kit.try={image}' if trial else ''} quiet\n")


def finish_steps(host: Host, boot: str = BOOT) -> None:
    """Record all first-boot steps as done."""
    for step in STEPS:
        mark = fingerprint(host.host_json, step.answers, step.excluded_secrets)
        StepRecords(host.root).write_done(step.name, mark, 1.0, boot=boot if step.always else "")
