"""First-boot steps ``consoles`` and ``keyboard``.

Logins on serial lines, and the console's key map.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS

if TYPE_CHECKING:
    from firstboot.host import Host

KEY_MAP = "etc/dom0kit/console.kmap"
KEY_MAP_SERVICE = "dom0kit-keyboard.service"
LAYOUTS = {
    "br-abnt2": ("br", ""),
    "cf": ("ca", ""),
    "fr_CH": ("ch", "fr"),
    "sg": ("ch", "de"),
    "jp106": ("jp", ""),
    "la": ("latam", ""),
    "sv": ("se", ""),
    "uk": ("gb", ""),
    "by": ("by", ""),
    "slovene": ("si", ""),
    "croat": ("hr", ""),
    "dvorak": ("us", "dvorak"),
    "colemak": ("us", "colemak"),
}
"""Key map names of loadkeys(1) that are not layouts of the XKB database."""
GETTYS = tuple(f"serial-getty@{line}.service" for line in ("hvc0", "ttyS0", "ttyS1"))


def xkb_layout(key_map: str) -> tuple[str, str]:
    """Return the XKB layout and variant for a key map's name; the variant may be empty.

    Debian's kbd has no key maps; they are made from the XKB database. ``de-latin1``, ``fr-latin9``
    and ``pt-latin1-nodeadkeys`` are the traditional names; ``de-neo`` and ``us-intl`` name a layout
    and its variant.
    """
    plain = re.sub(r"-(latin[0-9]+|utf-?8|pc)(?=-|$)", "", key_map)
    if plain in LAYOUTS:
        return LAYOUTS[plain]
    layout, _, variant = plain.partition("-")
    layout, fixed = LAYOUTS.get(layout, (layout, ""))
    return layout, variant or fixed


def keyboard_text(layout: str, variant: str) -> str:
    """Return ``/etc/default/keyboard`` (keyboard(5)) for setupcon(1)."""
    lines = {"XKBMODEL": "pc105", "XKBLAYOUT": layout, "XKBVARIANT": variant, "XKBOPTIONS": "", "BACKSPACE": "guess"}
    return "".join(f'{name}="{value}"\n' for name, value in lines.items())


def keyboard(host: Host) -> None:
    """Compile the console's key map once; a unit of its own loads it at each boot.

    console-setup's units stay masked: they compile the map at each boot, which takes seconds.

    :raises UserError: when the XKB database of this image has no such layout or variant.
    """
    wanted = host.answers.keyboard
    layout, variant = xkb_layout(wanted)
    host.write("etc/default/keyboard", keyboard_text(layout, variant))
    if (layout, variant) == ("us", "") and not host.path(KEY_MAP).exists():
        return  # the kernel's own
    words = ["ckbcomp", "-compact", "-model", "pc105", "-layout", layout, *(["-variant", variant] if variant else [])]
    result = host.run(words, check=False, timeout=COMMAND_SECONDS)
    # For an unknown variant ckbcomp only warns and uses the plain layout.
    if result.returncode != 0 or "an not find" in result.errors:
        hint = "set keyboard in /etc/dom0kit/host.json to a layout of /usr/share/X11/xkb/symbols, such as de or de-nodeadkeys"
        raise UserError(f"this image has no key map {wanted}", hint)
    host.write(KEY_MAP, result.output)
    host.run(["systemctl", "--no-block", "restart", KEY_MAP_SERVICE])


def consoles(host: Host) -> None:
    """Disable logins on serial lines when no serial console is configured.

    That includes Xen's console, which is on the same line. Otherwise systemd starts them
    automatically: on ``hvc0`` under Xen, whichever line Xen uses, and on the kernel's ``console=``.
    """
    folder = host.path("etc/systemd/system")
    off = host.answers.serial_console == "none"
    changed = False
    for name in GETTYS:
        mask = folder / name
        masked = mask.is_symlink()
        if off and not masked:
            folder.mkdir(parents=True, exist_ok=True)
            mask.symlink_to("/dev/null")
        elif not off and masked:
            mask.unlink()
        changed |= masked != off
    if changed:
        host.run(["systemctl", "daemon-reload"])
        if off:
            host.run(["systemctl", "stop", *GETTYS], check=False)
