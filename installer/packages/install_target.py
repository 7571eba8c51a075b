"""Packages on the host's disk: store them, install them into its root, add their drivers to its initramfs."""

from __future__ import annotations

from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import copy_durable, sha256_file, sync_folder, write_atomic, write_json
from dom0kit.linux import host_initramfs
from dom0kit.process import CommandFailed
from installer.command_log import Commands
from installer.model import deb_package
from installer.model.actions import AddPackages
from installer.packages.install_live import DPKG, DPKG_SECONDS
from installer.packages.package_store import QUIET

KEPT = "packages"
RECORD = "packages.json"
INDEX = ("modules.dep.bin", "modules.alias.bin", "modules.symbols.bin", "modules.softdep")
"""Module indexes for modprobe and udev (modprobe(8), libkmod). They list all modules of the host, also those
missing in the initramfs: a look-up then ends at a missing file instead of an unknown name."""
ROOT = rf"""
# In its own namespace: all mounts and processes end with it.
set -e
system=$1 image=$2 kernel=$3
top=/run/dom0kit/host
mkdir -p $top
mount -t tmpfs none $top
mkdir $top/image $top/root
mount -t squashfs -o ro,loop "$system/images/$image/dom0.squashfs" $top/image
state=$system/state/$image
mount -t overlay -o "lowerdir=$top/image,upperdir=$state/upper,workdir=$state/work" none $top/root
mount -t proc proc $top/root/proc
mount -t sysfs -o ro sysfs $top/root/sys
mount --rbind /dev $top/root/dev
mount -t tmpfs none $top/root/run
mkdir $top/root/run/packages
mount --bind "$state/{KEPT}" $top/root/run/packages
mount --bind $top/root/usr/bin/true $top/root/usr/sbin/update-initramfs
trap 'rm -f $top/root/usr/sbin/policy-rc.d' EXIT
printf '#!/bin/sh\nexit 101\n' >$top/root/usr/sbin/policy-rc.d
chmod 755 $top/root/usr/sbin/policy-rc.d
chroot $top/root sh -c '{DPKG} /run/packages/*.deb'
[ -z "$kernel" ] || chroot $top/root depmod "$kernel"
"""


def add(action: AddPackages, system: Path, commands: Commands) -> None:
    """Store the packages next to the host's state and install them into its root.

    :param system: mount point of the system's file system.
    :raises UserError: when dpkg fails, although it succeeded in the installer.
    """
    state = system / "state" / action.image
    folder = state / KEPT
    folder.mkdir(parents=True, exist_ok=True)
    for source, package in zip(action.files, action.packages, strict=True):
        copy_durable(Path(source), folder / package.file)
        if sha256_file(folder / package.file) != package.sha256:
            raise UserError(
                f"{package.file} differs on the disk from what was written", "replace the disk or its cable, which lose data"
            )
    write_json(state / RECORD, {"kernel": action.kernel, "packages": [package.to_json() for package in action.packages]})
    sync_folder(folder)
    kernel = action.kernel if any(package.modules for package in action.packages) else ""
    words = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "sh", "-c", ROOT, "sh"]
    try:
        commands([*words, system, action.image, kernel], env=QUIET, timeout=DPKG_SECONDS)
    except CommandFailed as error:
        raise UserError("the packages cannot be installed on the host", "see the log for the output of dpkg") from error


def note_early(action: AddPackages, upper: Path, base: Path) -> tuple[str, ...]:
    """Write the list of package files for the host's initramfs, which ``hostpart.collect`` reads.

    :param upper: the host's own files; ``base`` the image's.
    :returns: paths without leading slash; empty if the packages have neither drivers nor firmware.
    """
    files = early_files(action, upper, base)
    if not files:
        return ()
    names = dict.fromkeys(
        name
        for package in action.packages
        for path in package.settings
        if deb_package.MODULES_LOAD.fullmatch(path)
        for name in deb_package.load_names(read(upper, base, path))
    )
    (upper / host_initramfs.FILES).parent.mkdir(parents=True, exist_ok=True)
    if names:
        write_atomic(upper / host_initramfs.LOAD, "\n".join(names) + "\n")
        files = (*files, host_initramfs.LOAD)
    write_atomic(upper / host_initramfs.FILES, "\n".join(files) + "\n")
    return files


def early_files(action: AddPackages, upper: Path, base: Path) -> tuple[str, ...]:
    """Return drivers with their dependencies, the kernel's module indexes, firmware, and modprobe settings."""
    firmware = tuple(path for package in action.packages for path in package.firmware)
    folder = f"usr/lib/modules/{action.kernel}/"
    modules = tuple(path.removeprefix(folder) for package in action.packages for path in package.for_kernel(action.kernel))
    if not modules and not firmware:
        return ()
    whole = deb_package.closure(deb_package.parse_dep(read(upper, base, f"{folder}modules.dep")), modules)
    index = INDEX if modules else ()
    settings = tuple(path for package in action.packages for path in package.settings if deb_package.MODPROBE.fullmatch(path))
    return tuple(dict.fromkeys((*(folder + name for name in (*whole, *index)), *firmware, *settings)))


def read(upper: Path, base: Path, name: str) -> str:
    """Return the text of a file as the host will see it; "" if it is missing."""
    return next(((root / name).read_text() for root in (upper, base) if (root / name).is_file()), "")
