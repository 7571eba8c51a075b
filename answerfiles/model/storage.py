"""Disks: which to install on, and what is left for guests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from answerfiles.checks.refusal import refuse
from answerfiles.field_types import DevicePath, Flag, Name, Size, VolumeGroupName
from answerfiles.model.record import Record
from dom0kit.units import human_bytes

Transport = Literal["sata", "ata", "sas", "scsi", "nvme", "fc", "iscsi", "usb", "virtio"]


class SizeRange(Record):
    """A range of sizes; both ends count."""

    at_least: Size | None = Field(default=None, description="the smallest size, as 400 GB or 1 TiB")
    at_most: Size | None = Field(default=None, description="the largest size, as 500 GB or 2 TiB")

    @model_validator(mode="after")
    def _a_range(self) -> SizeRange:
        if self.at_least is None and self.at_most is None:
            raise refuse("size_range", "at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise refuse("size_range", "an at_least that is not above at_most")
        return self

    def holds(self, size: int) -> bool:
        """Return whether a size in bytes is in the range."""
        return (self.at_least is None or size >= self.at_least) and (self.at_most is None or size <= self.at_most)

    def __str__(self) -> str:
        words = [f"at least {human_bytes(self.at_least)}" if self.at_least is not None else ""]
        words.append(f"at most {human_bytes(self.at_most)}" if self.at_most is not None else "")
        return " and ".join(word for word in words if word)


class DiskSelector(Record):
    """Names one disk by its properties; all that are given must hold, and exactly one disk may match."""

    serial: Name | None = Field(default=None, description="the serial number")
    wwn: Name | None = Field(default=None, description="the world wide name, with or without 0x, naa. or eui.")
    path: DevicePath | None = Field(default=None, description="a device path, best one below /dev/disk/by-id")
    size: SizeRange | None = Field(default=None, description="a range of sizes")
    model: Name | None = Field(default=None, description="the model as lsblk shows it; * and ? stand for other characters")
    transport: Transport | None = Field(default=None, description="how it is attached")
    rotational: Flag | None = Field(default=None, description="true for a disk that turns, false for flash")
    multipath: Literal["required"] | None = Field(
        default=None, description="'required': only a multipath map is taken, also one with a single path now"
    )

    @model_validator(mode="after")
    def _at_least_one(self) -> DiskSelector:
        if not self.given():
            raise refuse("selector", "at least one of " + ", ".join(DiskSelector.model_fields))
        return self

    def names_one(self) -> bool:
        """Return whether the selector has a field that identifies one disk."""
        return self.serial is not None or self.wwn is not None or self.path is not None

    def __str__(self) -> str:
        return ", ".join(
            f"{name}: {str(value).lower() if isinstance(value, bool) else value}" for name, value in self.given().items()
        )


class Target(Record):
    """The disk to install on, or the two disks of a software RAID 1."""

    disk: DiskSelector | None = Field(default=None, description="the disk to install on")
    mirror: tuple[DiskSelector, DiskSelector] | None = Field(
        default=None,
        description="two disks that hold the same (software RAID 1); the host boots with either; the same rule twice takes the "
        "two disks that fulfil it",
    )
    wipe: Flag = Field(default=False, description="whether disks that are not blank may be erased")

    @model_validator(mode="after")
    def _exactly_one(self) -> Target:
        if (self.disk is None) == (self.mirror is None):
            raise refuse("target", "exactly one of disk and mirror")
        # The same rule twice means two disks that fulfil it; a name of one disk cannot.
        if self.mirror is not None and self.mirror[0] == self.mirror[1] and self.mirror[0].names_one():
            raise refuse("target", "a mirror of two different disks")
        return self

    def selectors(self) -> tuple[DiskSelector, ...]:
        """Return the selectors of the disks to install on: one, or two for a mirror."""
        if self.mirror is not None:
            return self.mirror
        assert self.disk is not None
        return (self.disk,)

    def __str__(self) -> str:
        return " and ".join(f"({selector})" for selector in self.selectors())


class Guests(Record):
    """Space for guests' disks: the rest of the target disk, additional whole disks, or both."""

    volume_group: VolumeGroupName = Field(default="guests", description="name of the LVM volume group")
    thin: Flag = Field(default=False, description="make a thin pool 'thin' of all the space")
    on_target: Flag = Field(
        default=True,
        description="whether the rest of the target disk belongs to the volume group; false: it uses the disks below alone, and "
        "the target holds the system and nothing else",
    )
    disks: tuple[DiskSelector, ...] = Field(default=(), description="additional disks that the volume group uses as a whole")

    @model_validator(mode="after")
    def _some_space(self) -> Guests:
        if not self.on_target and not self.disks:
            raise refuse("guests", "with 'on_target: false' disks for guests; for no space at all 'guests: none'")
        return self


def _none_or_guests(value: Any) -> str:
    return "guests" if isinstance(value, dict | Guests) else "none"


GuestSpace = Annotated[Annotated[Literal["none"], Tag("none")] | Annotated[Guests, Tag("guests")], Discriminator(_none_or_guests)]
