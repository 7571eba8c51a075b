"""User scripts, event notification, and the action after the installation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import Fingerprint, Flag, Sha256, Url
from answerfiles.model.record import Record
from answerfiles.secret import Secret

Stage = Literal["start", "planned", "written", "complete", "first-boot", "failed"]
Finish = Literal["reboot", "poweroff", "halt", "wait"]
OnFailure = Literal["wait", "reboot", "poweroff", "halt"]


class Script(Record):
    """A script at a stage; an exit code other than 0 fails the installation."""

    stage: Stage = Field(
        description="start: before the machine is looked at; planned: before the disk is touched; written: the system is on the "
        "disk, mounted at $DOM0KIT_TARGET; complete: bootable; first-boot: on the host; failed: after a failure"
    )
    content: str | None = Field(default=None, min_length=1, description="the script itself; its first line names the interpreter")
    url: Url | None = Field(default=None, description="where to fetch it")
    sha256: Sha256 | None = Field(default=None, description="checksum of what is fetched; required for a plain http URL")
    unverified: Flag = Field(
        default=False, description="take a plain http URL without sha256: anyone on the network can change the script"
    )
    timeout: int = Field(
        default=600, strict=True, ge=1, le=86400, description="seconds until it is ended, which counts as a failure"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Script:
        if (self.content is None) == (self.url is None):
            raise refuse("script", "exactly one of content and url")
        plain = self.url is not None and self.url.startswith("http:") and self.sha256 is None
        if plain and not self.unverified:
            raise refuse("script", "a plain http url only together with sha256: the script could be changed on the way")
        if self.unverified and not plain:
            raise refuse("script", "'unverified: true' only with a plain http url that has no sha256")
        if self.content is not None and not self.content.startswith("#!"):
            raise refuse("script", "content whose first line names the interpreter, as #!/bin/sh")
        return self


class Webhook(Record):
    """Receiver of events, which are sent by HTTP POST as JSON objects."""

    url: Url = Field(description="http or https; {host} stands for the host's name, {mac}, {uuid} and {serial} for the machine's")
    token: Secret | None = Field(default=None, description="sent as 'Authorization: Bearer ...'")
    fingerprint: Fingerprint | None = Field(default=None, description="SHA-256 of the server's certificate")


class Reports(Record):
    """Event notification settings."""

    webhook: Webhook | None = Field(default=None, description="an address for events")
