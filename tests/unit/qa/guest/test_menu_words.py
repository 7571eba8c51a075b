"""The kernel arguments that scenarios take from an installed host's boot menu, which boots without GRUB then."""

from __future__ import annotations

import uuid

import pytest
from installer_samples import manifest

from dom0kit.linux.boot_choice import values
from installer.bootloader.menus import host_settings, image_entry
from qa.errors import ScenarioFailed
from qa.guest.host_json import words_of_menu

SYSTEM = uuid.UUID("11111111-2222-4333-8444-555555555555")
PARTITION = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


@pytest.mark.parametrize("device", ["", "/dev/mapper/36000-part3"])
def test_the_words_of_the_installers_menu_have_the_partition_that_grub_would_put_in(device: str) -> None:
    image = manifest(version="1.2")
    settings = values(host_settings(image, SYSTEM, device=device))
    source = f"dev:{device}" if device else f"uuid:{SYSTEM}"
    words = f"boot=dom0kit dom0kit.image={source}:/images/{image.name} dom0kit.partition={PARTITION}"
    assert words_of_menu(image_entry(image), settings, PARTITION) == f"{words} dom0kit.state=/state/{image.name}"


def test_a_variable_without_a_value_is_refused() -> None:
    entry = "boot=dom0kit dom0kit.image=uuid:$other:/images/1 $host_root dom0kit.state=/state/1"
    with pytest.raises(ScenarioFailed, match=r"variables of GRUB"):
        words_of_menu(entry, {"host_source": "uuid:x"}, PARTITION)
