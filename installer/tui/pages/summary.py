"""The last screens before the installation: summary and confirmation; and the small ones in between. Pure."""

from __future__ import annotations

from installer.model.hardware import Disk
from installer.model.hardware import state as content
from installer.plan.plan import Plan
from installer.tui.pages.disk_rows import short
from installer.tui.pages.pool import described
from installer.tui.state import State, plan_or_problem
from installer.tui.toolkit.forms import (
    BACK,
    NEXT,
    REFRESH_MILLISECONDS,
    WAIT_REFRESH_MILLISECONDS,
    WIDTH,
    Entry,
    Form,
    Gap,
    Problem,
    Row,
    Scroll,
    Table,
    Text,
    Values,
)
from installer.tui.toolkit.layout import wrap

WORD = "erase"
SCROLL = WIDTH - 3

SUMMARY_HELP = """This is what will be done, disk by disk. Nothing has been written yet. Scroll with the arrow keys, \
PgUp and PgDn.

'Answers' shows the file that would install this machine in the same way without questions, and saves it to a USB stick. It \
holds the password's hash, not the password.

With 'Back' every answer can still be changed."""

CONFIRM_HELP = """After this there is no way back: the disks that are named here are erased.

When they hold anything, type the word and choose Install. 'Back' changes nothing."""

ACCESS = {"autoconf": "from the router (SLAAC)", "dhcp": "DHCP", "none": "none"}


def overview(state: State) -> str:
    """What was chosen, a line for each."""
    text = state.text
    addresses = [
        f"{name} {text(f'{prefix}.address') if text(kind) == 'static' else ACCESS[text(kind)]}"
        for name, kind, prefix in (("IPv4", "ip.v4", "static"), ("IPv6", "ip.v6", "static6"))
        if text(kind) != "none"
    ]
    cards = ", ".join(nic.name if (nic := state.nic(mac)) else mac for mac in state.cards())
    log_in = [word for word, there in (("password", text("root.hash")), ("SSH key", text("root.key"))) if there]
    guests = text("guests.kind")
    lines = (
        ("Name", text("name.host")),
        (
            "Disk",
            " and ".join(short(disk.path) for disk in state.system_disks()) + (", mirrored" if state.on("disk.mirror") else ""),
        ),
        (
            "Guests",
            "no space" if guests == "none" else f"volume group {text('guests.group')}{', thin' if guests == 'thin' else ''}",
        ),
        ("Further", ", ".join(short(disk.path) for disk in state.guest_disks())),
        ("Network", f"{cards}: {', '.join(addresses)}" + (f", VLAN {text('ip.vlan')}" if text("ip.vlan") else "")),
        ("Time", text("zone.city") or "UTC"),
        ("Log-in", " and ".join(log_in)),
        ("Packages", ", ".join(package.name for package in state.packages)),
        ("Managed by", {"ganeti": "Ganeti", "xapi": "XAPI"}.get(text("pool.toolstack"), text("pool.toolstack"))),
        ("Pool", pool_words(state)),
    )
    return "\n".join(f"{label + ':':<11} {value}" for label, value in lines if value)


def pool_words(state: State) -> str:
    """What becomes of the host, in words without secrets."""
    if state.text("pool.kind") == "create":
        address = state.text("pool.address")
        return f"new, {state.text('pool.name')}" + (f" at {address}" if address else "")
    if state.text("pool.kind") != "join":
        return ""
    if state.text("pool.toolstack") == "xapi":
        return f"joins the one at {state.text('pool.master')}"
    return f"joins with the {described(state.text('pool.join.token'))}" if state.text("pool.join.token") else "joins"


def summary_text(state: State) -> str:
    """The choices, then the plan, in lines that fit."""
    plan = plan_or_problem(state)
    body = tidy(plan.render()) if isinstance(plan, Plan) else f"This cannot be installed:\n\n{plan}"
    whole = f"{overview(state)}\n\n{body}" if isinstance(plan, Plan) else body
    return "\n".join(wrap(whole, SCROLL))


def tidy(text: str) -> str:
    """A plan for 80 columns: without the lines below headings, and with what is too wide drawn together."""
    lines = [line for line in text.splitlines() if not line or set(line) - set("- ")]
    return "\n".join(line if len(line) <= SCROLL else " ".join(line.split()) for line in lines)


