"""What becomes of a try: find at a boot that the one before it failed, why, and say so."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.fs import write_atomic, write_json
from dom0kit.linux.boot_choice import Choice
from dom0kit.process import QUERY_SECONDS
from dom0kit.untrusted.text import printable
from firstboot.host import Host
from firstboot.image_status import FILE, FailedTry, ImageStatus, failure_sentence
from upgrade.health.boot_files import COMMON, ENDED, HEALTH, STARTED, STATES, running_image, tried_image

FAILED = f"{COMMON}/failed.json"
MOTD = "run/motd.d/50-dom0kit-image"
"""pam_motd(8) shows the files of this folder at a log-in."""
LAST_LINES = 20
LONGEST_REASON = 500


@dataclass(frozen=True)
class Kept:
    """What a try left behind.

    :param started: ID of the boot; "" when its first unit did not run.
    :param ended: why the try was given up; "" when it was not, as after a reset.
    :param failures: required checks that failed in that boot, as sentences; None: no report of that boot.
    :param last: the last line of its journal.
    """

    started: str = ""
    ended: str = ""
    failures: tuple[str, ...] | None = None
    last: str = ""


def failed_try(choice: Choice, running: str, known: dict[str, Any]) -> str:
    """Return the image whose try has failed without a record of it; "" for none.

    GRUB counts a try down before it starts the image: with none left, the image is running or was tried in vain.

    :param running: name of the running image.
    :param known: the records of failed tries by image.
    """
    if not choice.trial or choice.left > 0 or choice.trial in (running, choice.image):
        return ""
    return "" if (known.get(choice.trial) or {}).get("sequence") == choice.sequence else choice.trial


def pending_try(choice: Choice, running: str) -> str:
    """Return the image whose try is still to come although this boot was to be its; "" for none.

    Another entry was chosen in the boot menu, no ESP could be written to, or the image is not there.
    """
    return choice.trial if choice.left > 0 and choice.trial not in ("", running) else ""


def without_try(choice: Choice) -> Choice:
    """Return the choice that tries nothing."""
    return replace(choice, trial="", left=0)


def reason(kept: Kept) -> str:
    """Return why a try failed."""
    if not kept.started:
        return "it stopped before its system started: in the boot loader, Xen, the kernel or the initramfs"
    if kept.failures:
        return f"unhealthy: {'; '.join(kept.failures)}"
    if kept.ended:
        return kept.ended
    end = f"; its journal ends with: {kept.last}" if kept.last else ""
    if kept.failures is not None:
        return f"the host was healthy, and was reset or lost power before it was confirmed{end}"
    return f"the host hung, was reset or lost power before its health was known{end}"


def read_kept(folder: Path, last: str = "") -> Kept:
    """Read what a try left in its folder of the state.

    :param last: the last line of its journal.
    """
    started = _text(folder / STARTED).strip()
    boot, _, why = _text(folder / ENDED).partition("\n")
    try:
        value = json.loads(_text(folder / HEALTH))
        checks = value["checks"] if value["boot"] == started else None
        failures = (
            None
            if checks is None
            else tuple(f"{check['name']}: {check['text']}" for check in checks if check["required"] and check["state"] != "ok")
        )
    except (ValueError, KeyError, TypeError):
        failures = None
    return Kept(started, why.strip() if boot.strip() == started else "", failures, last)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def journal_command(host: Host, image: str, boot: str) -> list[str]:
    """Return the command that shows the journal of a try: in the image's own state, or in the host's when they share it."""
    own = host.path(f"{STATES}/{image}/upper/var/log/journal")
    where = [f"--directory={own}"] if own.is_dir() and any(own.glob("*/*.journal*")) else []
    return ["journalctl", *where, f"--boot={boot.replace('-', '')}"]


def last_line(host: Host, argv: list[str]) -> str:
    """Return the last line of a journal; "" when there is none."""
    try:
        shown = host.run([*argv, f"--lines={LAST_LINES}", "--output=cat"], check=False, timeout=QUERY_SECONDS)
    except UserError:
        return ""
    lines = [line.strip() for line in shown.output.splitlines() if line.strip() and not line.startswith("-- ")]
    return lines[-1] if shown.returncode == 0 and lines else ""


def read_failed(root: Path) -> dict[str, Any]:
    """Return the records of failed tries by image; empty when there is none, or the file is damaged."""
    try:
        value = json.loads((root / FAILED).read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def record_failure(host: Host, choice: Choice, now: float | None = None) -> FailedTry | None:
    """Record that the try in the choice has failed, unless it has not, or is recorded.

    :param now: seconds since 1970.
    :returns: the failure of the try that the choice names, also when it was recorded before; None without one.
    """
    running, known = running_image(host.root), read_failed(host.root)
    if image := failed_try(choice, running, known):
        folder = host.path(f"{STATES}/{image}")
        started = read_kept(folder).started
        argv = journal_command(host, image, started) if started else []
        kept = read_kept(folder, last_line(host, argv) if argv else "")
        known[image] = {
            "time": round(time.time() if now is None else now, 3),
            "reason": printable(reason(kept), LONGEST_REASON),
            "hint": " ".join(argv),
            "sequence": choice.sequence,
        }
        path = host.path(FAILED)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, known)
    record = known.get(choice.trial)
    if record is None or choice.trial in (running, choice.image) or choice.left > 0 or record.get("sequence") != choice.sequence:
        return None
    return {"image": choice.trial, "time": record["time"], "reason": record["reason"], "hint": record.get("hint", "")}


def image_status(choice: Choice, running: str, trial: str, failed: FailedTry | None) -> ImageStatus:
    """Return the state of the images.

    :param trial: the image that the kernel's command line says is being tried.
    """
    if running == choice.image:
        return {"running": running, "confirmed": choice.image, "state": "confirmed", "failed": failed}
    return {
        "running": running,
        "confirmed": choice.image,
        "state": "trying" if trial == running else "unconfirmed",
        "failed": failed,
    }


def publish(host: Host, choice: Choice) -> ImageStatus:
    """Find out what became of a try, record it, and show the state of the images to those who look.

    Called at each boot, and after each change of the choice.
    """
    failed = record_failure(host, choice)
    status = image_status(choice, running_image(host.root), tried_image(host.read("proc/cmdline")), failed)
    write_json(host.path(FILE), status)
    motd = host.path(MOTD)
    if text := motd_text(status):
        motd.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(motd, text)
    else:
        motd.unlink(missing_ok=True)
    return status


def motd_text(status: ImageStatus) -> str:
    """Return what a log-in shows; "" when there is nothing to say."""
    lines = []
    if failed := status["failed"]:
        lines.append(f"{failure_sentence(failed)}.")
        lines.append(f"This host runs {status['running']}.{' Journal of the try:' if failed['hint'] else ''}")
        lines += [f"  {failed['hint']}"] if failed["hint"] else []
    if status["state"] != "confirmed":
        lines.append(f"This host tries the image {status['running']}: a restart returns to {status['confirmed']}.")
        lines.append("Keep it with: dom0ctl image confirm")
    return "".join(f"{line}\n" for line in lines)
