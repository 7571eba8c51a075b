"""The hooks of apt: say why packages that boot from the image stay as they are, and refuse to change them.

``python3 -m upgrade.apt.hook refuse`` is for ``DPkg::Pre-Install-Pkgs`` in its version 3 (apt.conf(5)): it runs before dpkg does,
and its exit code 1 ends apt. ``explain`` is for ``AptCli::Hooks`` (apt's json-hooks-protocol): it runs also with ``--simulate``,
and for packages that apt keeps back; it changes nothing and never fails.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from dom0kit.errors import UserError
from dom0kit.process import QUERY_SECONDS, Runner, run
from upgrade.apt.boot_packages import boot_packages, reason

UNCHANGED = ("**CONFIGURE**",)
"""Of the last word of a line: dpkg is to configure what was unpacked before."""
STATISTICS = "org.debian.apt.hooks.install.statistics"
"""The last notification before apt asks or begins; its text stands below the list of packages."""
POLICY = re.compile(r"^(\S+):\n  Installed: (\S+)\n  Candidate: (\S+)$", re.MULTILINE)


def changed_names(lines: Iterable[str]) -> list[str]:
    """Return the names of packages that dpkg is to install or remove, from the text of version 3 (pure).

    After an empty line, each line has name, old version, architecture, multi-arch type, a sign, and the same of the new one, then
    the file or an action.
    """
    rest = iter(lines)
    for line in rest:
        if not line.strip():
            break
    rows = (line.split() for line in rest)
    return [row[0] for row in rows if len(row) >= 9 and row[-1] not in UNCHANGED]


def refuse(stream: TextIO, errors: TextIO) -> int:
    """Return 1, with the reason, when a package that boots from the image is to be changed."""
    found = boot_packages(changed_names(stream))
    if found:
        print(f"dom0kit: {reason(found)}", file=errors)
    return 1 if found else 0


def concerned(parameters: dict[str, Any], kept_back: Iterable[str]) -> list[str]:
    """Return the packages that a user wants to hear about: those to be changed, and those kept back by an upgrade (pure)."""
    changed = [str(package.get("name", "")) for package in parameters.get("packages", ()) if package.get("mode") != "keep"]
    return boot_packages([*changed, *kept_back])


def kept_back(policy: str) -> list[str]:
    """Return the packages with another candidate than the installed version, from the output of ``apt-cache policy`` (pure)."""
    return [name for name, old, new in POLICY.findall(policy) if "(none)" not in (old, new) and old != new]


def explain(channel: TextIO, output: TextIO, runner: Runner = run) -> None:
    """Speak apt's protocol until its end, and print the reason once."""
    while line := channel.readline():
        message = json.loads(line)
        channel.readline()
        method, parameters = message.get("method", ""), message.get("params") or {}
        if method == "org.debian.apt.hooks.hello":
            versions = parameters.get("versions", ["0.1"])
            answer = {"jsonrpc": "2.0", "id": message.get("id"), "result": {"version": versions[-1]}}
            channel.write(json.dumps(answer) + "\n\n")
            channel.flush()
        elif method == STATISTICS:
            upgrade = "upgrade" in str(parameters.get("command", ""))
            if found := concerned(parameters, held_back(runner) if upgrade else ()):
                print(f"\n{reason(found)}", file=output, flush=True)
        elif method == "org.debian.apt.hooks.bye":
            return


def held_back(runner: Runner) -> list[str]:
    """Return the held packages that have a newer version."""
    held = runner(["apt-mark", "showhold"], timeout=QUERY_SECONDS, check=False).output.split()
    names = boot_packages(name.partition(":")[0] for name in held)
    if not names:
        return []
    language = {"LC_ALL": "C"}
    return kept_back(runner(["apt-cache", "policy", *names], timeout=QUERY_SECONDS, check=False, env=language).output)


def main(words: list[str]) -> int:
    """Run one of the hooks."""
    if words == ["refuse"]:
        return refuse(sys.stdin, sys.stderr)
    try:
        with socket.socket(fileno=int(os.environ["APT_HOOK_SOCKET"])) as connection, connection.makefile("rw") as channel:
            explain(channel, sys.stdout)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, UserError) as error:
        # What only explains must not keep apt from its work.
        print(f"dom0kit: no explanation of packages that boot from the image: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
