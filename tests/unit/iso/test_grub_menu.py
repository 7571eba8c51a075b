"""The menu's text, without GRUB."""

from __future__ import annotations

import re
import string
from importlib.resources import files

import pytest
from jinja2 import Environment, StrictUndefined, UndefinedError

from iso.grub_menu import MenuOptions, marker_path, render_menu
from iso.netboot_menus import Tree, grub_cfg

GRUB = render_menu(volume_id="DOM0KIT_01234567", image_id="0123456789abcdef", title="dom0kit 0.1.0")


def entry(name: str) -> list[str]:
    """Return the lines of one menu entry, stripped."""
    found = re.search(rf'^menuentry "[^"]+" --id {name} [^\n]*{{\n(.*?)^}}', GRUB, re.MULTILINE | re.DOTALL)
    assert found, name
    return [line.strip() for line in found[1].splitlines()]


def test_entries_in_order() -> None:
    assert re.findall(r"--id ([\w-]+)", GRUB) == [
        "unattended",
        "install",
        "install-serial",
        "install-serial2",
        "install-xen",
        "live-xen",
        "live",
        "rescue",
        "local",
        "memtest",
        "firmware",
    ]


def test_hotkeys_are_used_once() -> None:
    keys = re.findall(r"--hotkey=(\w)", GRUB)
    # c and e are GRUB's own
    assert len(keys) == len(set(keys))
    assert not {"c", "e"} & set(keys)


@pytest.mark.parametrize(
    ("name", "mode", "consoles"),
    [
        ("install", "install", "console=ttyS${dom0kit_com},115200n8 console=tty0"),
        ("install-serial", "install", "console=tty0 console=ttyS${dom0kit_com},115200n8"),
        ("install-serial2", "install", "console=tty0 console=ttyS1,115200n8"),
        ("live", "live", "console=ttyS${dom0kit_com},115200n8 console=tty0"),
        ("rescue", "rescue", "console=ttyS${dom0kit_com},115200n8 console=tty0"),
    ],
)
def test_linux_entries(name: str, mode: str, consoles: str) -> None:
    arguments = f"boot=dom0kit dom0kit.image=iso:DOM0KIT_01234567:/dom0kit dom0kit.mode={mode}"
    arguments += f" cryptomgr.notests {consoles} ${{dom0kit_args}}"
    assert f"linux /dom0kit/vmlinuz {arguments}" in entry(name)
    assert "initrd /dom0kit/initrd.img" in entry(name)


@pytest.mark.parametrize(("name", "mode"), [("install-xen", "install"), ("live-xen", "live")])
def test_xen_entries(name: str, mode: str) -> None:
    arguments = f"boot=dom0kit dom0kit.image=iso:DOM0KIT_01234567:/dom0kit dom0kit.mode={mode}"
    arguments += " cryptomgr.notests console=tty0 console=hvc0"
    assert [line for line in entry(name) if not line.startswith("echo")] == [
        "multiboot2 /dom0kit/xen.gz dom0_mem=1024M,max:1024M console=vga,com1 com1=115200,8n1 ucode=scan noreboot",
        f"module2 /dom0kit/vmlinuz {arguments} ${{dom0kit_args}}",
        "module2 --nounzip /dom0kit/initrd.img",
    ]


def test_every_linux_line_takes_the_sticks_arguments() -> None:
    lines = [line for line in GRUB.splitlines() if "/dom0kit/vmlinuz" in line]
    assert len(lines) == 8
    assert all(line.endswith(" ${dom0kit_args}") for line in lines)


def test_defaults_come_before_the_stick_is_read() -> None:
    assert GRUB.index("set default=install\n") < GRUB.index("set timeout=20\n") < GRUB.index('source "($answers)/boot.cfg"')


def test_options() -> None:
    text = render_menu(
        volume_id="V", image_id="f" * 16, title="t", options=MenuOptions(timeout=-1, dom0_memory="dom0_mem=2G,max:2G")
    )
    assert "set timeout=-1\n" in text
    assert text.count("xen.gz dom0_mem=2G,max:2G console") == 2
    assert marker_path("f" * 16) in text


def test_blocks_are_closed() -> None:
    words = re.sub(r'"[^"]*"', '""', re.sub(r"^\s*#.*$", "", GRUB, flags=re.MULTILINE)).split()
    assert words.count("if") == words.count("fi")
    assert words.count("for") == words.count("done")
    assert GRUB.count("{\n") == len(re.findall(r"^\s*}$", GRUB, re.MULTILINE))


def test_a_missing_variable_is_an_error() -> None:
    source = files("iso").joinpath("templates/grub.cfg.j2").read_text()
    with pytest.raises(UndefinedError):
        Environment(undefined=StrictUndefined).from_string(source).render(title="t")


def test_only_characters_that_a_serial_line_shows() -> None:
    assert set(GRUB) <= set(string.printable)


def test_a_machine_with_only_the_second_serial_port_has_its_menu_and_consoles_there() -> None:
    """M4: `serial` fails for a port that is not there."""
    for text in (GRUB, grub_cfg(Tree("http://192.0.2.1", "0" * 16, "t"))):
        first, second = (
            text.index("serial --unit=0 --speed=115200; then"),
            text.index("elif serial --unit=1 --speed=115200; then"),
        )
        assert text.index("set dom0kit_com=0\n") < first < second < text.index("set dom0kit_com=1\n")
        assert "console=ttyS0" not in text.replace("memtest.efi console=ttyS0", "").replace("memtest.bin console=ttyS0", "")


@pytest.mark.parametrize("text", [GRUB, grub_cfg(Tree("http://192.0.2.1", "0" * 16, "t"))], ids=["medium", "network"])
def test_the_disk_of_an_installed_host_is_started_once(text: str) -> None:
    request = text.index('if [ "$dom0kit_start_disk" = yes ]; then')
    assert (
        request
        < text.index("set dom0kit_start_disk=no")
        < text.index("save_env --file", request)
        < text.index("set default=local", request)
    )
    local = text[text.index("--id local") :]
    assert local.index("set root=$dom0kit_esp") < local.index("--file /EFI/dom0kit/grubx64.efi")
    assert local.index('regexp --set=1:disk "^([^,]+)" "$dom0kit_esp"') < local.index("--label dom0kit-system")
