"""The model of an installation: everything that a host is told, in one frozen value.

Each setting is defined once, here: reader, installer, first boot and documentation derive from it. Answers of a
later version add fields with defaults, so that an older ``host.json`` stays readable.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from answerfiles.kinds import (
    DevicePath,
    DnsServer,
    HostName,
    Interface,
    Mac,
    Name,
    Server,
    SshKey,
    VolumeGroupName,
    Zone,
    refuse,
)
from answerfiles.secret import HINT, REVEAL, PasswordHash

FORMAT = 1


class Record(BaseModel):
    """What every part has in common: unknown keys are errors, values are not converted behind one's back."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DiskSelector(Record):
    """Names exactly one disk by one property."""

    serial: Name | None = Field(default=None, description="the disk's serial number")
    path: DevicePath | None = Field(default=None, description="a device path, best one below /dev/disk/by-id")
    wwn: Name | None = Field(default=None, description="the disk's world wide name")

    @model_validator(mode="after")
    def _exactly_one(self) -> DiskSelector:
        if len(self.given()) != 1:
            raise refuse("selector", "exactly one of serial, path and wwn")
        return self

    def given(self) -> dict[str, str]:
        """The properties that are set, as name and value."""
        return {name: value for name in ("serial", "path", "wwn") if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        return ", ".join(f"{name}: {value}" for name, value in self.given().items())


class Target(Record):
    """The disk to install on."""

    disk: DiskSelector = Field(description="which disk")
    wipe: bool = Field(default=False, description="whether a disk that is not blank may be erased")


class Guests(Record):
    """The rest of the disk, for guests."""

    volume_group: VolumeGroupName = Field(default="guests", description="name of the LVM volume group")


class StaticAddress(Record):
    """A fixed IPv4 address."""

    address: ipaddress.IPv4Interface = Field(description="the host's address with its network's length, as 192.0.2.10/24")
    gateway: ipaddress.IPv4Address | None = Field(default=None, description="the default gateway, inside the network")

    @field_validator("address", mode="before")
    @classmethod
    def _has_length(cls, value: Any) -> Any:
        if not isinstance(value, str) or "/" not in value:
            raise refuse("address", "an IPv4 address with its network's length, as 192.0.2.10/24")
        return value

    @field_validator("gateway")
    @classmethod
    def _inside(cls, value: ipaddress.IPv4Address | None, info: ValidationInfo) -> ipaddress.IPv4Address | None:
        address = info.data.get("address")
        if value is None or address is None:
            return value
        if value not in address.network:
            raise refuse("gateway", f"a gateway inside the network {address.network}")
        if value == address.ip:
            raise refuse("gateway", "a gateway other than the host's own address")
        return value


def _dhcp_or_static(value: Any) -> str:
    return "static" if isinstance(value, dict | StaticAddress) else "dhcp"


Ipv4 = Annotated[
    Annotated[Literal["dhcp"], Tag("dhcp")] | Annotated[StaticAddress, Tag("static")], Discriminator(_dhcp_or_static)
]


class Management(Record):
    """The network that the host is managed over; guests reach it through the bridge."""

    mac: Mac | None = Field(default=None, description="the network card; may be left out when there is exactly one")
    ipv4: Ipv4 = Field(default="dhcp", description="'dhcp', or address and gateway")
    dns: tuple[DnsServer, ...] = Field(default=(), description="DNS servers")
    search: tuple[HostName, ...] = Field(default=(), description="DNS search domains")
    bridge: Interface = Field(default="xenbr0", description="name of the bridge")


class Network(Record):
    """The host's networks."""

    management: Management = Field(default=Management(), description="the management network")


class Time(Record):
    """Clock and zone."""

    zone: Zone = Field(default="UTC", description="time zone of the tz database")
    ntp: tuple[Server, ...] = Field(default=(), description="NTP servers; without one, those of DHCP or Debian's pool")


class Root(Record):
    """How the administrator logs in."""

    password_hash: PasswordHash | None = Field(default=None, description=f"hash of root's password; {HINT}")
    ssh_keys: tuple[SshKey, ...] = Field(default=(), description="public keys that may log in as root")

    @model_validator(mode="after")
    def _a_way_in(self) -> Root:
        if self.password_hash is None and not self.ssh_keys:
            raise refuse("login", "password_hash, ssh_keys or both, or nobody could log in")
        return self


def _none_or_guests(value: Any) -> str:
    return "guests" if isinstance(value, dict | Guests) else "none"


GuestSpace = Annotated[Annotated[Literal["none"], Tag("none")] | Annotated[Guests, Tag("guests")], Discriminator(_none_or_guests)]
Finish = Literal["reboot", "poweroff", "halt", "wait"]


class Answers(Record):
    """All of an installation."""

    version: Literal[1] = Field(description="the format of this file: 1")
    mode: Literal["install"] = Field(default="install", description="what to do")
    host_name: HostName = Field(description="the host's name, best with its domain")
    target: Target = Field(description="the disk to install on")
    guests: GuestSpace = Field(default=Guests(), description="space for guests, or 'none'")
    network: Network = Field(default=Network(), description="the host's networks")
    time: Time = Field(default=Time(), description="clock and zone")
    root: Root = Field(description="how the administrator logs in")
    finish: Finish = Field(default="reboot", description="what to do after the installation")

    def volume_group(self) -> str | None:
        """The guests' volume group, or None when there is to be none."""
        return None if isinstance(self.guests, str) else self.guests.volume_group

    def to_json(self, *, reveal: bool = False) -> str:
        """The answers as JSON with sorted keys.

        :param reveal: write secrets as they are, for ``host.json`` with mode 0600; masked otherwise.
        """
        value = self.model_dump(mode="json", context={REVEAL: reveal})
        return json.dumps(value, indent=2, sort_keys=True) + "\n"


def load_host(path: Path = Path("/etc/dom0kit/host.json")) -> Answers:
    """The answers that an installed host keeps, as :meth:`Answers.to_json` wrote them with ``reveal``.

    :raises OSError: when the file is not there.
    :raises pydantic.ValidationError: when it is damaged.
    """
    return Answers.model_validate_json(path.read_bytes())
