"""The elements and attributes of XenServer's answer files; others are errors with a suggestion.

Sources: the documentation of XenServer and XCP-ng, and the files that their installers read. Old names are listed together
with the new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from answerfiles.checks.refusal import did_you_mean
from answerfiles.problem import Problem
from answerfiles.xenserver.xml_tree import Element

ROOTS = ("installation", "upgrade", "restore")
CHECKS = ("gpgcheck", "repo-gpgcheck")


@dataclass(frozen=True)
class Term:
    """What one element may have.

    :param attributes: the names of its attributes, old and new.
    :param children: what may be inside; an element has either children or text.
    :param text: whether there is a text.
    :param repeat: whether it may be there more than once.
    """

    attributes: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    text: bool = True
    repeat: bool = False


TERMS: dict[str, Term] = {
    "source": Term(("type", *CHECKS), repeat=True),
    "driver-source": Term(("type", *CHECKS), repeat=True),
    "script": Term(("stage", "type"), repeat=True),
    "post-install-script": Term(("type",), repeat=True),
    "install-failed-script": Term(("type",), repeat=True),
    "ui-confirmation-prompt": Term(),
    "primary-disk": Term(("guest-storage", "sr-at-end", "swraid", "preserve-first-partition", "fs-type")),
    "guest-disk": Term(repeat=True),
    "admin-interface": Term(
        ("name", "hwaddr", "proto", "protov6", "vlan"),
        ("ipaddr", "ip", "subnet", "subnet-mask", "gateway", "ipv6", "gatewayv6"),
        text=False,
    ),
    "ipaddr": Term(),
    "ip": Term(),
    "subnet": Term(),
    "subnet-mask": Term(),
    "gateway": Term(),
    "ipv6": Term(),
    "gatewayv6": Term(),
    "root-password": Term(("type",)),
    "name-server": Term(repeat=True),
    "hostname": Term(),
    "timezone": Term(),
    "keymap": Term(),
    "ntp": Term(("source",), ("ntp-server",), text=False),
    "ntp-server": Term(repeat=True),
    "ssh-mode": Term(),
    "service": Term(("name", "state"), text=False, repeat=True),
    "bootloader": Term(("location", "write-boot-entry")),
    "existing-installation": Term(("fs-type",)),
    "backup-disk": Term(),
    "raid": Term(("device",), ("disk",), text=False, repeat=True),
    "disk": Term(repeat=True),
    "fcoe-interface": Term(repeat=True),
    "network-backend": Term(),
}
INNER = frozenset(child for term in TERMS.values() for child in term.children) - {"ntp-server"}
ROOT = Term(("mode", "sr-type", "srtype", *CHECKS), tuple(name for name in TERMS if name not in INNER), text=False)


def check(root: Element) -> list[Problem]:
    """Everything in a file that its format does not know."""
    if root.name not in ROOTS:
        guess = did_you_mean(root.name, list(ROOTS))
        return [Problem(root.position, root.name, f"unknown root element{guess}; allowed: {', '.join(ROOTS)}")]
    return _check(root, ROOT, root.name)


def _check(element: Element, term: Term, path: str) -> list[Problem]:
    problems = []
    for name in element.attributes:
        if name not in term.attributes:
            allowed = ", ".join(term.attributes) or "none"
            guess = did_you_mean(name, list(term.attributes))
            problems.append(Problem(element.position, f"{path}/@{name}", f"unknown attribute{guess}; allowed: {allowed}"))
    if element.text and not term.text:
        problems.append(Problem(element.position, path, "text is not allowed here, only elements"))
    seen: dict[str, Element] = {}
    for child in element.children:
        inner = f"{path}/{child.name}"
        if child.name not in term.children:
            problems.append(Problem(child.position, inner, _unknown(child.name, term, path)))
            continue
        if child.name in seen and not TERMS[child.name].repeat:
            first = seen[child.name].position.line
            problems.append(Problem(child.position, inner, f"only once, it is on line {first} already"))
        seen.setdefault(child.name, child)
        problems += _check(child, TERMS[child.name], inner)
    return problems


def _unknown(name: str, term: Term, path: str) -> str:
    parents = [parent for parent, inside in TERMS.items() if name in inside.children]
    if name in ROOT.children:
        parents.append("the root element")
    if parents:
        return f"not inside {path}, it belongs into {' or '.join(parents)}"
    guess = did_you_mean(name, list(term.children) or list(TERMS))
    return f"unknown element{guess}; allowed: {', '.join(sorted(term.children)) or 'text alone'}"
