"""First-boot steps ``consoles`` and ``keyboard``.

Logins on serial lines, and the console's key map.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from answerfiles.known_names.key_maps import xkb_layout
from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS

if TYPE_CHECKING:
    from firstboot.host import Host

KEY_MAP = "etc/dom0kit/console.kmap"
KEY_MAP_SERVICE = "dom0kit-keyboard.service"
GETTYS = tuple(f"serial-getty@{line}.service" for line in ("hvc0", "ttyS0", "ttyS1"))


def keyboard_text(layout: str, variant: str) -> str:
    """Return ``/etc/default/keyboard`` (keyboard(5)) for setupcon(1)."""
    lines = {"XKBMODEL": "pc105", "XKBLAYOUT": layout, "XKBVARIANT": variant, "XKBOPTIONS": "", "BACKSPACE": "guess"}
    return "".join(f'{name}="{value}"\n' for name, value in lines.items())


def keyboard(host: Host) -> None:
    """Compile the console's key map once; a unit of its own loads it at each boot.

    console-setup's units stay masked: they compile the map at each boot, which takes seconds. A key map that cannot be
    made is a warning and the kernel's own, which is American, stays: a host must not fail for the keys of a console.
    """
    wanted = host.answers.keyboard
    layout, variant = xkb_layout(wanted)
    if (layout, variant) == ("us", "") and not host.path(KEY_MAP).exists():
        host.write("etc/default/keyboard", keyboard_text(layout, variant))
        return  # the kernel's own
    text, reason = compiled(host, layout, variant)
    if reason:
        host.warnings.append(f"the console keeps the key map us: {wanted} cannot be made ({reason})")
        return
    host.write("etc/default/keyboard", keyboard_text(layout, variant))
    host.write(KEY_MAP, text)
    host.run(["systemctl", "--no-block", "restart", KEY_MAP_SERVICE], check=False)


def compiled(host: Host, layout: str, variant: str) -> tuple[str, str]:
    """Return a key map for loadkeys(1), or the reason why ckbcomp(1) made none."""
    words = ["ckbcomp", "-compact", "-model", "pc105", "-layout", layout, *(["-variant", variant] if variant else [])]
    try:
        result = host.run(words, check=False, timeout=COMMAND_SECONDS)
    except UserError as error:
        return "", error.message.splitlines()[0]
    # For an unknown variant ckbcomp only warns and uses the plain layout.
    missing = [line for line in result.errors.splitlines() if "an not find" in line]
    if result.returncode != 0 or missing:
        return "", missing[0] if missing else f"ckbcomp ended with {result.returncode}"
    return result.output, ""


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
