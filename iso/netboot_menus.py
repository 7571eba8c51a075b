"""The texts of the network-boot tree as pure functions: GRUB's and iPXE's configuration, for all hosts and for one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from dom0kit.errors import UserError
from iso.grub_menu import FOUND_PORT, SCREEN_LAST, SERIAL_LAST, template

HOST_TIMEOUT = 5
"""Seconds in which a user at a known host's console can choose another entry."""
MENU_TIMEOUT = 60
"""Seconds until an unknown machine starts its disk."""
URL = re.compile(r"https?://(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d{1,5})?(?:/[A-Za-z0-9._~+/-]*)?")


TOP_CFG = """\
# GRUB for UEFI that was started by proxy DHCP knows its server, but not the folder that it came from: it looks here.
set prefix="$prefix/boot"
source "$prefix/grub.cfg"
"""
"""``grub.cfg`` at the tree's top."""

NO_MODULES = {f"boot/x86_64-efi/{name}.lst": "#\n" for name in ("command", "crypto", "fs", "terminal")}
"""GRUB has everything built in, but asks for the lists of its modules all the same, and over HTTP it prints an error for one
that is not there. A line without a colon names no module; an empty file would count as missing."""


@dataclass(frozen=True)
class Tree:
    """Settings that the boot files of a tree share.

    :param url: where the tree is served, without a slash at its end.
    :param id: the image's id, 16 hexadecimal digits: the name of its folder.
    :param title: product and version.
    :param trust: SHA-256 of the server's certificate; empty without.
    """

    url: str
    id: str
    title: str
    trust: str = ""


def parse_url(text: str) -> str:
    """Return the normalized URL of a tree.

    :raises UserError: when boot loaders could not use it.
    """
    if not URL.fullmatch(text) or "//" in text.partition("://")[2]:
        raise UserError(
            f"--url {text} is not an address that boot loaders read", "write it as http://192.0.2.1 or http://192.0.2.1:8080/path"
        )
    return text.rstrip("/")


def grub_url(url: str) -> str:
    """Return the URL in GRUB's syntax, with a slash at its end.

    ``http://192.0.2.1:8080/x`` is ``(http,192.0.2.1:8080)/x/``.

    Empty for https, which GRUB cannot.
    """
    parts = urlsplit(url)
    if parts.scheme != "http":
        return ""
    return f"(http,{parts.netloc}){parts.path.rstrip('/')}/"


def grub_cfg(tree: Tree) -> str:
    """``boot/grub.cfg``."""
    return template("net-grub.cfg.j2").render(
        **_common(tree, FOUND_PORT),
        medium=False,
        grub_url=grub_url(tree.url),
        host_timeout=HOST_TIMEOUT,
        esp_marker="",
        marker="",
    )


def boot_ipxe(tree: Tree) -> str:
    """``boot/boot.ipxe``."""
    return template("boot.ipxe.j2").render(**_common(tree, "0"))


def _common(tree: Tree, port: str) -> dict[str, object]:
    trust = f" dom0kit.trust=sha256:{tree.trust}" if tree.trust else ""
    return {
        "url": tree.url,
        "id": tree.id,
        "title": tree.title,
        "menu_timeout": MENU_TIMEOUT,
        "screen_last": SCREEN_LAST.format(port=port) + trust,
        "serial_last": SERIAL_LAST.format(port=port) + trust,
        "serial2_last": SERIAL_LAST.format(port=1) + trust,
    }


def host_arguments(tree: Tree, answers: str, *, report: str, consoles: str, extra: str) -> str:
    """Return the kernel arguments that only this host has.

    :param answers: the name of the file with its answers.
    """
    words = [f"dom0kit.answers={tree.url}/answers/{answers}"]
    words += [f"dom0kit.report={report}"] if report else []
    words += [f"dom0kit.trust=sha256:{tree.trust}"] if tree.trust else []
    return " ".join([*words, consoles, *extra.split()])


def host_cfg(host: str, arguments: str) -> str:
    """``boot/hosts/….cfg``: what ``boot/grub.cfg`` wants to know about a host."""
    return f'set dom0kit_host={host}\nset dom0kit_arguments="{arguments}"\n'


def host_ipxe(host: str, arguments: str) -> str:
    """``boot/hosts/….ipxe``: the same for ``boot/boot.ipxe``."""
    return f"#!ipxe\nset dom0kit-host {host}\nset dom0kit-arguments {arguments}\n"


def host_names(identities: list[tuple[str, str]]) -> list[str]:
    """Return the names of a host's boot files without suffix, from pairs as ``("mac", "52:54:00:12:34:56")``."""
    return [f"{kind}-{value.replace(':', '-') if kind == 'mac' else value}" for kind, value in identities]
