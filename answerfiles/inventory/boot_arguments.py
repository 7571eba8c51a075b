"""Additional kernel arguments of a host, and the length of the line that they become part of."""

from __future__ import annotations

import re

KEPT = 2047
"""Characters of its command line that Linux keeps on x86 (COMMAND_LINE_SIZE, with the zero at its end)."""
OURS = frozenset(
    {"boot", "initrd", "BOOT_IMAGE"} | {f"dom0kit.{name}" for name in ("answers", "armed", "image", "mode", "report", "trust")}
)
"""Arguments that rendering sets; of two the last would count."""
TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
FORBIDDEN = frozenset("\"'\\$;{}<>|&")


def argument_problem(value: object) -> tuple[str, str] | None:
    """Return code and text of what is wrong with ``boot_arguments`` as an inventory has them; None when nothing is.

    Templates in it may have any characters: what they make of them is checked by :func:`line_problem`.
    """
    if not isinstance(value, str) or not value.isprintable() or set(TEMPLATE.sub("", value)) & FORBIDDEN:
        return "boot-arguments", "allowed: kernel arguments on one line, without quotes and the characters $ ; < > | & \\"
    return None


def line_problem(arguments: str, host: str, url: str, *, report: str, consoles: str, trust: str) -> tuple[str, str] | None:
    """Return code and text of what is wrong with a host's computed arguments; None when nothing is.

    :param url: where the tree is served.
    :param report: where the host reports.
    """
    if set(arguments) & FORBIDDEN or not arguments.isprintable():
        return "boot-arguments", "allowed: kernel arguments on one line, without quotes and the characters $ ; { } < > | & \\"
    names = [word.partition("=")[0] for word in arguments.split()]
    for name in names:
        if name in OURS:
            return "boot-arguments", f"found '{name}', which the boot configuration sets itself; leave it out"
    image = f"{url}/images/{'0' * 16}"
    line = " ".join(
        [
            f"BOOT_IMAGE=(http,{url.partition('://')[2]})/images/{'0' * 16}/vmlinuz boot=dom0kit dom0kit.image={image}",
            f"dom0kit.mode=install dom0kit.armed=20260101T000000.000Z dom0kit.answers={url}/answers/{host}.yaml",
            f"dom0kit.report={report} dom0kit.trust=sha256:{trust} {consoles} {arguments} retain_initrd",
        ]
    )
    if len(line) > KEPT:
        most = KEPT - (len(line) - len(arguments))
        text = f"found {len(arguments)} characters; allowed: at most {max(most, 0)}, since Linux keeps {KEPT} of the whole line"
        return "boot-arguments-length", text
    return None
