"""Storage networks: multipath and iSCSI."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import Flag, IpAddress, Iqn, Mac, Mtu, Name, Port, Server, Vlan
from answerfiles.model.network import FixedAddress, IpInterface
from answerfiles.model.record import Record
from answerfiles.secret import Secret


class Chap(Record):
    """CHAP credentials of the initiator, and of the target."""

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


class StorageNic(FixedAddress):
    """A network card for iSCSI alone: neither in a bridge nor with a DHCP client; the host's network manager leaves it alone."""

    EXAMPLE: ClassVar[str] = "192.0.2.10/24"
    mac: Mac = Field(description="the MAC address")
    address: IpInterface = Field(description="the card's address with its network's length, as 192.0.2.10/24")
    gateway: IpAddress | None = Field(default=None, description="the way to portals in other networks, and to nothing else")
    vlan: Vlan | None = Field(default=None, description="the VLAN's number, for frames with a tag")
    mtu: Mtu | None = Field(default=None, description="the largest packet in bytes; the network's switches must carry it")


class Iscsi(Record):
    """iSCSI settings in addition to the firmware's iBFT."""

    initiator: Iqn | None = Field(default=None, description="this host's name; made at random without it")
    portals: tuple[Portal, ...] = Field(default=(), description="where targets are")
    nics: tuple[StorageNic, ...] = Field(
        default=(), description="network cards for iSCSI alone, in addition to those of the iBFT"
    )


class AllPathsDown(Record):
    """Handling of I/O to a disk that has lost all its paths."""

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
