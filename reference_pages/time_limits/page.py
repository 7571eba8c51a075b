"""The page ``time-limits.md``, generated from the source."""

from __future__ import annotations

from pathlib import Path

from dom0kit.errors import UserError
from reference_pages.page import PROJECT, cell
from reference_pages.time_limits import element_source, python_source
from reference_pages.time_limits.record import KINDS, Limit

TITLES = (
    ("dom0kit/", "Shared basics"),
    ("installer/tui/", "Installer's screens"),
    ("installer/", "Installer"),
    ("firstboot/", "First boot and the running host"),
    ("upgrade/", "Image versions and health"),
    ("pool/", "Pools"),
    ("answerfiles/", "Answers and their server"),
    ("image/elements/dom0-live/", "Boot: the initramfs"),
    ("image/elements/dom0-san/", "Storage networks: initramfs and services"),
    ("image/elements/", "Services of the image"),
)
HEAD = """# Time limits

<!-- made by 'make docs' from the source; the reasons are docstrings of the constants and comments of the settings -->

Every time limit of the installer, of first boot, of the pool and of the image. A wait ends on a condition wherever there is one:
a device that appears, udev's queue, a daemon's own state. No limit is a guess at the speed of the machine.

Limits that the user sets are in the [answers](answers.md): `san.all_paths_down.queue_seconds`,
`scripts[].timeout`; on the kernel's command line, `dom0kit.network-timeout=` limits the search for the
answers.

| kind | what it is | depends on the machine's speed? |
|---|---|---|
"""


def collect(project: Path) -> tuple[list[Limit], list[str]]:
    """Return every limit in the order of the files, and what is wrong."""
    found: list[Limit] = []
    wrong: list[str] = []
    for source in (python_source, element_source):
        for path in source.files(project):
            try:
                text = path.read_text()
            except UnicodeDecodeError:
                continue
            here, problems = source.limits(text, str(path.relative_to(project)))
            found += here
            wrong += problems
    return found, wrong


def section(limit: Limit) -> str:
    """Return the title of the table that a limit belongs to."""
    return next((title for start, title in TITLES if limit.where.startswith(start)), "Others")


def render(limits: list[Limit]) -> str:
    """Return the whole page."""
    lines = [HEAD + "\n".join(f"| {kind} | {what} | {speed} |" for kind, (what, speed) in KINDS.items())]
    for title in dict.fromkeys(title for _, title in TITLES):
        mine = [limit for limit in limits if section(limit) == title]
        lines += [
            "",
            f"## {title}",
            "",
            "| where | what it limits | value | kind | reason | when it expires |",
            "|---|---|---|---|---|---|",
        ]
        for limit in mine:
            place = f"`{limit.where.removeprefix('image/elements/')}` `{limit.name}`"
            words = (place, limit.what, limit.value, limit.kind, limit.reason, limit.expiry)
            lines.append("| " + " | ".join(cell(word) for word in words) + " |")
    return "\n".join(lines) + "\n"


def page(project: Path = PROJECT) -> str:
    """Return the page of a project.

    :raises UserError: when a limit has no name or no reason.
    """
    limits, wrong = collect(project)
    if wrong:
        listed = "\n".join(wrong)
        raise UserError(f"time limits without a name or a reason:\n{listed}", "document them as the others in the same file")
    return render(limits)
