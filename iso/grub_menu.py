"""GRUB's menu as a pure function of what the ISO is called and how dom0 starts."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

ESP_MARKER = "/EFI/BOOT/dom0kit.iso"
"""A file in the UEFI image: distinguishes this medium's EFI partition from one on a local disk."""

UNATTENDED = "/boot/grub/unattended.cfg"
EMBEDDED_ANSWERS = "/answers/answers.yaml"
"""Two files of fixed size that hold blank lines until ``dom0kit answers embed`` writes into them (:mod:`iso.embed_answers`)."""

SCREEN_LAST = "console=ttyS{port},115200n8 console=tty0"
SERIAL_LAST = "console=tty0 console=ttyS{port},115200n8"
"""Linux makes the last console /dev/console: where the installer talks. ``{port}`` is 0 for COM1, 1 for COM2."""
FOUND_PORT = "${dom0kit_com}"
"""GRUB's variable with the first serial port that the machine has."""

XEN_ARGUMENTS = "console=vga,com1 com1=115200,8n1 ucode=scan noreboot"
"""``ucode=scan``: the processor's microcode is in the initial RAM disk, and Debian's Xen looks there only with this argument.
``noreboot``: Xen's last words stay readable, and a machine with a broken medium does not boot in circles."""


@dataclass(frozen=True)
class MenuOptions:
    """Options of an ISO's menu.

    :param timeout: seconds until the default entry, the interactive installer, starts; -1 waits for ever.
    :param dom0_memory: Xen's ``dom0_mem=`` argument for the entries under Xen.
    """

    timeout: int = 20
    dom0_memory: str = "dom0_mem=1024M,max:1024M"


def template(name: str) -> Template:
    """Render a template of this package; an undefined variable is an error."""
    # Not HTML: escaping would damage the arguments.
    environment = Environment(
        loader=PackageLoader("iso"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def marker_path(image_id: str) -> str:
    """Return the file by which GRUB finds its medium (embedded configuration in image/elements/dom0-boot)."""
    return f"/boot/grub/{image_id}.id"


def render_menu(*, volume_id: str, image_id: str, title: str, options: MenuOptions | None = None) -> str:
    """Return the text of ``/boot/grub/grub.cfg``.

    :param volume_id: the ISO's volume identifier, by which the initial RAM disk finds the medium.
    :param image_id: 16 hexadecimal digits of the manifest.
    :param title: product and version, shown in the menu.
    :raises jinja2.UndefinedError: when the template names something that is not given here.
    """
    chosen = options or MenuOptions()
    return template("grub.cfg.j2").render(
        medium=True,
        volume_id=volume_id,
        title=title,
        timeout=chosen.timeout,
        dom0_memory=chosen.dom0_memory,
        xen_arguments=XEN_ARGUMENTS,
        screen_last=SCREEN_LAST.format(port=FOUND_PORT),
        serial_last=SERIAL_LAST.format(port=FOUND_PORT),
        serial2_last=SERIAL_LAST.format(port=1),
        marker=marker_path(image_id),
        esp_marker=ESP_MARKER,
        unattended=UNATTENDED,
        embedded_answers=EMBEDDED_ANSWERS,
    )
