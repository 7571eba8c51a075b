"""The rest of a XenServer answer file: log-in, name, clock, sources, boot loader."""

from __future__ import annotations

import re

from answerfiles.error_messages import found
from answerfiles.field_types import HOST_NAME
from answerfiles.password import MOST, crypt_hash, weakness
from answerfiles.secret import HASH
from answerfiles.xenserver import codes
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.network import each_word
from answerfiles.xenserver.scripts import KINDS
from answerfiles.xenserver.xml_tree import Element
from answerfiles.yaml_positions import Path

ROOT: Path = ("root",)
FALLBACK = "xen-{mac}"
NO_NAMES = ("localhost", "localhost.localdomain")
"""What XenServer is called when nothing names it."""
LOADERS = ("grub2", "grub", "extlinux")
LATER = ("!!", "!", "*", "")


def carry(notes: Notes) -> None:
    """Everything that is neither disk, network nor script."""
    _name(notes)
    _password(notes)
    _clock(notes)
    keymap = notes.filled("keymap")
    if keymap is not None:
        notes.put(("keyboard",), keymap.text, keymap)
    _sources(notes)
    _rest(notes)


def _name(notes: Notes) -> None:
    element = notes.filled("hostname")
    if element is None or element.text.lower() in NO_NAMES:
        place = element or notes.root
        notes.put(("host_name",), "dhcp", place)
        notes.put(("host_name_fallback",), FALLBACK, place)
        said = "hostname is missing" if element is None else f"{found(element.text)} is no name"
        text = f"{said}: the host gets its name from DHCP, or without one from its MAC address, {FALLBACK}"
        notes.warn(place, text, codes.NO_HOST_NAME)
        return
    lower = element.text.lower()
    legal = HOST_NAME.fullmatch(lower) is not None
    notes.put(("host_name",), lower if legal else element.text, element)
    if legal and lower != element.text:
        notes.warn(element, f"{found(element.text)} becomes '{lower}': host names are in lower case", codes.CHANGED)


def _password(notes: Notes) -> None:
    element = notes.first("root-password")
    if element is None:
        notes.put((*ROOT, "ask"), True, notes.root)
        notes.warn(notes.root, "root-password is missing: it is asked for at the first boot", codes.CHANGED)
        return
    kind = notes.choice(element, "type", ("plaintext", "hash"), breaks=ROOT)
    if kind is None and "type" in element.attributes:
        return
    if kind == "hash":
        if element.text in LATER:
            notes.put((*ROOT, "ask"), True, element)
            notes.warn(element, "no password: it is asked for at the first boot", codes.CHANGED)
        elif not HASH.fullmatch(element.text):
            # It may be the password itself, which no YAML may hold.
            text = "found a value that is not shown; allowed: a hash by one of the strong methods of crypt(5), or '!!'"
            notes.wrong(element, text, codes.PASSWORD, hint="make one with 'dom0kit answers hash-password'", breaks=ROOT)
        else:
            notes.put((*ROOT, "password_hash"), element.text, element)
        return
    _plain_password(notes, element)


def _plain_password(notes: Notes, element: Element) -> None:
    """Hash a password; neither it nor anything that says something about it is kept."""
    if not element.text:
        notes.wrong(element, "the password is empty", codes.PASSWORD, hint="give a password, best as a hash", breaks=ROOT)
    elif HASH.fullmatch(element.text):
        text = "a hash where the installers read a plain password, because of its type"
        notes.wrong(element, text, codes.PASSWORD, hint="write type='hash'", breaks=ROOT)
    elif len(element.text.encode(errors="replace")) >= MOST:
        notes.wrong(element, f"the password is longer than {MOST - 1} bytes", codes.PASSWORD, breaks=ROOT)
    else:
        notes.put((*ROOT, "password_hash"), crypt_hash(element.text), element)
        weak = "; it is a weak one" if weakness(element.text) else ""
        text = f"a password as plain text: only its hash is kept{weak}; every reader of this file knows the password"
        notes.warn(element, text, codes.PLAIN_PASSWORD)


