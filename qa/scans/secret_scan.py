"""Search for secrets in the artifacts of a scenario."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path

PICTURES = (".png",)
MASK = "********"


def texts(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield a file's name and content; for a bundle (``.tar.gz``) those of every file in it as well."""
    data = path.read_bytes()
    yield path.name, data
    if path.name.endswith((".tar.gz", ".tgz")):
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as bundle:
                for member in bundle:
                    file = bundle.extractfile(member) if member.isfile() else None
                    if file:
                        yield f"{path.name}: {member.name}", file.read()
        except tarfile.TarError as error:
            yield f"{path.name} cannot be unpacked ({error})", b""


def leaks(folder: Path, secrets: Collection[str]) -> list[str]:
    """Return one sentence for each file below a folder that holds a secret, or for a bundle that cannot be read.

    The sentences do not name the secrets: they go into a report.
    """
    wanted = [secret.encode() for secret in secrets if secret and secret != MASK]
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in PICTURES:
            continue
        for name, data in texts(path):
            if "cannot be unpacked" in name:
                found.append(name)
            elif any(secret in data for secret in wanted):
                found.append(f"a secret is in {name}")
    return found
