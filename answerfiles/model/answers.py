"""The whole of the answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from answerfiles.checks.refusal import INSTALLED, refuse
from answerfiles.field_types import Flag, KeyMap, Name
from answerfiles.host_naming import NameOrRule, NameTemplate, is_rule
from answerfiles.model.host import Dom0, Proxy, Root, Serial, SerialConsole, Time
from answerfiles.model.network import Network
from answerfiles.model.packages import PackageSource
from answerfiles.model.pool import Pool
from answerfiles.model.record import Record
from answerfiles.model.san import San
from answerfiles.model.scripts_and_reports import Finish, OnFailure, Reports, Script
from answerfiles.model.storage import Guests, GuestSpace, Target
from answerfiles.secret import REVEAL

FORMAT = 1


class Answers(Record):
    """All of an installation."""

    version: Literal[1] = Field(description="the format of this file: 1")
    mode: Literal["install"] = Field(
        default="install",
        description="what to do; with upgrade, rollback and reset, which keep the host that is on the disks, a file has the "
        "fields of a host task",
    )
    host_name: NameOrRule = Field(
        description="the host's name, best with its domain; dhcp: the name that the DHCP server gives; {serial}, {uuid}, {mac} "
        "and {asset} stand for the machine's own"
    )
    host_name_fallback: NameTemplate | None = Field(
        default=None, description="the name of a machine for which host_name gives none, because its source is empty"
    )
    target: Target = Field(description="the disk to install on")
    reinstall: Flag = Field(
        default=False,
        description="whether a finished installation of this very host on the target may be replaced; without it the installer "
        "starts the disk. With a medium that stays in the machine every start installs again: install_id does so once",
    )
    install_id: Name | None = Field(
        default=None,
        description="any word; when it differs from that of the finished installation of this host, that is replaced, once",
    )
    guests: GuestSpace = Field(default=Guests(), description="space for guests, or 'none'")
    network: Network = Field(default=Network(), description="the host's networks")
    time: Time = Field(default=Time(), description="clock and zone")
    keyboard: KeyMap = Field(default="us", description="the console's key map, as us or de")
    root: Root = Field(description="how the administrator logs in")
    proxy: Proxy | None = Field(default=None, description="an HTTP proxy for apt and for what is fetched")
    ssh: Literal["on", "off"] = Field(default="on", description="whether the host takes log-ins over the network")
    pool: Pool = Field(default=Pool(), description="toolstack and pool")
    san: San = Field(default=San(), description="storage networks")
    dom0: Dom0 = Field(default=Dom0(), description="what dom0 keeps of the machine")
    serial_console: Serial = Field(default=SerialConsole(), description="the serial line, or 'none'")
    packages: tuple[PackageSource, ...] = Field(
        default=(), description="additional Debian packages: drivers of this machine that the image lacks, and others"
    )
    scripts: tuple[Script, ...] = Field(default=(), description="your own scripts by stage, in this order")
    reports: Reports = Field(default=Reports(), description="event notification settings")
    finish: Finish = Field(default="reboot", description="what to do after the installation")
    on_failure: OnFailure = Field(
        default="wait",
        description="what to do when it failed; 'reboot' of a machine that boots from the network starts over, unless the disk "
        "was written to already",
    )

    @model_validator(mode="after")
    def _multipath_everywhere(self) -> Answers:
        if self.san.multipath == "required" and self.target.mirror is not None:
            raise refuse("mirror", "a single disk with san.multipath 'required': the array mirrors already")
        return self

    @model_validator(mode="after")
    def _fallback_of_a_rule(self) -> Answers:
        if self.host_name_fallback is not None and not is_rule(self.host_name):
            raise refuse("host_name_fallback", "host_name_fallback only with 'host_name: dhcp' or a template as host_name")
        return self

    def volume_group(self) -> str | None:
        """Return the guests' volume group, or None when there is to be none."""
        return None if isinstance(self.guests, str) else self.guests.volume_group

    def guests_on_target(self) -> bool:
        """Return whether the target disk has a partition for guests."""
        return not isinstance(self.guests, str) and self.guests.on_target

    def to_json(self, *, reveal: bool = False) -> str:
        """Return the answers as JSON with sorted keys.

        :param reveal: write secrets as they are, for ``host.json`` with mode 0600; masked otherwise.
        """
        value = self.model_dump(mode="json", context={REVEAL: reveal})
        return json.dumps(value, indent=2, sort_keys=True) + "\n"


def load_host(path: Path = Path("/etc/dom0kit/host.json")) -> Answers:
    """Load an installed host's answers, as :meth:`Answers.to_json` wrote them with ``reveal``.

    :raises OSError: when the file is not there.
    :raises pydantic.ValidationError: when it is damaged.
    """
    return Answers.model_validate_json(path.read_bytes(), context={INSTALLED: True})
