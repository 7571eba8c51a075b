"""Events about images: what the checks of a try found, and that a try failed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dom0kit.events import VIRTIO_PORT, EventFields, Reporter, json_sink, shared_sink
from dom0kit.fs import write_json
from firstboot.host import Host
from firstboot.image_status import failure_sentence, read_image_status
from firstboot.reporting import attach
from upgrade.health.after_try import FAILED, read_failed
from upgrade.health.assess import Assessment
from upgrade.health.report import Report

SOURCE = "image"
LOG = "var/log/dom0kit/image-events.jsonl"


def trial_event(host: str, image: str, report: Report) -> EventFields:
    """Return the event about the health of an image that is being tried."""
    if report.healthy:
        return {
            "name": image,
            "state": "healthy",
            "host": host,
            "text": f"{host} is healthy with the image {image} that it tries",
        }
    why = "; ".join(report.failures())
    return {"name": image, "state": "unhealthy", "host": host, "text": f"{host} gives up the image {image}: {why}", "error": why}


def failure_event(host: str, image: str, reason: str, sentence: str) -> EventFields:
    """Return the event about a try that has failed."""
    return {"name": image, "state": "failed", "host": host, "text": f"{host}: {sentence}", "error": reason}


def send(host: Host, event: EventFields, say: Callable[[str], None], *, port: Path = VIRTIO_PORT) -> bool:
    """Send an event to the log, to a virtual machine's port, and to the webhook of ``host.json``.

    :returns: whether it reached the webhook, or there is none.
    """
    log = host.path(LOG)
    log.parent.mkdir(parents=True, exist_ok=True)
    reporter = Reporter(SOURCE, [json_sink(log)])
    if port.exists():
        reporter.sinks.append(shared_sink(port))
    reports = attach(host, reporter, say)
    reporter.emit(SOURCE, **event)
    reports.release()
    lost = reports.close()
    if lost:
        say(f"{lost} reports did not reach the webhook")
    return not lost


def after_assessment(assessment: Assessment, report: Report, say: Callable[[str], None], *, port: Path = VIRTIO_PORT) -> None:
    """Send what this boot has to say: the network is up now, as far as it comes up.

    A failed try is sent once; again at the next boot when it did not reach the webhook.
    """
    host = assessment.host
    if assessment.trial:
        send(host, trial_event(host.name, assessment.trial, report), say, port=port)
        return
    status = read_image_status(host.root)
    failed = None if status is None else status["failed"]
    records = read_failed(host.root)
    if failed is None or failed["image"] not in records or records[failed["image"]].get("sent"):
        return
    event = failure_event(host.name, failed["image"], failed["reason"], failure_sentence(failed))
    if send(host, event, say, port=port):
        records[failed["image"]]["sent"] = True
        write_json(host.path(FAILED), records)
