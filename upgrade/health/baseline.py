"""What worked before another image was tried: what did not work then does not count against the image."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dom0kit.fs import write_json

FILE = "run/dom0kit/medium/state/common/health-before.json"


@dataclass(frozen=True)
class Baseline:
    """The state of a host right before a try.

    :param image: name of the image that is to be tried.
    :param paths: working paths of each multipath map by WWID.
    :param arrays: working disks of each array by UUID.
    :param gateways: whether a default gateway answered.
    :param pool: whether the pool was healthy.
    :param xen: whether the host ran on Xen.
    """

    image: str
    paths: dict[str, int] = field(default_factory=dict)
    arrays: dict[str, int] = field(default_factory=dict)
    gateways: bool = True
    pool: bool = True
    xen: bool = True


def parse(text: str, image: str) -> Baseline | None:
    """Return the baseline for the try of an image; None when the file is for another one, or damaged."""
    try:
        value: Any = json.loads(text)
        if value["image"] != image:
            return None
        return Baseline(
            image=image,
            paths={str(wwid): int(number) for wwid, number in value["paths"].items()},
            arrays={str(uuid): int(number) for uuid, number in value["arrays"].items()},
            gateways=bool(value["gateways"]),
            pool=bool(value["pool"]),
            xen=bool(value["xen"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def write(root: Path, baseline: Baseline) -> None:
    """Store the baseline on the system partition, where both images see it."""
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {
        "image": baseline.image,
        "time": round(time.time(), 3),
        "paths": baseline.paths,
        "arrays": baseline.arrays,
        "gateways": baseline.gateways,
        "pool": baseline.pool,
        "xen": baseline.xen,
    }
    write_json(path, value, 0o600)
