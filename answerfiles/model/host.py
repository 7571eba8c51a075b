"""The host itself: clock, log-in, dom0's share of the machine, consoles."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import Flag, NoProxy, Server, Size, SshKey, Url, Zone, is_address
from answerfiles.model.record import Record
from answerfiles.secret import HINT, PasswordHash
from dom0kit.http_proxy import HttpProxy
from dom0kit.units import MIB


class NtpSource(Record):
    """A time server, or a pool of them, with chrony's options."""

    server: Server | None = Field(default=None, description="one time server by name or address")
    pool: Server | None = Field(default=None, description="a name that stands for many servers, as 2.debian.pool.ntp.org")
    prefer: Flag = Field(default=False, description="prefer it to the others while it is good")
    nts: Flag = Field(default=False, description="authenticate it (Network Time Security); by name only")
    min_poll: int | None = Field(
        default=None, strict=True, ge=-7, le=24, description="shortest interval, as a power of two in seconds"
    )
    max_poll: int | None = Field(
        default=None, strict=True, ge=-7, le=24, description="longest interval, as a power of two in seconds"
    )
    max_sources: int | None = Field(
        default=None, strict=True, ge=1, le=16, description="how many servers of a pool are used; chrony's 4"
    )

    @model_validator(mode="after")
    def _one_source(self) -> NtpSource:
        if (self.server is None) == (self.pool is None):
            raise refuse("ntp", "exactly one of server and pool")
        if self.max_sources is not None and self.pool is None:
            raise refuse("ntp", "max_sources only with a pool")
        if self.min_poll is not None and self.max_poll is not None and self.min_poll > self.max_poll:
            raise refuse("ntp", "a min_poll that is not above max_poll")
        if self.nts and is_address(str(self.server or self.pool)):
            raise refuse("ntp", "with nts a name, which the server's certificate has, not an address")
        return self


def _name_or_source(value: Any) -> str:
    return "source" if isinstance(value, dict | NtpSource) else "name"


Ntp = Annotated[Annotated[Server, Tag("name")] | Annotated[NtpSource, Tag("source")], Discriminator(_name_or_source)]


PROXY_URL = re.compile(r"http://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::([0-9]{1,5}))?/?")


class Proxy(Record):
    """An HTTP proxy for apt on the host, for what the installer fetches, and for user scripts."""

    url: Url = Field(description="the proxy, as http://proxy.example.org:3128; it is asked for http and https alike")
    except_for: tuple[NoProxy, ...] = Field(
        default=(), description="names, addresses and domains (with a dot in front) that are contacted directly"
    )

    def settings(self) -> HttpProxy:
        """Return the proxy as the HTTP client takes it."""
        return HttpProxy(self.url, self.except_for)

    @model_validator(mode="after")
    def _plain(self) -> Proxy:
        # It is written into apt's configuration, and its port must be one.
        found = PROXY_URL.fullmatch(self.url)
        if found is None or not 0 < int(found[1] or 80) < 65536:
            raise refuse("proxy", "a proxy's URL as http://proxy.example.org:3128, without a path")
        return self


class Time(Record):
    """Clock and zone."""

    zone: Zone = Field(default="UTC", description="time zone of the tz database")
    ntp: tuple[Ntp, ...] = Field(default=(), description="NTP servers and pools; without one, those of DHCP or Debian's pool")


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

    port: Literal["com1", "com2"] = Field(
        default="com1", description="com1 (ttyS0) or com2 (ttyS1); without it that of the installer's console"
    )
    speed: Literal[9600, 19200, 38400, 57600, 115200] = Field(default=115200, description="bits a second")


def _none_or_serial(value: Any) -> str:
    return "serial" if isinstance(value, dict | SerialConsole) else "none"


Serial = Annotated[
    Annotated[Literal["none"], Tag("none")] | Annotated[SerialConsole, Tag("serial")], Discriminator(_none_or_serial)
]
