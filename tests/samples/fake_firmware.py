"""A UEFI firmware's boot entries behind a stand-in for efibootmgr(8)."""

from __future__ import annotations

from dataclasses import dataclass, field

from fake_runner import Call

GUIDS = [f"{number:08x}-1111-4222-8333-444444444444" for number in range(10)]


def entry(guid: str, label: str = "dom0kit") -> str:
    """Return an entry as efibootmgr prints it, without its number."""
    return f"{label}\tHD(2,GPT,{guid},0x1000,0x80000)/File(\\EFI\\dom0kit\\grubx64.efi)"


@dataclass
class FakeFirmware:
    """Boot entries by number and their order; ``output`` is an output of FakeRunner.

    :param guids: the GUID of each disk's ESP, by the disk's path.
    :param stubborn: keep the own order when an entry is made.
    """

    entries: dict[str, str] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    guids: dict[str, str] = field(default_factory=dict)
    stubborn: bool = False

    def output(self, call: Call) -> str:
        """Do what a call of efibootmgr asks for, and return the listing."""
        words = call.argv
        if words[0] != "efibootmgr":
            return ""
        if "--delete-bootnum" in words:
            number = words[words.index("--bootnum") + 1]
            del self.entries[number]
            self.order = [other for other in self.order if other != number]
        if "--create" in words:
            number = next(f"{free:04X}" for free in range(65536) if f"{free:04X}" not in self.entries)
            disk, label = (words[words.index(word) + 1] for word in ("--disk", "--label"))
            self.entries[number] = entry(self.guids.get(disk, GUIDS[0]), label)
            self.order = [*self.order, number] if self.stubborn else [number, *self.order]
        lines = [f"Boot{number}* {text}" for number, text in sorted(self.entries.items())]
        return "\n".join([f"BootOrder: {','.join(self.order)}", *lines]) + "\n"
