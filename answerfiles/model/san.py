"""Storage networks: multipath and iSCSI."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from answerfiles.kinds import Iqn, Name, Port, Server, refuse
from answerfiles.model.record import Record
from answerfiles.secret import Secret


class Chap(Record):
    """Who logs in to an iSCSI target, and the other way round."""

    user: Name = Field(description="the initiator's name")
    secret: Secret = Field(description="the initiator's secret, 12 to 16 characters for most arrays; best a reference")
    target_user: Name | None = Field(default=None, description="the target's name, for mutual CHAP")
    target_secret: Secret | None = Field(default=None, description="the target's secret, for mutual CHAP")

    @model_validator(mode="after")
    def _both(self) -> Chap:
        if (self.target_user is None) != (self.target_secret is None):
            raise refuse("chap", "target_user and target_secret, or neither")
        return self


class Portal(Record):
    """An address where an array offers iSCSI targets."""

    address: Server = Field(description="name or address")
    port: Port = Field(default=3260, description="TCP port")
    target: Iqn | None = Field(default=None, description="one target's name; without it all that discovery finds")
    chap: Chap | None = Field(default=None, description="log-in by CHAP")


class Iscsi(Record):
    """iSCSI beside what the firmware's iBFT says."""

    initiator: Iqn | None = Field(default=None, description="this host's name; made at random without it")
    portals: tuple[Portal, ...] = Field(default=(), description="where targets are")


class San(Record):
    """Storage networks."""

    multipath: Literal["auto", "required"] = Field(
        default="auto", description="auto: maps where there is more than one path; required: every target disk must be a map"
    )
    iscsi: Iscsi | None = Field(default=None, description="iSCSI from answers")
