"""The texts of the network-boot tree."""

from __future__ import annotations

import pytest

from dom0kit.errors import UserError
from iso import netboot_menus

TREE = netboot_menus.Tree("http://192.0.2.1:8080/lab", "0123456789abcdef", "dom0kit 0.1.0")


def test_grub_finds_its_host_and_then_the_disk_or_the_installation() -> None:
    text = netboot_menus.grub_cfg(TREE)
    assert 'set dom0kit_files="(http,192.0.2.1:8080)/lab/"' in text
    assert (
        "dom0kit.image=http://192.0.2.1:8080/lab/images/0123456789abcdef dom0kit.mode=install "
        "cryptomgr.notests dom0kit.armed=$dom0kit_armed $dom0kit_arguments retain_initrd" in text
    )
    assert text.index("set default=local") < text.index("armed/$dom0kit_host.cfg") < text.index("set default=host")
    assert "search --no-floppy --set=esp --file /EFI/dom0kit/grubx64.efi" in text
    assert "{{" not in text
    assert "dom0kit.iso" not in text
    assert text.count("{\n") == text.count("\n}") + text.count("\n    }")


def test_grub_knows_no_https() -> None:
    tree = netboot_menus.Tree("https://192.0.2.1", TREE.id, TREE.title, "ab" * 32)
    text = netboot_menus.grub_cfg(tree)
    assert 'set dom0kit_files="$dom0kit_base"' in text
    assert f"dom0kit.trust=sha256:{'ab' * 32}" in text


def test_ipxe() -> None:
    text = netboot_menus.boot_ipxe(TREE)
    assert text.startswith("#!ipxe\n")
    assert "set base http://192.0.2.1:8080/lab\n" in text
    assert "boot/hosts/mac-${netX/mac:hexhyp}.ipxe" in text
    assert "chain --autofree ${base}/armed/${dom0kit-host}.ipxe ||\nisset ${dom0kit-armed} || goto unarmed" in text
    for label in ("menu", "host", "linux", "failed", "unarmed", "local", "install", "live", "rescue"):
        assert f"\n:{label}\n" in text


def test_a_hosts_files() -> None:
    arguments = netboot_menus.host_arguments(
        TREE, "xen1.secret.yaml", report="http://192.0.2.1/report/xen1", consoles="console=tty0", extra="a=1  b"
    )
    assert arguments == (
        "dom0kit.answers=http://192.0.2.1:8080/lab/answers/xen1.secret.yaml "
        "dom0kit.report=http://192.0.2.1/report/xen1 console=tty0 a=1 b"
    )
    assert netboot_menus.host_cfg("xen1", "x") == 'set dom0kit_host=xen1\nset dom0kit_arguments="x"\n'
    assert netboot_menus.host_ipxe("xen1", "x") == "#!ipxe\nset dom0kit-host xen1\nset dom0kit-arguments x\n"
    assert netboot_menus.host_names([("mac", "52:54:00:00:00:01"), ("serial", "S1")]) == ["mac-52-54-00-00-00-01", "serial-S1"]


@pytest.mark.parametrize(
    "text", ["", "192.0.2.1", "ftp://a", "http://", "http://a b", "http://u:p@a", "http://a/$x", "http://a/x?y", "http://a//x"]
)
def test_urls_that_boot_loaders_could_not_use(text: str) -> None:
    with pytest.raises(UserError, match="--url"):
        netboot_menus.parse_url(text)


def test_urls() -> None:
    for text in ("http://192.0.2.1", "http://[fd00::1]:8080/x", "https://boot.example/a/b"):
        assert netboot_menus.parse_url(text + "/") == text


def test_grub_asks_for_files_in_the_one_way_that_works_over_the_network() -> None:
    own = netboot_menus.grub_cfg(TREE).split('menuentry "Boot from the local disk"')
    assert "-f " not in own[0].replace("-f finds nothing", "")
    assert own[0].count("-s ") == 4
