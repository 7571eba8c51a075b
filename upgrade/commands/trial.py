"""``dom0ctl image try|confirm|rollback``, and what the stop of the host does for a try."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import datetime
from pathlib import Path

from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, run
from firstboot.host import Host
from pool.arguments import add_root
from pool.local_pool import as_root
from upgrade.choice import esps
from upgrade.commands.images import host_commands, host_store
from upgrade.feed import settings
from upgrade.health import trial as health
from upgrade.store.images import Store, StoredImage
from upgrade.trial import changes, decisions, request, window

TIME = re.compile(r"[0-9A-Za-z :*.,/~-]{1,64}")
"""A time of systemd.time(7), such as ``02:00`` or ``2026-12-24 02:00``."""
UNIT, WINDOW_UNIT = UNITS = ("dom0kit-image-try", "dom0kit-image-try-window")
"""Transient units of tries at a time, and at the beginning of the window: a try whose time has come waits for its window."""


def register(add: Add) -> None:
    """Register the subcommands."""
    add(
        "image try",
        "restart this host into another image once; it stays if the host is healthy with it",
        _configure_try,
        try_image,
        example="dom0ctl image try 0.2.0\ndom0ctl image try 0.2.0 --at 02:00",
    )
    add("image confirm", "keep the running image", _configure_confirm, confirm, example="dom0ctl image confirm")
    add(
        "image rollback",
        "restart this host into the image that it ran before",
        _configure_rollback,
        rollback,
        example="dom0ctl image rollback",
    )
    add("image carry", "carry out a requested try while the host stops", _configure_root, carry, hidden=True)


def _configure_root(parser: argparse.ArgumentParser) -> None:
    add_root(parser)


def _configure_try(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument(
        "name", metavar="IMAGE", nargs="?", help="its name or the beginning of it (default: the only one that is staged)"
    )
    parser.add_argument(
        "--at", metavar="TIME", help="restart at this time, as systemd.time(7) writes it: 02:00, 2026-12-24 02:00"
    )
    parser.add_argument("--force", action="store_true", help="try an image that failed on this host before")
    parser.add_argument("--now", action="store_true", help="ignore the window that 'dom0ctl updates --window' has stored")
    parser.add_argument("--no-restart", action="store_true", help="try it at the next restart, whenever that is")
    parser.add_argument("--cancel", action="store_true", help="withdraw a try that has not begun")


def _configure_confirm(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("--automatic", action="store_true", help=argparse.SUPPRESS)


def _configure_rollback(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("name", metavar="IMAGE", nargs="?", help="the image to return to (default: the one that ran before)")
    parser.add_argument("--yes", action="store_true", help="restart without asking")


def try_image(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image try``."""
    return int(as_root(lambda: _try(arguments)))


def _try(arguments: argparse.Namespace) -> int:
    root = arguments.root
    if arguments.cancel:
        codes = [run(["systemctl", "stop", f"{unit}.timer"], check=False, timeout=COMMAND_SECONDS).returncode for unit in UNITS]
        print("The try is withdrawn." if request.remove(root) or 0 in codes else "No try was requested.")
        return 0
    if arguments.at is not None and not TIME.fullmatch(arguments.at):
        raise UserError(f"--at {arguments.at!r} is no time", "write it as 02:00 or 2026-12-24 02:00")
    store = host_store(root)
    with store.locked():
        image = choose(store, arguments.name)
        choice = esps.read_choice(store.system)
        decisions.check_try(changes.known(store, image), choice, store.running, force=arguments.force)
        changes.check_complete(store, image)
        report = changes.prepare_state(store, image, host_commands(root), dry=True)
        if report.problems:
            listed = "\n".join(f"- {text}" for text in report.problems)
            raise UserError(f"the host's state cannot be taken to {image.name}:\n{listed}", "see all changes: dom0ctl image diff")
    # A time is judged when it has come.
    start = None if arguments.now or arguments.at is not None else closed_until(root)
    if start is not None and arguments.no_restart:
        hint = "leave out --no-restart, and it waits for the window; or add --now"
        raise UserError(f"this host may restart into another image only in its window, which begins at {start}", hint)
    if at := arguments.at or start:
        words = ["dom0ctl", "image", "try", image.name, *(["--force"] if arguments.force else [])]
        words += ["--now"] if arguments.now else []
        unit = UNIT if start is None else WINDOW_UNIT
        run(["systemctl", "stop", f"{unit}.timer"], check=False, timeout=COMMAND_SECONDS)
        run(["systemd-run", "--quiet", f"--unit={unit}", f"--on-calendar={at}", "--", *words], timeout=COMMAND_SECONDS)
        when = f"{at}, in this host's window for restarts" if start else at
        print(f"{image.name} is tried at {when}. Withdraw it with: dom0ctl image try --cancel")
        return 0
    # What works now is compared with what works in the try.
    health.prepare(Host(root), image.name)
    request.write(root, request.TryRequest(image.name))
    if arguments.no_restart:
        print(f"The next restart tries {image.name}. Withdraw it with: dom0ctl image try --cancel")
        return 0
    print(f"This host restarts now and tries {image.name}. If it is not healthy then, it returns to {choice.image}.", flush=True)
    run(["systemctl", "--no-block", "reboot"], timeout=COMMAND_SECONDS)
    return 0


