"""The host itself: clock, log-in, dom0's share of the machine, consoles."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import Flag, Server, Size, SshKey, Zone
from answerfiles.model.record import Record
from answerfiles.secret import HINT, PasswordHash
from dom0kit.units import MIB


class Time(Record):
    """Clock and zone."""

    zone: Zone = Field(default="UTC", description="time zone of the tz database")
    ntp: tuple[Server, ...] = Field(default=(), description="NTP servers; without one, those of DHCP or Debian's pool")


class Root(Record):
    """Log-in of the administrator."""

    password_hash: PasswordHash | None = Field(default=None, description=f"hash of root's password; {HINT}")
    ssh_keys: tuple[SshKey, ...] = Field(default=(), description="public keys that may log in as root")
    lock: Flag = Field(default=False, description="no log-in by password at all, only by key")
    ask: Flag = Field(
        default=False,
        description="no password here: the host's consoles ask for one at the first start until it was set; SSH by key meanwhile",
    )

    @model_validator(mode="after")
    def _a_way_in(self) -> Root:
        if self.ask and (self.lock or self.password_hash is not None):
            raise refuse("login", "with 'ask: true' neither password_hash nor lock: the host's consoles ask for the password")
        if self.password_hash is None and not self.ssh_keys and not self.ask:
            raise refuse("login", "password_hash, ssh_keys or both; without either, logging in is impossible")
        if self.lock and (self.password_hash is not None or not self.ssh_keys):
            raise refuse("login", "with 'lock: true' ssh_keys and no password_hash")
        return self


class Dom0(Record):
    """Resources of dom0; guests get the rest."""

    memory: Size | None = Field(default=None, ge=512 * MIB, description="memory, as 2 GiB; the image's own choice without it")
    cpus: int | None = Field(default=None, strict=True, ge=1, le=512, description="virtual processors; all of them without it")


class SerialConsole(Record):
    """The serial line that GRUB, Xen and dom0 use in addition to the screen."""

    port: Literal["com1", "com2"] = Field(default="com1", description="com1 (ttyS0) or com2 (ttyS1)")
    speed: Literal[9600, 19200, 38400, 57600, 115200] = Field(default=115200, description="bits a second")


def _none_or_serial(value: Any) -> str:
    return "serial" if isinstance(value, dict | SerialConsole) else "none"


Serial = Annotated[
    Annotated[Literal["none"], Tag("none")] | Annotated[SerialConsole, Tag("serial")], Discriminator(_none_or_serial)
]
