"""Storage networks: multipath and iSCSI."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from answerfiles.kinds import Flag, Iqn, Name, Port, Server, refuse
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


class AllPathsDown(Record):
    """What becomes of requests to a disk that has lost all its paths."""

    queue_seconds: int = Field(
        default=60, strict=True, ge=0, le=86400, description="so many seconds they wait for a path, then they fail; 0: at once"
    )
    forever: Flag = Field(
        default=False, description="they wait until a path returns, however long that takes; queue_seconds does not count then"
    )


class San(Record):
    """Storage networks."""

    multipath: Literal["auto", "required"] = Field(
        default="auto", description="auto: maps where there is more than one path; required: every target disk must be a map"
    )
    all_paths_down: AllPathsDown = Field(
        default=AllPathsDown(), description="what becomes of requests to a multipath disk that has lost all its paths"
    )
    iscsi: Iscsi | None = Field(default=None, description="iSCSI from answers")
