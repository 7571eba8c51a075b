"""The first-boot step ``scripts``: the user's scripts, stored in ``host.json`` by the installer."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.host_json import HostJson
from dom0kit.http_proxy import HttpProxy
from dom0kit.process import Runner, run
from dom0kit.redact import Redactor, secrets_in
from dom0kit.user_script import run_script

if TYPE_CHECKING:
    from firstboot.host import Host

STAGE = "first-boot"
LOG = "var/log/dom0kit/scripts.log"
DONE = "var/lib/dom0kit/firstboot/scripts"
DEFAULT_SECONDS = 600
"""Run a user's script at first boot.

Kind: configured. Reason: `scripts[].timeout` of the answers sets another value, and this is the
model's default. Expiry: the step fails and names the script.
"""


def scripts(host: Host, runner: Runner = run) -> None:
    """Run the scripts in order; a script that succeeded runs again only when its text changes.

    :raises UserError: when one fails; those after it are not run.
    """
    redact = Redactor()
    redact.add(secrets_in(host.host_json))

    def note(text: str) -> None:
        path = host.path(LOG)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        with path.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {redact(text)}\n")

    for number, entry in enumerate(host.host_json.get("scripts", ()), 1):
        if entry.get("stage") != STAGE:
            continue
        title = f"script {number} ({STAGE})"
        content = text_of(entry, title)
        mark = host.path(DONE) / f"{number}-{hashlib.sha256(content).hexdigest()[:16]}"
        if mark.exists():
            continue
        try:
            environment = {
                **proxy_environment(host.host_json),
                "DOM0KIT_STAGE": STAGE,
                "DOM0KIT_HOST": host.name,
                "DOM0KIT_LOG": f"/{LOG}",
            }
            seconds = int(entry.get("timeout") or DEFAULT_SECONDS)
            run_script(content, title, seconds=seconds, environment=environment, note=note, runner=runner)
        except UserError as error:
            raise UserError(
                redact(error.message), f"read its output in /{LOG}; retry: dom0ctl firstboot retry scripts"
            ) from error
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def proxy_environment(host_json: HostJson) -> dict[str, str]:
    """Return the variables for programs that fetch something; none without a proxy in host.json."""
    proxy = host_json.get("proxy")
    return HttpProxy(proxy["url"], tuple(proxy.get("except_for") or ())).environment() if proxy else {}


def text_of(entry: dict[str, Any], title: str) -> bytes:
    """Return a script's content, which the installer has stored and checked.

    :raises UserError: when host.json has none.
    """
    content = entry.get("content")
    if not isinstance(content, str) or not content:
        raise UserError(
            f"/etc/dom0kit/host.json has no content for {title}", "add it there; only the installer downloads from a URL"
        )
    return content.encode()