def closed_until(root: Path) -> str | None:
    """Return when the window for restarts begins next, as systemd.time(7) writes it; None within it, and without a window."""
    text = settings.read(root).window
    now = datetime.now()
    if not text or (found := window.parse(text)).contains(now):
        return None
    return found.next_start(now).strftime("%Y-%m-%d %H:%M:%S")


def choose(store: Store, name: str | None) -> StoredImage:
    """Return the named image, or the only one that was staged.

    :raises UserError: when there is none, or without a name more than one.
    """
    if name is not None:
        return store.find(name)
    staged = [image for image in store.images() if image.states == ("staged",)]
    if len(staged) != 1:
        names = ", ".join(image.name for image in staged) or "none"
        raise UserError(f"the images that are staged: {names}", "name one: dom0ctl image list")
    return staged[0]


def carry(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image carry``: the host stops, and a try was requested."""
    root = arguments.root
    wanted = request.read(root)
    if wanted is None:
        return 0
    request.remove(root)
    store = host_store(root)
    with store.locked():
        for problem in changes.carry_out(store, wanted.image, host_commands(root)):
            print(problem, file=sys.stderr)
    print(f"The state of this host is ready for {wanted.image}, which is tried now.")
    return 0


def confirm(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image confirm``."""
    return int(as_root(lambda: _confirm(arguments)))


def _confirm(arguments: argparse.Namespace) -> int:
    store = host_store(arguments.root)
    with store.locked():
        if arguments.automatic and not decisions.is_trial(esps.read_choice(store.system), store.running):
            print(f"{store.running} is not being tried.")
            return 0
        choice, problems = changes.confirm(store)
        health.confirmed(Host(arguments.root), choice)
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{choice.image} is confirmed: this host starts it.")
    return 0


def rollback(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl image rollback``."""
    return int(as_root(lambda: _rollback(arguments)))


def _rollback(arguments: argparse.Namespace) -> int:
    store = host_store(arguments.root)
    with store.locked():
        choice = esps.read_choice(store.system)
        if decisions.is_trial(choice, store.running):
            target, lost = choice.image, (0, [""])
        else:
            found = decisions.previous([changes.known(store, image) for image in store.images()], store.running, arguments.name)
            target, lost = found.name, changes.changed_since(store)
        _say_what_stays(store.running, target, *lost)
        if not arguments.yes and not _agreed():
            print("Nothing was changed.")
            return 1
        if target != choice.image:
            for problem in changes.leave(store, store.find(target)):
                print(problem, file=sys.stderr)
    print(f"This host restarts now with {target}.", flush=True)
    run(["systemctl", "--no-block", "reboot"], timeout=COMMAND_SECONDS)
    return 0


def _say_what_stays(running: str, target: str, count: int, first: list[str]) -> None:
    print(f"{target} starts with the files that it had when {running} was tried.")
    print("Guests, their disks, the pool's data and logs are shared by all images and stay as they are.")
    if count:
        print(f"{count} files that were changed since then stay with {running}:")
        print("\n".join(f"  /{name}" for name in first) + ("\n  ..." if count > len(first) else ""))


def _agreed() -> bool:
    try:
        return input("Type 'yes' to restart: ").strip().lower() == "yes"
    except EOFError:
        raise UserError("standard input has ended before the question was answered", "add --yes") from None
