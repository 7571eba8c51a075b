"""Scripts of a XenServer answer file, which its installers fetch without any check."""

from __future__ import annotations

import re

from answerfiles.error_messages import found
from answerfiles.xenserver import codes
from answerfiles.xenserver.conversion_log import Notes, OldScript, label
from answerfiles.xenserver.xml_tree import Element

STAGES = {
    "installation-start": "start",
    "packages-installed": "written",
    "filesystem-populated": "written",
    "installation-complete": "complete",
}
KINDS = ("local", "url", "nfs")
SCHEMES = ("http", "https", "ftp", "file", "nfs")
MOVE = "put it on a web server with https, or as text into YAML"


def carry(notes: Notes) -> None:
    """Convert scripts of every stage; those that cannot be fetched by this installer are left out with a warning."""
    index = 0
    for element in notes.all("script", "post-install-script", "install-failed-script"):
        script = _script(notes, element)
        if script is None:
            continue
        notes.scripts.append(script)
        scheme = script.scheme
        if scheme not in ("http", "https"):
            text = f"does not run: this installer does not fetch from {scheme}; {MOVE}"
            notes.warn(element, text, codes.SCRIPT)
            continue
        notes.put(("scripts", index, "stage"), script.stage, element)
        notes.put(("scripts", index, "url"), script.url, element)
        if scheme == "http":
            notes.put(("scripts", index, "unverified"), True, element)
            text = "runs unverified: plain http, so that anybody on the network can change it; https or a SHA-256 in YAML is safe"
            notes.warn(element, text, codes.SCRIPT)
        index += 1
        notes.warn(element, _differs(element, script.stage), codes.CHANGED)


def _differs(element: Element, stage: str) -> str:
    old = element.attributes.get("stage", "").lower()
    more = ""
    if old == "installation-complete":
        more = "; it runs after a success only, a script of the stage 'failed' after a failure"
    elif old == "packages-installed":
        more = "; at that stage everything is on the disk already"
    return f"runs at the stage '{stage}', with the new system in $DOM0KIT_TARGET instead of $1; its exit code counts{more}"


def _script(notes: Notes, element: Element) -> OldScript | None:
    """Return the script that an element names; None with an error when there is none."""
    before = len(notes.todos)
    if element.name == "script":
        old = notes.choice(element, "stage", tuple(STAGES), required=True)
        stage = STAGES.get(old or "", "")
    else:
        stage = "written" if element.name == "post-install-script" else "failed"
    kind = notes.choice(element, "type", KINDS) or "url"
    if len(notes.todos) > before:
        return None
    text = element.text
    if kind == "nfs" and text and not text.lower().startswith("nfs:"):
        text = f"nfs://{text}"
    if kind == "url" and text.startswith("/"):
        text = f"file://{text}"
    if kind == "local" or not re.match(rf"(?:{'|'.join(SCHEMES)}):", text, re.IGNORECASE):
        said = "a script of type local" if kind == "local" else f"found {found(text or None)}"
        notes.wrong(element, f"{said}; allowed: a URL of {', '.join(SCHEMES)}", codes.VALUE, hint=MOVE)
        return None
    scheme, colon, rest = text.partition(":")
    return OldScript(stage, f"{scheme.lower()}{colon}{rest}", element.position, label(element))
