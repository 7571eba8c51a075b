"""Erase used secrets in ``host.json`` by replacing them with a mask.

The mask is valid as a secret of the answers' model, so the file stays valid, and no redaction
filter treats it as a secret.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from dom0kit.host_json import HostJson
from dom0kit.redact import MASK


def secret_at(host_json: HostJson, path: str) -> str | None:
    """Return the secret at a path such as ``pool.join.token``.

    None when there is none, or it was erased.
    """
    value: Any = host_json
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value != MASK else None


def masked(host_json: HostJson, paths: Iterable[str]) -> HostJson:
    """Return the answers with a mask in place of the secrets at these paths.

    The same object when there are none.
    """
    found = [path for path in paths if secret_at(host_json, path) is not None]
    if not found:
        return host_json
    value = copy.deepcopy(host_json)
    for path in found:
        *parents, last = path.split(".")
        inner: Any = value
        for key in parents:
            inner = inner[key]
        inner[last] = MASK
    return value
