"""The two ends of a try, as the commands of images see them: what to do before it is armed, and after the image was confirmed."""

from __future__ import annotations

from dom0kit.errors import UserError
from dom0kit.fs import write_json
from dom0kit.linux.boot_choice import Choice
from dom0kit.process import COMMAND_SECONDS
from firstboot.host import Host
from firstboot.image_status import FailedTry, ImageStatus, failure_sentence
from upgrade.health.after_try import FAILED, publish, read_failed
from upgrade.health.assess import record_baseline
from upgrade.health.baseline import Baseline
from upgrade.health.boot_files import forget_try

SCRIPT = "/usr/lib/dom0kit/bin/try"


def refuse_failed(host: Host, image: str) -> None:
    """Refuse an image that was tried in vain.

    :raises UserError: with the reason of the failure.
    """
    if record := read_failed(host.root).get(image):
        failed: FailedTry = {"image": image, "time": record["time"], "reason": record["reason"], "hint": ""}
        raise UserError(failure_sentence(failed), f"correct the cause, then run: dom0ctl image try {image} --force")


def prepare(host: Host, image: str) -> Baseline:
    """Prepare the try of an image: record what works now, forget an earlier try of it.

    To be called before the choice names the image.

    :raises OSError: when the system partition cannot be written to.
    """
    forget_try(host.root, image)
    known = read_failed(host.root)
    if known.pop(image, None) is not None:
        write_json(host.path(FAILED), known)
    return record_baseline(host, image)


def confirmed(host: Host, choice: Choice) -> ImageStatus:
    """End what limits a try, and show that the running image is confirmed.

    To be called after the choice names the running image as the confirmed one; it does no harm on a host that tries nothing.

    :raises UserError: when systemd does not read its settings again.
    """
    host.run([SCRIPT, "confirmed"], timeout=COMMAND_SECONDS, hint="restart the host: it starts the confirmed image")
    return publish(host, choice)
