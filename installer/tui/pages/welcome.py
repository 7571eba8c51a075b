"""First screens: keyboard, action, warnings about this machine (pure)."""

from __future__ import annotations

import time

from dom0kit.units import MIB, human_bytes
from installer.tui.state import State, offer_key
from installer.tui.toolkit.forms import BACK, NEXT, WIDTH, Form, Gap, Radio, Row, Scroll, Table, Text, Values
from installer.tui.toolkit.layout import wrap

MEMORY_SPARE = 512 * MIB
MOST_OFFERS = 6
"""Hosts on the disks that are offered: more do not fit, and answers name any of them."""
CHOICE = WIDTH - 6
"""Characters of a choice."""

KEY_MAPS = (
    ("us", "English (US)"),
    ("uk", "English (UK)"),
    ("be", "Belgian"),
    ("br-abnt2", "Brazilian"),
    ("cf", "Canadian (French)"),
    ("croat", "Croatian"),
    ("cz", "Czech"),
    ("dk", "Danish"),
    ("us-dvorak", "Dvorak"),
    ("nl", "Dutch"),
    ("et", "Estonian"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("de", "German"),
    ("hu", "Hungarian"),
    ("it", "Italian"),
    ("jp106", "Japanese"),
    ("la", "Latin American"),
    ("lt", "Lithuanian"),
    ("no", "Norwegian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("sk", "Slovak"),
    ("slovene", "Slovenian"),
    ("es", "Spanish"),
    ("sv", "Swedish"),
    ("fr_CH", "Swiss (French)"),
    ("sg", "Swiss (German)"),
    ("trq", "Turkish"),
)
"""Key maps with display names; first boot maps each to the XKB database of the image."""

KEY_ZONES = {
    "uk": "Europe/London",
    "be": "Europe/Brussels",
    "br-abnt2": "America/Sao_Paulo",
    "cf": "America/Toronto",
    "croat": "Europe/Zagreb",
    "cz": "Europe/Prague",
    "dk": "Europe/Copenhagen",
    "nl": "Europe/Amsterdam",
    "et": "Europe/Tallinn",
    "fi": "Europe/Helsinki",
    "fr": "Europe/Paris",
    "de": "Europe/Berlin",
    "hu": "Europe/Budapest",
    "it": "Europe/Rome",
    "jp106": "Asia/Tokyo",
    "lt": "Europe/Vilnius",
    "no": "Europe/Oslo",
    "pl": "Europe/Warsaw",
    "pt": "Europe/Lisbon",
    "ro": "Europe/Bucharest",
    "sk": "Europe/Bratislava",
    "slovene": "Europe/Ljubljana",
    "es": "Europe/Madrid",
    "sv": "Europe/Stockholm",
    "fr_CH": "Europe/Zurich",
    "sg": "Europe/Zurich",
    "trq": "Europe/Istanbul",
}
"""Default time zones for key maps that are mostly used in one zone."""

KEYBOARD_HELP = """The layout of the keyboard connected to this machine. Over a serial line or SSH, your own computer \
interprets the keys, and this setting does not matter.

It also suggests a time zone, which you can change later.

The installed host uses the same key map. It takes effect in the installer when you continue."""

WHAT_HELP = """'Install' makes this machine a new Xen host. Nothing is written to a disk before a final confirmation, \
several screens from here, that names what will be lost.

'Upgrade' keeps the host that is on the disks: the image of this medium is put next to its own and tried once at the \
next start. The next screen says what would be done, or why it cannot be. Nothing is written before.

'Rescue' opens a root shell to repair a host that does not boot.

'SSH access' lets you continue from another computer: log in as root with a password that is \
generated now and shown in the top line.

All consoles of this machine show the same screens: you can begin at the display and continue over a serial line."""

WARNINGS_HELP = """These are not errors: the installation can continue. But each of them has consequences later.

Change firmware (BIOS) settings at power-on, usually with F2 or Del. Look for 'Virtualization', 'VT-x', \
'AMD-V' or 'SVM', and for the date and time."""


def keyboard(state: State) -> Form:
    """Build the keyboard screen."""
    return Form(
        title="Keyboard",
        items=(
            Text("Select the layout of the keyboard connected to this machine."),
            Gap(),
            Table(
                "keyboard.map",
                ("Keyboard", "Key map"),
                tuple(Row(key, (label, key)) for key, label in KEY_MAPS),
                state.text("keyboard.map"),
                (30, 20),
                height=11,
            ),
        ),
        buttons=((NEXT, "Next"),),
        help=KEYBOARD_HELP,
    )


def submit_keyboard(state: State, values: Values) -> State:
    """Store the key map, and its default time zone unless the user has already chosen one."""
    after = state.with_values(values)
    zone = KEY_ZONES.get(after.text("keyboard.map"), "")
    if state.text("zone.city") != state.text("zone.guess"):
        return after
    if zone not in state.zones:
        return after.with_values({"zone.guess": "", "zone.city": ""})
    return after.with_values({"zone.guess": zone, "zone.region": zone.partition("/")[0], "zone.city": zone})


def what(state: State) -> Form:
    """Build the screen that selects the action."""
    product = f"{state.manifest.product} {state.manifest.version}"
    return Form(
        title="What to do",
        items=(
            Text(
                f"Welcome to {product}. This program installs a Xen host on this machine. "
                "It has about a dozen short screens; press F1 for help on each."
            ),
            Gap(),
            Radio(
                "action.what",
                (
                    ("install", "Install a new host on this machine"),
                    *((offer_key(number), short_line(offer.label)) for number, offer in enumerate(state.offers[:MOST_OFFERS])),
                    ("rescue", "Rescue: a root shell to repair a host that does not boot"),
                ),
                state.text("action.what"),
            ),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("ssh", "SSH access")),
        help=WHAT_HELP,
    )


def short_line(text: str) -> str:
    """Return a text that fits a line of choices."""
    return text if len(text) <= CHOICE else f"{text[: CHOICE - 3]}..."


def find_warnings(state: State) -> list[str]:
    """Return warnings about the machine."""
    facts = state.facts
    found = []
    if not facts.nics:
        found.append(
            "No network card was found. A host needs one; its driver may be missing. The installation cannot be completed."
        )
    if not any(not disk.map and not disk.is_medium for disk in facts.disks):
        found.append("No disk was found. The driver of its controller may be missing, or the disk is not connected.")
    if facts.virtualization == "":
        found.append(
            "The processor has no virtualization (VT-x or AMD-V), or the firmware disables it. "
            "Only paravirtualized (PV) guests will run. Check the firmware settings."
        )
    need = state.manifest.dom0_memory_mib * MIB + MEMORY_SPARE
    if facts.memory and not facts.under_xen and facts.memory < need:
        found.append(
            f"This machine has {human_bytes(facts.memory)} of memory. dom0 and one small guest need {human_bytes(need)}."
        )
    if state.now and state.now < state.epoch:
        shown = time.strftime("%Y-%m-%d %H:%M", time.gmtime(state.now))
        found.append(
            f"The clock shows {shown} UTC, which is before the build time of this installer. "
            "Certificates and logs need a correct clock: set it in the firmware, or enter an NTP server later."
        )
    return found


def warnings(state: State) -> Form:
    """Build the warnings screen."""
    found = find_warnings(state)
    lines = wrap("\n\n".join(f"* {text}" for text in found), WIDTH - 3)
    return Form(
        title="Warnings",
        items=(
            Text("This machine has a limitation:" if len(found) == 1 else "This machine has several limitations:"),
            Gap(),
            Scroll("\n".join(lines), height=min(len(lines), 12)) if lines else Gap(),
        ),
        buttons=((NEXT, "Continue anyway"), (BACK, "Back")),
        help=WARNINGS_HELP,
    )


def skip_warnings(state: State) -> bool:
    """Return whether there are no warnings."""
    return not find_warnings(state)
