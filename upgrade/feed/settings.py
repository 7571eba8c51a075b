"""What a host does about newer images: ``/etc/dom0kit/updates.json``, which goes with the host to each image."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.fs import write_json

FILE = Path("etc/dom0kit/updates.json")
WAYS = ("off", "stage")


@dataclass(frozen=True)
class Settings:
    """The settings; see ``dom0ctl updates --help``.

    :ivar auto: ``off``, or ``stage``: the newest image is staged once a day; nothing is restarted.
    :ivar trust: as ``--trust``; "" is the system's.
    :ivar window: for restarts into another image; "" for any time.
    """

    source: str = ""
    auto: str = "off"
    trust: str = ""
    window: str = ""


def read(root: Path) -> Settings:
    """Return the settings of a host.

    :raises UserError: when the file is damaged.
    """
    path = root / FILE
    try:
        value: dict[str, Any] = json.loads(path.read_bytes())
        unknown = value.keys() - asdict(Settings()).keys()
        found = Settings(**{name: str(text) for name, text in value.items()}) if not unknown else None
        if found is None or found.auto not in WAYS:
            raise ValueError(f"unknown: {', '.join(unknown) or value['auto']}")
    except FileNotFoundError:
        return Settings()
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        hint = "correct it, or set it with: dom0ctl updates --source URL --auto stage"
        raise UserError(f"/{FILE} is damaged: {error}", hint) from error
    return found


def write(root: Path, settings: Settings) -> None:
    """Store the settings; the defaults need no file."""
    path = root / FILE
    if settings == Settings():
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(settings))
