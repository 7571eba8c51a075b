"""Physical volumes of LVM, those of other machines included."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from installer.model.hardware import PhysicalVolume

FIELDS = (
    "pv_name,pv_uuid,pv_missing,pv_duplicate,vg_name,vg_uuid,vg_systemid,vg_exported,vg_clustered,vg_shared,vg_missing_pv_count"
)
# Volume groups of other machines, and devices that this machine's list of devices leaves out (lvmdevices(8)).
ALL = ["--foreign", "--shared", "--devicesfile", ""]


def read_volumes(output: Callable[[list[str]], str]) -> tuple[PhysicalVolume, ...]:
    """Return all physical volumes; none without LVM.

    :param output: returns the standard output of a command.
    """
    own = parse_system_id(output(["lvm", "systemid"]))
    return parse_pvs(output(["pvs", *ALL, "--reportformat", "json", "-o", FIELDS]), own)


def parse_system_id(text: str) -> str:
    """Return this machine's identifier from ``lvm systemid``; "" if it has none."""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon and name.strip() == "system ID":
            return value.strip()
    return ""


def parse_pvs(text: str, system_id: str = "") -> tuple[PhysicalVolume, ...]:
    """Return physical volumes from ``pvs --reportformat json``; fields that LVM does not report are empty.

    :param system_id: this machine's identifier.
    """
    if not text.strip():
        return ()
    rows = [row for report in json.loads(text).get("report", []) for row in report.get("pv", [])]
    return tuple(_volume(row, system_id) for row in rows)


def _volume(row: Mapping[str, Any], system_id: str) -> PhysicalVolume:
    def field(name: str) -> str:
        return str(row.get(name) or "").strip()

    owner, path = field("vg_systemid"), field("pv_name")
    return PhysicalVolume(
        path=path,
        group=field("vg_name"),
        uuid=field("pv_uuid"),
        group_uuid=field("vg_uuid"),
        # Older versions name it "unknown device".
        missing=bool(field("pv_missing")) or path in ("[unknown]", "unknown device"),
        system_id=owner,
        foreign=bool(owner) and owner != system_id,
        exported=bool(field("vg_exported")),
        shared=bool(field("vg_clustered") or field("vg_shared")),
        duplicate=bool(field("pv_duplicate")),
        broken=field("vg_missing_pv_count") not in ("", "0"),
    )
