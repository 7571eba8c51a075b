"""The key of a stage: a hash of everything that its content depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class StageKey:
    """What a stage was made from.

    :param name: what it is, such as ``installed-bios``.
    :param iso_sha256: of the ISO that was installed.
    :param emulator: QEMU's version and the words of its accelerator and processor: a saved machine fits these alone.
    :param credentials: root's public key, which the stage's host lets in.
    :param sources: SHA-256 of the harness's files that make it, by name.
    :param parameters: whatever else its maker was called with.
    """

    name: str
    iso_sha256: str
    emulator: str
    credentials: str
    sources: Mapping[str, str]
    parameters: Mapping[str, str]

    @property
    def digest(self) -> str:
        """The key as 64 hexadecimal digits."""
        value = [self.iso_sha256, self.emulator, self.credentials, dict(self.sources), dict(self.parameters)]
        text = json.dumps([self.name, *value], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def folder_name(self) -> str:
        """The name of its folder in the cache, readable and unique."""
        return f"{self.name}-{self.digest[:24]}"


def source_digests(modules: Sequence[str], package: Path = PACKAGE) -> dict[str, str]:
    """Return the SHA-256 of files of the harness by their names, such as ``host_checks.py`` or ``pool/pool_hosts.py``."""
    return {module: hashlib.sha256((package / module).read_bytes()).hexdigest() for module in modules}
