"""The first screens: key map, what to do, what is wrong with this machine. Pure."""

from __future__ import annotations

import time

from dom0kit.units import MIB, human_bytes
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, WIDTH, Form, Gap, Radio, Row, Scroll, Table, Text, Values
from installer.tui.toolkit.layout import wrap

MEMORY_SPARE = 512 * MIB

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
"""Key maps with their names for people; first boot finds each in the XKB database of the image."""

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
"""Where the bar stands on the screens of the time zone, for keyboards that are mostly used in one."""

KEYBOARD_HELP = """The keys of the keyboard and screen at the machine. Over a serial line or SSH your own computer \
decides what a key means; the choice does not matter there.

It also suggests a time zone, which you can change later.

The installed host uses the same key map. It takes effect in the installer as soon as you go on."""

WHAT_HELP = """Install makes this machine a new Xen host. Nothing is written to a disk before a last question, several \
screens from here, that names what will be lost.

Rescue opens a root shell, to look at the disks of a host that does not start.

'SSH access' lets somebody take part over the network, or you go on at your own desk: log in as root with a password that is \
made now and shown in the top line.

All consoles of this machine show the same screens: you can begin at the display and go on over a serial line."""

WARNINGS_HELP = """These are no errors: the installation can go on. But each of them will matter later.

Settings of the firmware (BIOS) are changed at power-on, mostly with F2 or Del. Look there for 'Virtualization', 'VT-x', \
'AMD-V' or 'SVM', and for the date and time."""


def keyboard(state: State) -> Form:
    """The key map."""
    return Form(
        title="Keyboard",
        items=(
            Text("Which keyboard is connected to this machine?"),
            Gap(),
            Table(
                "keyboard.map",
                ("Keyboard", "Name of the key map"),
                tuple(Row(key, (label, key)) for key, label in KEY_MAPS),
                state.text("keyboard.map"),
                (30, 20),
                height=11,
            ),
        ),
        buttons=((NEXT, "Next"),),
        help=KEYBOARD_HELP,
    )


def take_keyboard(state: State, values: Values) -> State:
    """The key map, and the time zone that it suggests as long as nobody has chosen one."""
    after = state.having(values)
    zone = KEY_ZONES.get(after.text("keyboard.map"), "")
    if state.text("zone.city") != state.text("zone.guess"):
        return after
    if zone not in state.zones:
        return after.having({"zone.guess": "", "zone.city": ""})
    return after.having({"zone.guess": zone, "zone.region": zone.partition("/")[0], "zone.city": zone})


def what(state: State) -> Form:
    """What to do."""
    product = f"{state.manifest.product} {state.manifest.version}"
    return Form(
        title="What to do",
        items=(
            Text(
                f"Welcome to {product}. This program makes a Xen host of this machine. "
                "It asks about a dozen short questions; each screen has help under F1."
            ),
            Gap(),
            Radio(
                "action.what",
                (
                    ("install", "Install a new host on this machine"),
                    ("rescue", "Rescue: a root shell, to look after a host that does not start"),
                ),
                state.text("action.what"),
            ),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("ssh", "SSH access")),
        help=WHAT_HELP,
    )


def find_warnings(state: State) -> list[str]:
    """What a person should know before answering questions."""
    facts = state.facts
    found = []
    if not facts.nics:
        found.append(
            "No network card was found. A host needs one; its driver may be missing here. The installation cannot be finished."
        )
    if not any(not disk.map and not disk.is_medium for disk in facts.disks):
        found.append(
            "No disk was found to install on. The driver of its controller may be missing, or the disk is not connected."
        )
    if facts.virtualization == "":
        found.append(
            "The processor offers no virtualization (VT-x or AMD-V), or the firmware hides it. "
            "Only paravirtualized (PV) guests will run. Look in the firmware's settings."
        )
    need = state.manifest.dom0_memory_mib * MIB + MEMORY_SPARE
    if facts.memory and not facts.under_xen and facts.memory < need:
        found.append(
            f"This machine has {human_bytes(facts.memory)} of memory. "
            f"The host itself and one small guest need {human_bytes(need)}."
        )
    if state.now and state.now < state.epoch:
        shown = time.strftime("%Y-%m-%d %H:%M", time.gmtime(state.now))
        found.append(
            f"The clock says {shown} UTC, which is before this program was made. "
            "Certificates and logs need a right clock: set it in the firmware, or give an NTP server later."
        )
    return found


def warnings(state: State) -> Form:
    """What will matter later."""
    found = find_warnings(state)
    lines = wrap("\n\n".join(f"* {text}" for text in found), WIDTH - 3)
    return Form(
        title="Before you go on",
        items=(
            Text("This machine can do less than it should:" if len(found) == 1 else "Some things need your attention:"),
            Gap(),
            Scroll("\n".join(lines), height=min(len(lines), 12)) if lines else Gap(),
        ),
        buttons=((NEXT, "Go on all the same"), (BACK, "Back")),
        help=WARNINGS_HELP,
    )


def no_warnings(state: State) -> bool:
    """Skipped when there are none."""
    return not find_warnings(state)
