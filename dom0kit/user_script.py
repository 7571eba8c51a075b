"""Run a user script with timeout and captured output; a non-zero exit code is an error."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import Runner, run
from dom0kit.support_bundle import tail

FOLDER = Path("/var/tmp")  # noqa: S108 - a folder of our own is made in it; /run may be mounted noexec (initramfs-tools)
GRACE = 10
"""Let a user's script end after SIGTERM before SIGKILL.

Kind: configured. Reason: a script that cleans up needs a moment after its own limit. Expiry: timeout(1) kills it.
"""
KILL_SECONDS = 300
"""Wait for timeout(1) itself after it has killed a user's script.

Kind: cap. Reason: timeout(1) only has to reap its child. Expiry: timeout(1) is killed.
"""
OUTPUT = 256 * 1024
"""Bytes of output that are kept, the last ones."""
TIMED_OUT = 124
"""timeout(1): the exit code when the time limit was reached."""


def run_script(
    content: bytes,
    title: str,
    *,
    seconds: int,
    environment: Mapping[str, str],
    note: Callable[[str], None],
    runner: Runner = run,
    folder: Path = FOLDER,
) -> None:
    """Run the script to its end; do not wait for processes that it leaves in the background.

    :param title: the script's name in errors and notes.
    :param seconds: the time limit; after it the script and its children are killed.
    :param note: takes the output.
    :raises UserError: when its exit code is not 0, or it exceeds the time limit.
    """
    with tempfile.TemporaryDirectory(prefix="dom0kit-script-", dir=folder if folder.is_dir() else None) as name:
        script, output = Path(name) / "script", Path(name) / "output"
        script.write_bytes(content)
        script.chmod(0o700)
        output.touch(0o600)
        # The output goes to a file: a pipe would stay open as long as the last process in the background has it.
        words = [
            "timeout",
            f"--kill-after={GRACE}",
            str(seconds),
            "sh",
            "-c",
            'exec "$1" >"$2" 2>&1',
            "sh",
            str(script),
            str(output),
        ]
        result = runner(words, check=False, env=dict(environment), timeout=seconds + GRACE + KILL_SECONDS)
        said = tail(output.read_bytes().decode(errors="replace"), OUTPUT).rstrip()
    code = result.returncode
    note(f"{title}: exit code {code}, {result.seconds:.1f} s" + (f"\n{said}" if said else ""))
    if code in (TIMED_OUT, 128 + 9, -9) and result.seconds >= seconds:
        raise UserError(f"{title} did not end within {seconds} s", "set a longer timeout for it, or let it do less")
    if code:
        last = said.splitlines()[-1].strip()[:200] if said else "no output"
        raise UserError(f"{title} ended with exit code {code}: {last}", "read its output in the log")
