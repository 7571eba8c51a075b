"""Debian packages in addition to those of the image: drivers and any other software for the host."""

from __future__ import annotations

from pydantic import Field, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import Sha256, Url, VolumeFolder
from answerfiles.model.record import Record


class PackageSource(Record):
    """Source of packages: a folder on a volume, or a single file on a web server."""

    folder: VolumeFolder | None = Field(
        default=None,
        description="all .deb files of a folder: label:LABEL/folder or uuid:UUID/folder on a stick, /folder on the medium",
    )
    url: Url | None = Field(default=None, description="where to fetch one .deb file")
    sha256: Sha256 | None = Field(default=None, description="checksum of what is fetched; required for a plain http URL")

    @model_validator(mode="after")
    def _one_source(self) -> PackageSource:
        if (self.folder is None) == (self.url is None):
            raise refuse("packages", "exactly one of folder and url")
        if self.folder is not None and self.sha256 is not None:
            raise refuse("packages", "sha256 only together with url, which names one file")
        if self.url is not None and self.url.startswith("http:") and self.sha256 is None:
            raise refuse("packages", "a plain http url only together with sha256: the package could be changed on the way")
        return self

    def __str__(self) -> str:
        return self.folder or str(self.url).partition("?")[0]
