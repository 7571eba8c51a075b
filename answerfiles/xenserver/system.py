"""The rest of a XenServer answer file: log-in, name, clock, scripts, sources, boot loader."""

from __future__ import annotations

import re

from answerfiles.error_messages import found
from answerfiles.secret import HINT
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.xml_tree import Element

STAGES = {
    "installation-start": "start",
    "packages-installed": "written",
    "filesystem-populated": "written",
    "installation-complete": "complete",
}
KINDS = ("local", "url", "nfs")
ROOT = ("root",)


def carry(notes: Notes) -> None:
    """Everything that is neither disk nor network."""
    _name(notes)
    _password(notes)
    _clock(notes)
    _scripts(notes)
    _sources(notes)
    _rest(notes)


def _name(notes: Notes) -> None:
    for name, path in (("hostname", "host_name"), ("keymap", "keyboard")):
        element = notes.first(name)
        if element is not None:
            notes.put((path,), element.text, element)
        elif name == "hostname":
            notes.wrong(notes.root, "hostname is missing: nothing is guessed, also not from DHCP", breaks=("host_name",))


def _password(notes: Notes) -> None:
    element = notes.first("root-password")
    if element is None:
        notes.wrong(notes.root, "root-password is missing: logging in would be impossible", breaks=ROOT)
        return
    kind = notes.choice(element, "type", ("plaintext", "hash"), required=True)
    if kind is None:
        notes.broken.add(ROOT)
    elif kind == "plaintext":
        notes.wrong(
            element,
            f"a password as plain text is refused; {HINT.replace('write it in quotes', 'give it with type hash')}",
            breaks=ROOT,
        )
    elif element.text in ("!!", "!", "*", ""):
        text = "no password is asked for at the first boot; give a hash made by 'dom0kit answers hash-password'"
        notes.wrong(element, text, breaks=ROOT)
    else:
        notes.put(("root", "password_hash"), element.text, element)


def _clock(notes: Notes) -> None:
    zone = notes.first("timezone")
    # XenServer's default, and dom0kit's.
    if zone is not None:
        notes.put(("time", "zone"), zone.text, zone)
    ntp = notes.first("ntp")
    servers = notes.all("ntp-server") + ([child for child in ntp.children if child.name == "ntp-server"] if ntp else [])
    source = notes.choice(ntp, "source", ("dhcp", "default", "manual", "none"), required=not servers) if ntp is not None else None
    if source == "none":
        assert ntp is not None
        notes.wrong(ntp, "'none': a host of a pool needs a clock that is right; leave ntp out", attribute="source")
    elif source == "default":
        assert ntp is not None
        notes.warn(ntp, "'default' means: the servers of DHCP, or Debian's pool without any", attribute="source")
    if source == "manual" and not servers:
        assert ntp is not None
        notes.wrong(ntp, "'manual' wants at least one ntp-server", attribute="source")
    for index, server in enumerate(servers):
        if source not in (None, "manual"):
            notes.wrong(server, f"not with ntp source '{source}', only with 'manual'")
        else:
            notes.put(("time", "ntp", index), server.text, server)


def _scripts(notes: Notes) -> None:
    index = 0
    for element in notes.all("script", "post-install-script", "install-failed-script"):
        if element.name == "script":
            old = notes.choice(element, "stage", tuple(STAGES), required=True)
            stage = STAGES.get(old or "")
        else:
            stage = "written" if element.name == "post-install-script" else "failed"
        kind = notes.choice(element, "type", KINDS, required=element.name == "script") or (
            "url" if element.name != "script" else None
        )
        if stage is None or kind is None:
            continue
        if kind != "url" or not re.match(r"https?://", element.text):
            notes.wrong(
                element,
                f"found {found(element.text or None)} of type {kind}; allowed: an https URL; YAML takes the script itself",
            )
            continue
        if element.text.startswith("http:"):
            notes.wrong(
                element,
                "a script by plain http wants a checksum, which XML has no place for; give https, or 'sha256' in YAML",
            )
            continue
        notes.put(("scripts", index, "stage"), stage, element)
        notes.put(("scripts", index, "url"), element.text, element)
        index += 1
        notes.warn(
            element,
            f"runs at the stage '{stage}', with the new system in $DOM0KIT_TARGET instead of $1; its exit code counts",
        )


def _checks(notes: Notes, element: Element) -> None:
    for name in ("gpgcheck", "repo-gpgcheck"):
        if not notes.flag(element, name, True):
            notes.warn(element, "'false' is not carried over: the image is always checked", attribute=name)


def _sources(notes: Notes) -> None:
    _checks(notes, notes.root)
    for element in notes.all("source"):
        _checks(notes, element)
        if notes.choice(element, "type", KINDS, required=True):
            notes.warn(
                element, "not carried over: the image comes from the medium or the server that the installer was started from"
            )
    for element in notes.all("driver-source"):
        _checks(notes, element)
        if notes.choice(element, "type", KINDS, required=True):
            notes.warn(element, "not carried over: a driver that the image lacks is a Debian package here, see packages")


def _rest(notes: Notes) -> None:
    prompt = notes.first("ui-confirmation-prompt")
    if prompt is not None and notes.word(prompt, ("true", "yes", "false", "no")) in ("true", "yes"):
        notes.wrong(
            prompt, "'true': an unattended installation asks no questions; boot with dom0kit.plan-only to see the plan first"
        )
    ssh = notes.first("ssh-mode")
    if ssh is not None:
        mode = notes.word(ssh, ("on", "off", "auto"))
        if mode == "auto":
            notes.wrong(ssh, "'auto' is not there: say on or off")
        elif mode is not None:
            notes.put(("ssh",), mode, ssh)
    for service in notes.all("service"):
        if "name" not in service.attributes:
            notes.wrong(service, "missing; the service's name", attribute="name")
        if notes.choice(service, "state", ("enabled", "disabled"), required=True):
            name = service.attributes.get("name", "")
            notes.warn(
                service,
                f"{found(name)} is not carried over: services have other names here; a script of the stage first-boot can do it",
            )
    _loader(notes)
    for name in ("existing-installation", "backup-disk"):
        for element in notes.all(name):
            notes.wrong(element, "an existing XenServer can be neither upgraded nor restored; use mode 'fresh' to reinstall")


def _loader(notes: Notes) -> None:
    loader = notes.first("bootloader")
    if loader is not None:
        if notes.choice(loader, "location", ("mbr", "partition")) == "partition":
            notes.warn(loader, "'partition' is not carried over: GRUB is in the MBR and on the ESP", attribute="location")
        if not notes.flag(loader, "write-boot-entry", True):
            notes.warn(
                loader, "'false' is not carried over: the firmware gets an entry for the disk", attribute="write-boot-entry"
            )
        if loader.text and loader.text.lower() not in ("grub", "grub2"):
            notes.wrong(loader, f"found {found(loader.text)}; allowed: grub2, which is all there is")
