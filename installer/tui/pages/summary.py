"""Screens for summary and confirmation, and small ones shared by operations (pure)."""

from __future__ import annotations

from installer.model.hardware import Disk
from installer.model.hardware import state as content
from installer.plan.plan import Plan
from installer.tui.pages.disk_rows import short
from installer.tui.pages.pool import describe_token
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

SUMMARY_HELP = """The complete plan, disk by disk. Nothing has been written yet. Scroll with the arrow keys, \
PgUp and PgDn.

'Answers' shows the answer file that repeats this installation unattended, and saves it to a USB stick. It \
contains the password's hash, not the password.

Use 'Back' to change any answer."""

CONFIRM_HELP = """This is the last step before the listed disks are erased.

If they hold data, type the word and choose Install. 'Back' changes nothing."""

ACCESS = {"autoconf": "from the router (SLAAC)", "dhcp": "DHCP", "none": "none"}


def overview(state: State) -> str:
    """Return the chosen settings, one per line."""
    text = state.text
    addresses = [
        f"{name} {text(f'{prefix}.address') if text(kind) == 'static' else ACCESS[text(kind)]}"
        for name, kind, prefix in (("IPv4", "ip.v4", "static"), ("IPv6", "ip.v6", "static6"))
        if text(kind) != "none"
    ]
    cards = ", ".join(nic.name if (nic := state.nic(mac)) else mac for mac in state.cards())
    log_in = [word for word, present in (("password", text("root.hash")), ("SSH key", text("root.key"))) if present]
    log_in += ["password asked for at the first start"] if state.is_checked("root.ask") else []
    guests = text("guests.kind")
    lines = (
        ("Name", text("name.host")),
        (
            "Disk",
            " and ".join(short(disk.path) for disk in state.system_disks())
            + (", mirrored" if state.is_checked("disk.mirror") else ""),
        ),
        (
            "Guests",
            "no space"
            if guests == "none"
            else f"volume group {text('guests.group')}{', thin' if guests == 'thin' else ''}"
            + (", not on the system disk" if state.guest_disks() and state.is_checked("guests.only") else ""),
        ),
        ("More disks", ", ".join(short(disk.path) for disk in state.guest_disks())),
        ("Network", f"{cards}: {', '.join(addresses)}" + (f", VLAN {text('ip.vlan')}" if text("ip.vlan") else "")),
        ("Time", text("zone.city") or "UTC"),
        ("Log-in", " and ".join(log_in)),
        ("Packages", ", ".join(package.name for package in state.packages)),
        ("Managed by", {"ganeti": "Ganeti", "xapi": "XAPI"}.get(text("pool.toolstack"), text("pool.toolstack"))),
        ("Pool", describe_pool(state)),
    )
    return "\n".join(f"{label + ':':<11} {value}" for label, value in lines if value)


def describe_pool(state: State) -> str:
    """Return what the host does about pools, without secrets."""
    if state.text("pool.kind") == "create":
        address = state.text("pool.address")
        return f"new, {state.text('pool.name')}" + (f" at {address}" if address else "")
    if state.text("pool.kind") != "join":
        return ""
    if state.text("pool.toolstack") == "xapi":
        return f"joins the pool at {state.text('pool.master')}"
    return f"joins with the {describe_token(state.text('pool.join.token'))}" if state.text("pool.join.token") else "joins"


def summary_text(state: State) -> str:
    """Return settings and plan, wrapped to fit the screen."""
    plan = plan_or_problem(state)
    body = fit_plan(plan.render()) if isinstance(plan, Plan) else f"The installation is not possible:\n\n{plan}"
    whole = f"{overview(state)}\n\n{body}" if isinstance(plan, Plan) else body
    return "\n".join(wrap(whole, SCROLL))


def fit_plan(text: str) -> str:
    """Return a plan for 80 columns: without underlines, and with blanks of wide lines squeezed."""
    lines = [line for line in text.splitlines() if not line or set(line) - set("- ")]
    return "\n".join(line if len(line) <= SCROLL else " ".join(line.split()) for line in lines)


