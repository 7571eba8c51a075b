"""The reasons for which a pool refuses a host, as a table: code, meaning, hint.

The codes are part of the join protocol and of events; they do not change. Pure data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dom0kit.refusals import Refusal, RefusalTable

Code = Literal[
    "unreachable", "pin", "token", "expired", "used-up", "wrong-host", "denied", "version", "clock", "name", "address",
    "toolstack", "busy", "moved", "failed", "refused",
]  # fmt: skip
Retry = Literal["wait", "step", "never"]


@dataclass(frozen=True)
class RefusalReason:
    """A reason for which a pool refuses a host.

    :param meaning: one sentence without details; the error itself has those.
    :param hint: what to do; begins with a verb.
    :param retry: ``wait``: a joining host asks again without leaving the queue; ``step``: the first-boot step ``pool`` fails
        and is retried later; ``never``: the step is not retried until the next boot or ``dom0ctl firstboot retry pool``.
    """

    code: Code
    meaning: str
    hint: str
    retry: Retry

    @property
    def refusal(self) -> Refusal:
        """The entry of the reference page; its code has the prefix ``pool-``."""
        return Refusal(shown_code(self.code), self.meaning, self.hint)


def shown_code(code: Code) -> str:
    """Return the code as errors and the reference page show it."""
    return f"pool-{code}"


POOL_REFUSALS = (
    RefusalReason(
        "unreachable",
        "The pool does not answer at any of its addresses.",
        "Check the cable, VLAN, address and gateway of the host, the firewall between them, and that the master is up.",
        "wait",
    ),
    RefusalReason(
        "pin",
        "The SSH host key or TLS certificate at the pool's address is not the one that the token or the answers name.",
        "Compare the keys; if the pool's key was changed on purpose, create a new join token or correct the fingerprint.",
        "never",
    ),
    RefusalReason(
        "token",
        "The pool does not accept the join token (unknown, revoked or damaged), or the user and password.",
        "Create a new join token on the master (dom0ctl pool token create), or correct user and password under pool.join.",
        "never",
    ),
    RefusalReason(
        "expired",
        "The join token is past its time to live.",
        "Create a new join token on the master: dom0ctl pool token create --ttl TIME.",
        "never",
    ),
    RefusalReason(
        "used-up",
        "The join token was used by as many hosts as it allows, or by this host before it was installed again.",
        "Create a new join token on the master: dom0ctl pool token create --host NAME.",
        "never",
    ),
    RefusalReason(
        "wrong-host",
        "The join token was made for another host or machine.",
        "Use the token of this host, or create one on the master: dom0ctl pool token create --host NAME.",
        "never",
    ),
    RefusalReason(
        "denied",
        "An administrator denied the host (dom0ctl pool deny).",
        "Ask the pool's administrator, and create a new join token on the master.",
        "never",
    ),
    RefusalReason(
        "version",
        "The image or the toolstack of the host is of another release series than the pool's.",
        "Install with an image of the pool's release series, or upgrade the pool first.",
        "never",
    ),
    RefusalReason(
        "clock",
        "The clocks of host and pool differ by more than 60 seconds.",
        "Set both clocks by the same NTP servers, and hardware clocks to UTC.",
        "step",
    ),
    RefusalReason(
        "name",
        "Another machine in the pool or in its queue has the host's name.",
        "Choose another host_name, or remove the old host from the pool first.",
        "step",
    ),
    RefusalReason(
        "address",
        "The host's address is in use in the pool, is missing, or does not fit the pool's management network.",
        "Give the host a free address in the pool's management network.",
        "step",
    ),
    RefusalReason(
        "toolstack",
        "The host and the pool have different toolstacks, or the image has none.",
        "Set pool.toolstack to the pool's toolstack, and install with an image that contains it.",
        "step",
    ),
    RefusalReason(
        "busy",
        "The pool cannot take requests at the moment.",
        "Wait; if it does not pass, check the daemons on the master.",
        "wait",
    ),
    RefusalReason(
        "moved",
        "The host at this address is not the pool's master.",
        "Ask the master that the error names.",
        "wait",
    ),
    RefusalReason(
        "failed",
        "The pool accepted the host, and adding it failed.",
        "Read the reason in the error; the pool's toolstack has logged it on the master.",
        "step",
    ),
    RefusalReason(
        "refused",
        "The request is not valid, or the reason has no code of its own.",
        "Read the reason in the error.",
        "step",
    ),
)
"""All codes."""


POOL = RefusalTable(
    "Pools",
    "Reasons for which a pool refuses a host, or a host does not join. In the join protocol the codes have no prefix.",
    tuple(reason.refusal for reason in POOL_REFUSALS),
)
"""Section of the reference page."""


def codes(retry: Retry) -> tuple[Code, ...]:
    """Return the codes whose refusals are retried in this way."""
    return tuple(reason.code for reason in POOL_REFUSALS if reason.retry == retry)