def summary(state: State) -> Form:
    """The plan."""
    return Form(
        title="Summary",
        items=(Text("This is what will be done. Nothing has been changed yet."), Gap(), Scroll(summary_text(state), height=13)),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("answers", "Answers")),
        help=SUMMARY_HELP,
    )


def take_summary(state: State, values: Values) -> State | list[Problem]:
    """Only what can be carried out goes on."""
    if isinstance(plan_or_problem(state), Plan):
        return state
    return [Problem("", "This cannot be installed as it is. Go back and change what is named above.")]


def lost(disks: tuple[Disk, ...]) -> str:
    """What each disk loses, a line each."""
    return "\n".join(f"* {disk.describe()}\n  holds now: {content(disk)}" for disk in disks)


def dirty(state: State) -> bool:
    """Whether anything can be lost at all."""
    return any(disk.contents or disk.volumes for disk in state.chosen_disks())


def confirm(state: State) -> Form:
    """The last question; it names what is lost."""
    disks = state.chosen_disks()
    what = "this disk" if len(disks) == 1 else "these disks"
    question = (
        f"All data on {what} will be lost, for good:" if dirty(state) else f"Shall {what} be written to? Nothing can be lost:"
    )
    text = "\n".join(wrap(lost(disks), SCROLL))
    word = (
        (Gap(), Entry("confirm.word", f"Type '{WORD}' to allow it", state.text("confirm.word"), width=10)) if dirty(state) else ()
    )
    return Form(
        title="Last question",
        items=(
            Text(question),
            Gap(),
            Scroll(text, height=min(9, len(text.splitlines())), enter=False),
            *word,
        ),
        buttons=((NEXT, "Install"), (BACK, "Back")),
        help=CONFIRM_HELP,
        default="confirm.word" if word else BACK,
    )


def take_confirm(state: State, values: Values) -> State | list[Problem]:
    """The word must be there when anything can be lost. It is asked for anew each time."""
    if dirty(state) and str(values.get("confirm.word", "")).strip().lower() != WORD:
        return [Problem("confirm.word", f"Type the word {WORD} to go on, or choose Back.")]
    return state.having({"confirm.word": ""})


def sticks(rows: tuple[Row, ...], what: str) -> Form:
    """The USB stick to save something to."""
    text = (
        f"Where shall {what} be saved?"
        if rows
        else "No USB stick with a FAT file system was found. Plug one in, then look again."
    )
    return Form(
        title="Save to a USB stick",
        items=(Text(text), Gap(), Table("stick.device", ("Device", "Name", "Size", "Model"), rows, height=8))
        if rows
        else (Text(text),),
        buttons=((NEXT, "Save"), (BACK, "Cancel"), ("rescan", "Look again"))
        if rows
        else (("rescan", "Look again"), (BACK, "Cancel")),
        help="Sticks that are formatted with FAT, as most are when they are sold, are listed. Files that are on them stay.",
    )


def answers(text: str, closed: str = "") -> Form:
    """The file of answers.

    :param closed: the reference that stands for what opens the pool.
    """
    told = "This file installs the same without questions. The password is in it as a hash."
    if closed:
        told += f" What opens the pool has no hash and is left out: {closed} stands for it."
    return Form(
        title="Answers",
        items=(
            Text(told),
            Gap(),
            Scroll("\n".join(wrap(text, SCROLL)), height=10 if closed else 12),
        ),
        buttons=(("save", "Save to USB"), (BACK, "Back")),
        help="Give the file to the installer with the kernel argument dom0kit.answers=, as docs/reference/answers.md says.",
    )


def looking(text: str) -> Form:
    """Something takes a moment."""
    return Form(
        title="One moment",
        items=(Text(text), Gap(), Text("", "wait.time", rows=1)),
        buttons=(("wait", "Please wait"),),
        every=WAIT_REFRESH_MILLISECONDS,
        help="Disks that spin up or are reached over a network may take some seconds.",
    )


def network_test() -> Form:
    """The live test of the network."""
    return Form(
        title="Test of the network",
        items=(
            Text("The address is tried here and now. You need not wait for the result."),
            Gap(),
            Text("Starting ...", "test.result", rows=10),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("again", "Test again")),
        help="""The installer gives the card the address that you chose, or asks for one by DHCP, and looks whether \
the gateway answers. A fixed address that another machine has is found out, too.

[ok] works, [!!] does not and says what to look at, [--] is for you to know.

A failed test does not keep you from going on: the network may be another one where the host will stand.""",
        every=REFRESH_MILLISECONDS,
    )
