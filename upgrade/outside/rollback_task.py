"""Return a host to an image that it ran before, from outside: the choice names that image, nothing else changes."""

from __future__ import annotations

from functools import partial

from answerfiles.model import HostTask
from dom0kit.fs import write_json
from installer.session import Session
from upgrade.outside import boot_files, refusals
from upgrade.outside.found_host import FoundHost, FoundImage
from upgrade.outside.opened_host import OpenedHost, opened
from upgrade.outside.work import KEPT, RETURNED, Outcome, Work, begin, digest, done_before
from upgrade.trial import changes, decisions


def prepare(task: HostTask, host: FoundHost, session: Session) -> Work:
    """Decide to which image a host returns; when several may be meant, the newest state decides once they can be read.

    :raises UserError: when there is none.
    """
    mine = digest(task, session.order)
    if not session.confirmed and host.details.returned == mine:
        raise done_before(host)
    names = [image.name for image in candidates(host, task.image)]
    which = names[0] if len(names) == 1 else f"the newest of {', '.join(names)}"
    confirmed = host.confirmed
    assert confirmed is not None
    return Work(
        title=f"return {host.name} to {which}",
        does=(f"from the next start on, {which} is started with the files that it had", "repair boot files that are damaged"),
        keeps=(f"the image {confirmed.name} and its state", *KEPT[1:]),
        run=partial(go_back, host, task, mine),
        steps=("check the other image", "check the boot files", "choose the image"),
    )


def candidates(host: FoundHost, wanted: str | None) -> list[FoundImage]:
    """Return the images that a host may return to.

    :param wanted: a name or the beginning of one; such an image may have failed.
    :raises UserError: when there is none.
    """
    confirmed = host.confirmed
    found = [
        image
        for image in host.details.images
        if image.installed and image.manifest is not None and (confirmed is None or image.name != confirmed.name)
    ]
    if wanted is None:
        found = [image for image in found if image.name not in host.failed]
    else:
        found = [image for image in found if image.name.startswith(wanted)]
    if not found:
        what = f"no image {wanted} that has run on it" if wanted else "no other image that has run on it"
        raise refusals.HOST_NO_IMAGE.error(f"{host.describe()} has {what}")
    return found


def go_back(host: FoundHost, task: HostTask, mine: str, session: Session) -> Outcome:
    """Return to the other image.

    :raises UserError: when it cannot start; the choice is as before.
    """
    names = [image.name for image in candidates(host, task.image)]
    with opened(host, session.commands, squashfs=False) as here:
        with session.reporter.step("check the other image"):
            target = newest(here, names)
            changes.check_complete(here.store, here.store.find(target))
        warnings = begin(host.name, host.paths(), session)
        here.make_writable()
        with session.reporter.step("check the boot files"):
            warnings += [f"repaired: {text}" for text in boot_files.repair(here)]
        with session.reporter.step("choose the image"):
            changes.forget_failure(here.store, target)
            warnings += changes.leave(here.store, here.store.find(target))
            path = here.system / RETURNED
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, {"task": mine, "image": target})
    return Outcome(f"{host.name} starts {target} from now on, with the files that it had", True, warnings)


def newest(here: OpenedHost, names: list[str]) -> str:
    """Return the image whose state is the newest."""
    known = [changes.known(here.store, here.store.find(name)) for name in names]
    return decisions.previous(known, here.running, None).name
