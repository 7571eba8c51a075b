"""Answers inside a finished ISO: two files of fixed size are overwritten in a copy, every other byte stays as it was.

Mastering reserves the files, filled with line breaks. So the partition tables, the boot images and the places and checksums
of all other files hold, and embedding again replaces what was embedded before.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import replacing, sha256_file, write_atomic
from iso import hybrid_mbr_gpt
from iso.grub_menu import EMBEDDED_ANSWERS, UNATTENDED
from iso.verify import CheckTables, read_listing, sgdisk_problems, verify

SIZES = {UNATTENDED: 4096, EMBEDDED_ANSWERS: 64 * 1024}
COUNTDOWN = 10
"""Seconds in which any key shows the menu before the installation begins."""


def blank() -> dict[str, bytes]:
    """Return the reserved files' initial contents."""
    return {path: b"\n" * size for path, size in SIZES.items()}


def unattended_cfg(host: str, consoles: str) -> str:
    """Return GRUB variables for the menu: the host's name as title, and the unattended entry as default."""
    return (
        f'set dom0kit_unattended="{host}"\nset dom0kit_args="{consoles}"\nset default=unattended\nset timeout={COUNTDOWN}\n'
        f'echo "This medium installs {host} in {COUNTDOWN} seconds; any key shows the menu."\n'
    )


def fill(path: str, text: str, size: int) -> bytes:
    """Pad a text with line breaks to the size of its file.

    :raises UserError: when it does not fit.
    """
    data = text.encode()
    if not data.endswith(b"\n"):
        data += b"\n"
    if len(data) > size:
        raise UserError(
            f"the text for {path} has {len(data)} bytes, and the ISO reserves {size}",
            "fetch long scripts by url, or put the answers on the medium with: dom0kit master --add",
        )
    return data.ljust(size, b"\n")


def embed(source: Path, texts: dict[str, str], output: Path, *, tables: CheckTables = sgdisk_problems) -> str:
    """Write ``output``, a copy of ``source`` with these texts in its reserved files, verify it, and its checksum's file.

    :param texts: by path on the ISO: all of :data:`SIZES`.
    :returns: the SHA-256 of the new ISO.
    :raises UserError: when the ISO has no such files, a text is too long, or the result does not verify.
    """
    if output.exists() and output.samefile(source):
        raise UserError(f"{output} is the ISO itself", "choose another -o")
    if not output.parent.is_dir():
        raise UserError(f"the folder {output.parent} does not exist", "make it, or choose another -o")
    try:
        with source.open("rb") as file:
            extents, _ = read_listing(file, source)
        filled = {}
        for path, size in SIZES.items():
            if path not in extents or extents[path].length != size:
                raise UserError(
                    f"{source} has no reserved file {path} of {size} bytes", "make a new ISO; this one is from an older dom0kit"
                )
            filled[path] = fill(path, texts[path], size)
        # Answers hold password hashes: the owner alone reads the ISO.
        with replacing(output, 0o600) as new:
            shutil.copyfile(source, new)
            with new.open("r+b") as file:
                for path, data in filled.items():
                    file.seek(extents[path].block * hybrid_mbr_gpt.BLOCK)
                    file.write(data)
            verify(new, {path: hashlib.sha256(data).hexdigest() for path, data in filled.items()}, tables=tables)
            sha256 = sha256_file(new)
    except OSError as error:
        raise UserError(f"cannot make {output} from {source}: {error.strerror}", "check free space and permissions") from error
    write_atomic(output.with_name(f"{output.name}.sha256"), f"{sha256}  {output.name}\n")
    return sha256