def summary(state: State) -> Form:
    """Build the summary screen."""
    return Form(
        title="Summary",
        items=(
            Text("This is the installation plan. Nothing has been changed yet."),
            Gap(),
            Scroll(summary_text(state), height=13),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("answers", "Answers")),
        help=SUMMARY_HELP,
    )


def submit_summary(state: State, values: Values) -> State | list[Problem]:
    """Require a plan that can be carried out."""
    if isinstance(plan_or_problem(state), Plan):
        return state
    return [Problem("", "The installation is not possible. Go back and change the settings named above.")]


def erased_contents(disks: tuple[Disk, ...]) -> str:
    """Return the current contents of the disks that will be erased."""
    return "\n".join(f"* {disk.describe()}\n  contents: {content(disk)}" for disk in disks)


def holds_data(state: State) -> bool:
    """Return whether any of the disks holds data."""
    return any(disk.contents or disk.volumes for disk in state.chosen_disks())


def confirm(state: State) -> Form:
    """Build the confirmation screen, which names what will be erased."""
    disks = state.chosen_disks()
    what = "this disk" if len(disks) == 1 else "these disks"
    question = (
        f"All data on {what} will be lost permanently:" if holds_data(state) else f"Install on {what}? No data will be lost:"
    )
    text = "\n".join(wrap(erased_contents(disks), SCROLL))
    word = (
        (Gap(), Entry("confirm.word", f"Type '{WORD}' to confirm", state.text("confirm.word"), width=10))
        if holds_data(state)
        else ()
    )
    return Form(
        title="Confirmation",
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


def submit_confirm(state: State, values: Values) -> State | list[Problem]:
    """Require the confirmation word if data will be lost; it must be typed each time."""
    if holds_data(state) and str(values.get("confirm.word", "")).strip().lower() != WORD:
        return [Problem("confirm.word", f"Type the word {WORD} to continue, or choose Back.")]
    return state.with_values({"confirm.word": ""})


def sticks(rows: tuple[Row, ...], what: str) -> Form:
    """Build the screen that selects a USB stick to save to."""
    text = (
        f"Select the USB stick to save {what} to."
        if rows
        else "No USB stick with a FAT file system was found. Plug one in and choose Rescan."
    )
    return Form(
        title="Save to a USB stick",
        items=(Text(text), Gap(), Table("stick.device", ("Device", "Name", "Size", "Model"), rows, height=8))
        if rows
        else (Text(text),),
        buttons=((NEXT, "Save"), (BACK, "Cancel"), ("rescan", "Rescan")) if rows else (("rescan", "Rescan"), (BACK, "Cancel")),
        help="Only sticks formatted with FAT are listed, as most are when sold. Files on them are kept.",
    )


def answers(text: str, closed: str = "") -> Form:
    """Build the screen that shows the answer file.

    :param closed: reference that replaces the pool's secret.
    """
    note = "This answer file repeats the installation unattended. It contains the password as a hash."
    if closed:
        note += f" The pool's secret has no hash: {closed} stands for it."
    return Form(
        title="Answers",
        items=(
            Text(note),
            Gap(),
            Scroll("\n".join(wrap(text, SCROLL)), height=10 if closed else 12),
        ),
        buttons=(("save", "Save to USB"), (BACK, "Back")),
        help="Pass the file to the installer with the kernel argument dom0kit.answers=; see docs/reference/answers.md.",
    )


def busy(text: str) -> Form:
    """Build the busy screen."""
    return Form(
        title="Please wait",
        items=(Text(text), Gap(), Text("", "wait.time", rows=1)),
        buttons=(("wait", "Working"),),
        every=WAIT_REFRESH_MILLISECONDS,
        help="Disks that spin up or are attached over a network can take some seconds.",
    )


def network_test() -> Form:
    """Build the network test screen."""
    return Form(
        title="Network test",
        items=(
            Text("The network settings are tested now. You can continue without waiting for the result."),
            Gap(),
            Text("Starting ...", "test.result", rows=10),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("again", "Test again")),
        help="""The installer assigns the chosen address to the network card, or requests one by DHCP, and checks whether \
the gateway answers. It also detects whether another machine uses a static address.

[ok] works, [!!] failed and says what to check, [--] is for information.

You can continue after a failed test, for example if the host will be moved to another network.""",
        every=REFRESH_MILLISECONDS,
    )
