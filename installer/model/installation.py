"""A finished installation of dom0kit that a disk carries (pure data)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Installation:
    """A finished installation, as its completion marker and its ``host.json`` describe it.

    :param disk: path of the disk.
    :param names: the host's name when it was installed, and its name now if that differs.
    :param machine: :func:`dom0kit.machine_identity.machine_uuid` of the machine that was installed; "" if not recorded.
    :param install_id: ``install_id`` of the answers; "" without one.
    :param order: the order of the network boot that installed it; "" for none.
    :param installed: time of the installation, as text.
    :param firmware: ``bios`` or ``uefi``, with which it was installed; "" if not recorded.
    :param image: name of the image whose state it is.
    :param system: UUID of the system's file system, which all disks of a mirror have; "" if unknown.
    """

    disk: str
    names: tuple[str, ...] = ()
    machine: str = ""
    install_id: str = ""
    order: str = ""
    version: str = ""
    installed: str = ""
    firmware: str = ""
    image: str = ""
    system: str = ""

    def describe(self) -> str:
        """Return the installation in a few words."""
        name = self.names[0] if self.names else "a host without a name"
        details = ", ".join(word for word in (f"version {self.version}" if self.version else "", self.installed) if word)
        return f"{name} on {self.disk}" + (f" ({details})" if details else "")
