"""The first-boot steps in order. Each may run again at any time."""

from __future__ import annotations

from firstboot.network.apply import address, network
from firstboot.pool.steps import SECRETS, pool, toolstack
from firstboot.retry import Backoff
from firstboot.steps.access import root, ssh
from firstboot.steps.clock import clock
from firstboot.steps.consoles import consoles, keyboard
from firstboot.steps.identity import identity, name
from firstboot.steps.proxy import proxy
from firstboot.steps.services import confirm, services
from firstboot.steps.step import Step
from firstboot.steps.storage import storage
from firstboot.user_scripts import scripts

POOL_PAUSE_SECONDS = 15.0
"""Pause before the second try to create or join the pool; doubled for each one after it, up to 5
min.

Kind: pace. Reason: the pool's master may be starting, and a try costs it a log-in. Expiry: the next
try.
"""
SCRIPTS_PAUSE_SECONDS = 30.0
"""Pause before the second try of the user's scripts; doubled for each one after it.

Kind: pace. Reason: a script may change much before it fails. Expiry: the next try.
"""
SCRIPTS_LONGEST_PAUSE_SECONDS = 1800.0
"""Pause between two tries of scripts that keep failing.

Kind: pace. Reason: as for the first pause. Expiry: the next try.
"""

_ALL = (
    Step("identity", identity, early=True),
    Step("name", name, answers=("host_name", "network"), early=True, kept=True),
    Step("root", root, answers=("root",), early=True, kept=True),
    Step("ssh", ssh, answers=("ssh",), early=True, kept=True),
    Step("consoles", consoles, answers=("serial_console",), early=True, kept=True),
    Step("time", clock, answers=("time",), early=True, kept=True),
    Step("proxy", proxy, answers=("proxy",), kept=True),
    Step("keyboard", keyboard, answers=("keyboard",), kept=True),
    Step("network", network, answers=("network",)),
    Step("storage", storage, answers=("guests",)),
    Step("address", address, needs=("name", "network"), always=True),
    Step("services", services, needs=("identity", "ssh"), always=True),
    Step(
        "toolstack",
        toolstack,
        needs=("storage", "network", "address", "services", "time"),
        answers=("pool",),
        ignored_secrets=SECRETS,
        always=True,
    ),
    Step(
        "pool",
        pool,
        needs=("toolstack",),
        answers=("pool",),
        retry=Backoff(POOL_PAUSE_SECONDS),
        erase_after=SECRETS,
        kept=True,
    ),
    Step(
        "scripts",
        scripts,
        needs=("network", "services"),
        answers=("scripts",),
        retry=Backoff(SCRIPTS_PAUSE_SECONDS, SCRIPTS_LONGEST_PAUSE_SECONDS),
        kept=True,
    ),
)
STEPS = (*_ALL, Step("confirm", confirm, needs=tuple(step.name for step in _ALL)))
