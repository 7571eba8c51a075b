"""The kernel arguments that scenarios take from an installed host's boot menu, which boots without GRUB then."""

from __future__ import annotations

import uuid

import pytest
from installer_samples import manifest

from installer.bootloader.menus import installed_menu
from qa.errors import ScenarioFailed
from qa.guest.host_json import words_of_menu

SYSTEM = uuid.UUID("11111111-2222-4333-8444-555555555555")
PARTITION = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


@pytest.mark.parametrize("device", ["", "/dev/mapper/36000-part3"])
def test_the_words_of_the_installers_menu_have_the_partition_that_grub_would_put_in(device: str) -> None:
    menu = installed_menu(manifest(version="1.2"), SYSTEM, device=device)
    source = f"dev:{device}" if device else f"uuid:{SYSTEM}"
    assert words_of_menu(menu, PARTITION) == (
        f"boot=dom0kit dom0kit.image={source}:/images/1.2 dom0kit.partition={PARTITION} dom0kit.state=/state/1.2"
    )


def test_a_variable_without_a_value_is_refused() -> None:
    with pytest.raises(ScenarioFailed, match=r"variables of GRUB"):
        words_of_menu("boot=dom0kit dom0kit.image=uuid:$other:/images/1 dom0kit.state=/state/1", PARTITION)
