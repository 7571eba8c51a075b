"""The pool that the host belongs to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import Fingerprint, HostName, IpAddress, Name, Server
from answerfiles.model.record import Record
from answerfiles.secret import Secret


class PoolCreate(Record):
    """A new pool with this host as its first."""

    name: HostName = Field(description="the pool's name, with its domain; Ganeti wants it to resolve to its address")
    address: IpAddress | None = Field(
        default=None,
        description="the pool's own free address in the management network, which follows the master (Ganeti); without it the "
        "address that the DNS has for the name",
    )


class PoolJoin(Record):
    """A pool that exists already; its master is asked before a disk is touched."""

    token: Secret | None = Field(default=None, description="the join token that the master printed (Ganeti)")
    address: Server | None = Field(default=None, description="the master's name or address (XAPI)")
    user: Name | None = Field(default=None, description="the pool's user (XAPI)")
    password: Secret | None = Field(default=None, description="that user's password, as a reference (XAPI)")
    fingerprint: Fingerprint | None = Field(default=None, description="SHA-256 of the master's certificate (XAPI)")


class Pool(Record):
    """Toolstack and pool; without create and join the host stands alone."""

    toolstack: Literal["ganeti", "xapi", "xl"] = Field(
        default="ganeti", description="ganeti: pools from Debian; xapi: XenServer's, when the image has it; xl: no pool"
    )
    create: PoolCreate | None = Field(default=None, description="make a new pool")
    join: PoolJoin | None = Field(default=None, description="join a pool")

    @model_validator(mode="after")
    def _fits(self) -> Pool:
        if self.create is not None and self.join is not None:
            raise refuse("pool", "create or join, not both")
        if self.toolstack == "xl" and (self.create is not None or self.join is not None):
            raise refuse("pool", "neither create nor join with the toolstack xl, which knows no pool")
        if self.join is None:
            return self
        given = self.join.given().keys()
        if self.toolstack == "ganeti" and given != {"token"}:
            raise refuse("pool", "under join a token and nothing else with the toolstack ganeti")
        if self.toolstack == "xapi" and given != {"address", "user", "password", "fingerprint"}:
            raise refuse("pool", "under join address, user, password and fingerprint with the toolstack xapi")
        return self
