"""Answers for a host that is on the disks already: another image next to its own, the one before, or its state made again."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import Flag, HostName, Kind, Name
from answerfiles.model.record import Record
from answerfiles.model.san import San
from answerfiles.model.scripts_and_reports import Finish, OnFailure, Reports
from answerfiles.model.storage import DiskSelector
from dom0kit.linux.boot_choice import IMAGE

TASKS = ("upgrade", "rollback", "reset")
"""Values of ``mode`` that keep the host which is on the disks."""

OF_MODES = {"image": "rollback", "force": "upgrade"}
"""Fields of one mode alone."""


def _uuid(value: object) -> object:
    try:
        return str(uuid.UUID(value)) if isinstance(value, str) else value
    except ValueError:
        raise refuse("uuid", "a UUID as lsblk -o UUID shows it") from None


def _image(value: object) -> object:
    if isinstance(value, str) and not IMAGE.fullmatch(value):
        raise refuse("image_name", "the name of an image, or the beginning of it, as 'dom0ctl image list' shows it")
    return value


SystemUuid = Annotated[str, BeforeValidator(_uuid), Kind("a UUID, as lsblk -o UUID shows it")]
ImageName = Annotated[str, BeforeValidator(_image), Kind("the name of an image, or its beginning")]


class HostDisks(Record):
    """The disks that a host is on; nothing on them is erased."""

    disk: DiskSelector | None = Field(default=None, description="a disk of the host's system")
    mirror: tuple[DiskSelector, DiskSelector] | None = Field(
        default=None, description="the two disks of the host's mirror; one of them is enough to find it"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> HostDisks:
        if (self.disk is None) == (self.mirror is None):
            raise refuse("target", "exactly one of disk and mirror")
        return self

    def selectors(self) -> tuple[DiskSelector, ...]:
        """Return the rules; a disk of the host fulfils one of them."""
        return self.mirror if self.mirror is not None else (self.disk,) if self.disk is not None else ()

    def __str__(self) -> str:
        return " or ".join(f"({selector})" for selector in self.selectors())


class HostTask(Record):
    """What to do with a host that is on the disks; its settings are its own."""

    version: Literal[1] = Field(description="the format of this file: 1")
    mode: Literal["upgrade", "rollback", "reset"] = Field(
        description="upgrade: put the installer's image next to the host's and try it once; rollback: return to the image "
        "before; reset: make the host's state again from its answers"
    )
    host_name: HostName | None = Field(default=None, description="the host that is meant, by its name")
    system: SystemUuid | None = Field(default=None, description="the host that is meant, by the UUID of its system partition")
    target: HostDisks | None = Field(default=None, description="the host that is meant, by a disk that it is on")
    image: ImageName | None = Field(
        default=None, description="with 'mode: rollback': the image to return to; without it the one that ran before"
    )
    force: Flag = Field(
        default=False, description="with 'mode: upgrade': accept an older image, and one that was tried and failed"
    )
    task_id: Name | None = Field(
        default=None,
        description="any word; unattended, a return and a reset with the same answers are done once: another word does it again",
    )
    san: San = Field(default=San(), description="storage networks, to reach the host's disks")
    reports: Reports = Field(default=Reports(), description="event notification settings")
    finish: Finish = Field(default="reboot", description="what to do afterwards; 'reboot' starts the host's disk")
    on_failure: OnFailure = Field(
        default="wait", description="what to do when it failed; 'reboot' starts the host's disk as it is, once the host was found"
    )

    @field_validator("image", "force")
    @classmethod
    def _of_this_mode(cls, value: object, info: ValidationInfo) -> object:
        mode, field = info.data.get("mode"), str(info.field_name)
        if value and mode is not None and mode != OF_MODES[field]:
            raise refuse("not_in_mode", f"only with 'mode: {OF_MODES[field]}'")
        return value
