"""The boot menu of an installed host as GRUB reads it."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from installer_samples import manifest
from loop_devices import output

from installer.bootloader import menus

SYSTEM = uuid.UUID(int=7)


@pytest.mark.parametrize(
    "text",
    [menus.host_menu(), menus.image_entry(manifest()), menus.unfinished_menu(manifest()), menus.early_config(SYSTEM)],
    ids=["host", "image", "unfinished", "early"],
)
def test_grub_takes_the_scripts(text: str, tmp_path: Path) -> None:
    script = tmp_path / "grub.cfg"
    script.write_text(text)
    output("grub-script-check", script)


def test_grub_reads_the_hosts_settings(tmp_path: Path) -> None:
    file = tmp_path / "host.env"
    file.write_bytes(menus.host_settings(manifest(), SYSTEM, mirror=True))
    listed = output("grub-editenv", file, "list").split()
    assert f"host_source=uuid:{SYSTEM}" in listed
    assert "host_mirror=yes" in listed