def _clock(notes: Notes) -> None:
    zone = notes.filled("timezone")
    # XenServer's default is dom0kit's, too.
    if zone is not None:
        notes.put(("time", "zone"), zone.text, zone)
    ntp = notes.first("ntp")
    inside = [child for child in ntp.children if child.name == "ntp-server"] if ntp else []
    servers = each_word(notes, notes.all("ntp-server") + inside)
    source = notes.choice(ntp, "source", ("dhcp", "default", "manual", "none"), required=not servers) if ntp is not None else None
    if ntp is not None and source == "none":
        text = "'none' is not carried over: the clock is set by the servers of DHCP, or Debian's pool without any"
        notes.warn(ntp, text, codes.CHANGED, attribute="source")
    elif ntp is not None and source == "default":
        text = "'default' means: the servers of DHCP, or Debian's pool without any"
        notes.warn(ntp, text, codes.CHANGED, attribute="source")
    elif ntp is not None and source == "manual" and not servers:
        notes.wrong(ntp, "'manual' wants at least one ntp-server", codes.MISSING, attribute="source")
    for index, (element, server) in enumerate(servers):
        if source not in (None, "manual"):
            text = f"not with ntp source '{source}', only with 'manual'"
            notes.wrong(element, text, codes.CONTRADICTION, hint="remove it, or write source='manual'")
            continue
        notes.put(("time", "ntp", index), server.lower(), element)
        if server.lower() != server:
            notes.warn(element, f"{found(server)} becomes '{server.lower()}': host names are in lower case", codes.CHANGED)


def _checks(notes: Notes, element: Element) -> None:
    for name in ("gpgcheck", "repo-gpgcheck", "netinstall-gpg-check"):
        if not notes.flag(element, name, True):
            notes.warn(element, "'false' is not carried over: the image is always checked", codes.CHANGED, attribute=name)


def _sources(notes: Notes) -> None:
    _checks(notes, notes.root)
    for element in notes.all("source", "driver-source"):
        _checks(notes, element)
        if notes.choice(element, "type", KINDS, required=True) is None:
            continue
        if element.name == "source":
            text = "left out: the image comes from the medium or the server that the installer was started from"
        else:
            text = "left out: a driver that the image lacks is a Debian package here, see packages"
        notes.warn(element, text, codes.IGNORED)


def _rest(notes: Notes) -> None:
    prompt = notes.first("ui-confirmation-prompt")
    if prompt is not None and prompt.text and notes.word(prompt, ("true", "yes", "false", "no")) in ("true", "yes"):
        text = f"{found(prompt.text)}: an unattended installation asks no questions before it erases a disk"
        notes.wrong(prompt, text, codes.DATA_LOSS, hint="boot with dom0kit.plan-only to see the plan first, and remove it here")
    ssh = notes.first("ssh-mode")
    if ssh is not None and (mode := notes.word(ssh, ("on", "off", "auto"))):
        notes.put(("ssh",), "on" if mode == "auto" else mode, ssh)
        if mode == "auto":
            notes.warn(ssh, "'auto' becomes 'on': nothing switches SSH off later", codes.CHANGED)
    for service in notes.all("service"):
        if "name" not in service.attributes:
            notes.wrong(service, "missing; the service's name", codes.MISSING, attribute="name")
        if notes.choice(service, "state", ("enabled", "disabled"), required=True):
            name = service.attributes.get("name", "")
            text = f"{found(name)} is left out: services have other names here; a script of the stage first-boot can do it"
            notes.warn(service, text, codes.IGNORED)
    _loader(notes)
    for name in ("existing-installation", "backup-disk"):
        for element in notes.all(name):
            text = "an existing XenServer can be neither upgraded nor restored"
            hint = "remove it and write mode='fresh' for a new installation, which erases the disk"
            notes.wrong(element, text, codes.DATA_LOSS, hint=hint)


def _loader(notes: Notes) -> None:
    loader = notes.first("bootloader")
    if loader is None:
        return
    if notes.choice(loader, "location", ("mbr", "partition")) == "partition":
        text = "'partition' is not carried over: GRUB is in the MBR and on the ESP"
        notes.warn(loader, text, codes.CHANGED, attribute="location")
    if not notes.flag(loader, "write-boot-entry", True):
        text = "'false' is not carried over: the firmware gets an entry for the disk"
        notes.warn(loader, text, codes.CHANGED, attribute="write-boot-entry")
    if loader.text and not re.fullmatch("|".join(LOADERS), loader.text.lower()):
        notes.wrong(loader, f"found {found(loader.text)}; allowed: grub2, which is all there is", codes.VALUE)
    elif loader.text.lower() == "extlinux":
        notes.warn(loader, "'extlinux' becomes GRUB", codes.CHANGED)
