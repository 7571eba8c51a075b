"""Send first boot's events to the webhook of ``host.json`` once the network is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from dom0kit.machine_identity import read_identity
from dom0kit.redact import Redactor, secrets_in
from firstboot.status import LOG, log_text
from network.host_json import management_settings

if TYPE_CHECKING:
    from dom0kit.webhook import Webhook
    from firstboot.host import Host

NETWORK_STEP = "address"
"""The step after which the network is up."""
FLUSH_SECONDS = 60.0
"""Wait at the end of first boot for reports to reach the webhook.

Kind: protocol. Reason: a webhook that is down must not keep the service running. Expiry: the
journal has the number of reports that did not arrive.
"""
LOG_LINES = 50


class Reports:
    """An event sink for the webhook; it does nothing on a host without one.

    :param hook: made by :func:`attach`; None on a host without a webhook.
    """

    def __init__(self, host: Host, hook: Webhook | None) -> None:
        self.host = host
        self.hook = hook

    def __call__(self, event: Event) -> None:
        """Forward an event; start sending when the network is up."""
        if self.hook is None:
            return
        if event["event"] == "failed":
            event = {**event, "log": log_text(self.host.read(LOG).splitlines()[-LOG_LINES:])}
        self.hook(event)
        if event.get("name") == NETWORK_STEP and event.get("state") == "finished" and self.host.address():
            self.hook.release()

    def release(self) -> None:
        """Start sending: the network is up."""
        if self.hook is not None:
            self.hook.release()

    def close(self) -> int:
        """Wait for pending reports within limits; do not wait on a host without an address.

        :returns: number of reports that did not arrive.
        """
        if self.hook is None:
            return 0
        self.hook.flush(FLUSH_SECONDS if self.host.address() else 0.0)
        return self.hook.lost


def attach(host: Host, reporter: Reporter, note: Any = lambda text: None) -> Reports:
    """Redact secrets in all later events, and send them to the webhook if ``host.json`` names one.

    :param note: takes messages for the journal.
    """
    try:
        host_json = host.host_json
    except UserError:
        return Reports(host, None)
    redactor = Redactor()
    redactor.add(secrets_in(host_json))
    reporter.redact = redactor.value
    settings = (host_json.get("reports") or {}).get("webhook")
    if not settings:
        return Reports(host, None)
    # Imported here: TLS and HTTP are slow to import, and most hosts have no webhook.
    from dom0kit.http_client import Trust  # noqa: PLC0415
    from dom0kit.webhook import Target, Webhook  # noqa: PLC0415

    mac = str(management_settings(host_json).get("mac") or "")
    identity = read_identity(host.root, mac=mac, host=host.name)
    target = Target(settings["url"], Trust(fingerprint=settings.get("fingerprint") or ""), settings.get("token") or "")
    hook = Webhook(identity, target=target, held=True, redact=redactor.value, note=note)
    reports = Reports(host, hook)
    reporter.sinks.append(reports)
    return reports
