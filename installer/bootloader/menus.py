"""GRUB configuration files, rendered from templates (pure)."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Literal

import jinja2

from answerfiles.model import Dom0, SerialConsole
from dom0kit.linux import boot_choice
from dom0kit.units import MIB, SECTOR
from installer.model import partition_layout
from installer.model.image_manifest import Manifest

Serial = SerialConsole | Literal["none"]
DOM0 = Dom0()
SERIAL = SerialConsole()
TEMPLATES = Path(__file__).parent / "templates"


def _render(template: str, **values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 -- the output is a GRUB script, HTML escapes would break it
    )
    return environment.get_template(template).render(**values)


UNITS = {"com1": 0, "com2": 1}

BOOT_DISK = "regexp --set=1:disk '^\\(([^,)]+)' $cmdpath\n"
"""Sets ``disk`` to the disk that UEFI started GRUB from; in GRUB's rescue parser, which has no ``if``."""
EARLY_SECTOR = (partition_layout.HEAD + partition_layout.CORE) // SECTOR - 1
"""The last sector of the BIOS boot partition, of 512 bytes from the start of the disk."""


def host_menu() -> str:
    """Return the ``grub.cfg`` of an installed host, for BIOS and UEFI: the same text on all hosts, for all images."""
    return (TEMPLATES / "host.cfg").read_text()


def image_entry(manifest: Manifest) -> str:
    """Return an image's ``boot.cfg``: its entries of the menu, which take what is the host's own from :func:`host_menu`."""
    folder = f"/images/{manifest.name}"
    return _render(
        "boot.cfg.j2",
        product=manifest.product,
        version=manifest.version,
        name=manifest.name,
        folder=folder,
        arguments=f"boot=dom0kit dom0kit.image=$host_source:{folder} $host_root dom0kit.state=/state/{manifest.name}",
    )


def host_settings(
    manifest: Manifest, system: uuid.UUID, dom0: Dom0 = DOM0, serial: Serial = SERIAL, *, device: str = "", mirror: bool = False
) -> bytes:
    """Return the host's own settings for its boot menu, ``host.env``: an environment block of GRUB.

    :param device: the system partition's device in place of the UUID: on a multipath map, an initramfs that does not know the
        map must find nothing, while the UUID would lead it to one of the paths.
    :param mirror: whether another disk has a copy of the choice.
    """
    words = serial_words(serial)
    values = {
        "host_source": f"dev:{device}" if device else f"uuid:{system}",
        "host_memory": dom0_memory_mib(manifest, dom0),
        "host_cpus": dom0.cpus or "",
        "host_port": words["port"],
        "host_speed": words["speed"] or "",
        "host_mirror": "yes" if mirror else "no",
    }
    return boot_choice.block({name: str(value) for name, value in values.items()})


def unfinished_menu(manifest: Manifest, serial: Serial = SERIAL) -> str:
    """Return the ``grub.cfg`` until the installation is complete."""
    return _render("unfinished.cfg.j2", product=manifest.product, version=manifest.version, **serial_words(serial))


def dom0_memory_mib(manifest: Manifest, dom0: Dom0) -> int:
    """Return dom0's memory in MiB."""
    return manifest.dom0_memory_mib if dom0.memory is None else dom0.memory // MIB


def serial_words(serial: Serial) -> dict[str, object]:
    """Return the template variables of the serial line; ``port`` is "" without one."""
    if isinstance(serial, str):
        return {"port": "", "unit": 0, "speed": 0}
    return {"port": serial.port, "unit": UNITS[serial.port], "speed": serial.speed}


def early_config(system: uuid.UUID) -> str:
    """Return the configuration embedded in GRUB's core: it finds the system's file system by UUID.

    The disk that GRUB was started from comes first: a clone of it has the same UUID. Plain commands only: GRUB's rescue parser
    has no ``if``. Without a disk in ``cmdpath``, which is ``(hd0,gpt2)/EFI/dom0kit``, the hint names no device.
    """
    return (
        f"{BOOT_DISK}search --no-floppy --hint=$disk,gpt{partition_layout.SYSTEM} --fs-uuid --set=root {system}\n"
        "set prefix=($root)/boot/grub\n"
    )


def bios_early_config() -> str:
    """Return the configuration embedded in the core for BIOS, the same on all hosts: it runs what is in :data:`EARLY_SECTOR`.

    The core is compressed, which costs more than all else of the boot loaders. So it is made with the image, and what differs
    between hosts, :func:`early_config`, is next to it on the disk that the firmware started: on BIOS, ``root`` is that disk at
    first, and ``cmdpath`` is not set.
    """
    return f"set disk=$root\nsource ($root){EARLY_SECTOR}+1\n"
