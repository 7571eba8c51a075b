"""Install packages into the running installer, so that a driver's disk or network card appears.

The running system is the same image that the host gets, with its overlay in RAM: what works here works there.
"""

from __future__ import annotations

from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux.udev import settle
from dom0kit.process import CommandFailed
from installer.answer_source.volumes import Tell
from installer.command_log import Commands
from installer.model import deb_package
from installer.model.deb_package import Package
from installer.packages.package_store import QUIET, STAGE, kernel, quiet

DPKG_SECONDS = 14400
"""Install packages with dpkg.

Kind: cap. Reason: maintainer scripts may build modules. Expiry: the command is killed, and the error names it and the time.
"""
MODULES_LOAD = "/usr/lib/systemd/systemd-modules-load"
DPKG = "dpkg --install --force-confdef --force-confold --force-unsafe-io"
HERE = rf"""
# In its own namespace: nothing detects systemd as running, so that no service starts; no initramfs is built.
set -e
mount -t tmpfs none /run/systemd
mount --bind /usr/bin/true /usr/sbin/update-initramfs
trap 'rm -f /usr/sbin/policy-rc.d' EXIT
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
{DPKG} "$@"
"""


def install_here(packages: tuple[Package, ...], commands: Commands, report: Tell = quiet, stage: Path = STAGE) -> None:
    """Install packages into the running system, load drivers, and wait for their devices; skip installed ones.

    :raises UserError: when dpkg fails.
    """
    done = stage / "installed"
    known = done.read_text().split() if done.is_file() else []
    new = tuple(package for package in packages if package.sha256 not in known)
    if not new:
        return
    report(0.1, f"installing {', '.join(package.name for package in new)}")
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", HERE, "sh", *(package.file for package in new)]
    try:
        commands(words, env=QUIET, timeout=DPKG_SECONDS)
    except CommandFailed as error:
        text = dpkg_error(error.tail) or error.message
        raise UserError(f"the packages cannot be installed: {text}", "see the log for the output of dpkg") from error
    done.write_text("\n".join([*known, *(package.sha256 for package in new)]) + "\n")
    bring_up(new, commands, report)


def dpkg_error(text: str) -> str:
    """Return dpkg's first error with the next line, which has the reason; "" without errors."""
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines):
        if line.startswith(("dpkg: ", "dpkg-deb: ")):
            return " ".join([line.partition(": ")[2].removeprefix("error "), *lines[number + 1 : number + 2]])
    return ""


def bring_up(packages: tuple[Package, ...], commands: Commands, report: Tell, sysfs: Path = Path("/sys")) -> None:
    """Make new drivers known to the kernel and new rules to udev; probe devices without a driver again."""
    if any(package.modules for package in packages):
        report(0.5, "updating the driver index")
        commands(["depmod", kernel()])
    report(0.8, "probing devices of the new drivers")
    commands(["udevadm", "control", "--reload"], check=False)
    for start in range(0, len(idle := driverless(sysfs)), 64):
        commands(["udevadm", "trigger", "--action=add", *idle[start : start + 64]], check=False)
    if named := [f"/{path}" for package in packages for path in package.settings if deb_package.MODULES_LOAD.fullmatch(path)]:
        commands([MODULES_LOAD, *named], check=False)
    settle(commands, note=commands.note)


def driverless(sysfs: Path) -> list[str]:
    """Return the devices that have a modalias but no driver."""
    found = []
    for entry in sorted(sysfs.glob("bus/*/devices/*")):
        if (entry / "modalias").exists() and not (entry / "driver").exists():
            found.append(str(entry.resolve()))
    return found
