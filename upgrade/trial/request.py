"""The request to try an image, which the stop of the host carries out: after all services, before the restart."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_json

REQUEST = Path("run/dom0kit/try.json")
"""On a tmpfs: a power cut forgets it, and the confirmed image starts."""


@dataclass(frozen=True)
class TryRequest:
    """An image to try at the next restart."""

    image: str


def write(root: Path, request: TryRequest) -> None:
    """Ask for a try; the next restart carries it out."""
    write_json(root / REQUEST, asdict(request), 0o600)


def read(root: Path) -> TryRequest | None:
    """Return the request; None without one.

    :raises UserError: when it is damaged.
    """
    try:
        value = json.loads((root / REQUEST).read_bytes())
        return TryRequest(str(value["image"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"/{REQUEST} is damaged: {error}", "try again: dom0ctl image try") from error


def remove(root: Path) -> bool:
    """Withdraw the request; return whether there was one."""
    found = (root / REQUEST).exists()
    (root / REQUEST).unlink(missing_ok=True)
    return found
