"""The texts that GRUB reads, rendered from templates. Pure."""

from __future__ import annotations

import uuid
from pathlib import Path

import jinja2

from installer.manifest import Manifest

TEMPLATES = Path(__file__).parent / "templates"


def _render(name: str, **values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 -- the output is a GRUB script, HTML escapes would break it
    )
    return environment.get_template(name).render(**values)


def installed_menu(manifest: Manifest, system: uuid.UUID) -> str:
    """The ``grub.cfg`` of an installed host, the same for BIOS and UEFI."""
    return _render(
        "grub.cfg.j2",
        product=manifest.product,
        version=manifest.version,
        uuid=str(system),
        dom0_memory=manifest.dom0_memory_mib,
    )


def unfinished_menu(manifest: Manifest) -> str:
    """The ``grub.cfg`` that stands in until the installation is complete."""
    return _render("unfinished.cfg.j2", product=manifest.product, version=manifest.version)


def early_config(system: uuid.UUID) -> str:
    """What GRUB's core executes before it can read a menu: finds the system's file system by its UUID.

    Only plain commands: GRUB reads it with its rescue parser, which knows no ``if``.
    """
    return f"search --no-floppy --fs-uuid --set=root {system}\nset prefix=($root)/boot/grub\n"
