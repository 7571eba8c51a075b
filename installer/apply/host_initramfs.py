"""Write the host-specific initramfs overlay for multipath and iSCSI, and verify it."""

from __future__ import annotations

import shutil
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import sync_folder, write_atomic, write_json
from dom0kit.linux import host_initramfs
from installer.apply.image_copy import drop_cache
from installer.command_log import Commands
from installer.model.actions import WriteHostPart
from installer.packages import install_target
from installer.storage_network import iscsi_host_config

IMAGE_ROOT = Path("/run/dom0kit/squashfs")
LVM_TEXT = """# Written by the installer of dom0kit: LVM looks at the devices in /etc/lvm/devices/system.devices alone,
# see lvmdevices(8). It names multipath disks by their map: a path can never be taken for a physical volume.
devices {
    use_devicesfile = 1
}
"""


def write_host_part(action: WriteHostPart, system: Path, commands: Commands, image_root: Path = IMAGE_ROOT) -> None:
    """Write the files to the host's root and as an archive at the end of initrd.img, then verify it.

    :param system: mount point of the system's file system.
    :param image_root: the unmodified image; this system's own ``/etc`` may differ.
    :raises UserError: when the host could not find its root with it.
    """
    upper = system / "state" / action.image / "upper"
    base = image_root if (image_root / "etc").is_dir() else Path("/")
    if action.maps:
        put(upper, host_initramfs.WWIDS, host_initramfs.wwids_text(action.maps, (base / host_initramfs.WWIDS).read_text()))
    if action.policy:
        put(upper, host_initramfs.POLICY, action.policy)
    if action.early is not None:
        install_target.note_early(action.early, upper, base)
    if action.group is not None:
        write_lvm(upper, action.group, commands)
    if action.iscsi is not None:
        iscsi_host_config.write(action.iscsi, upper, put)
    files = host_initramfs.collect(upper, base)
    refuse(problems(files, action))
    initrd = system / "images" / action.image / action.initrd.name
    written = host_initramfs.write(initrd, action.initrd.size, action.initrd.sha256, host_initramfs.make(files, 0))
    # What is read back must come from the disk and not from memory.
    drop_cache(initrd)
    if host_initramfs.read(initrd, action.initrd.size) != files:
        raise UserError(f"{initrd} differs from what was written", "replace the disk or its cable, which lose data")
    write_json(system / "state" / action.image / host_initramfs.RECORD, written.record(files))
    commands.note(f"{initrd} has an overlay of {written.size - written.image_size} bytes: {', '.join(sorted(files))}")


def problems(files: dict[str, bytes], action: WriteHostPart) -> list[str]:
    """Return why the host would not find its root."""
    return host_initramfs.problems(files, action.needed) + (
        iscsi_host_config.problems(files, action.iscsi) if action.iscsi else []
    )


def refuse(found: list[str]) -> None:
    """Fail the installation rather than the first boot.

    :raises UserError: when there are problems.
    """
    if found:
        raise UserError(
            f"the host's initramfs would not find its disk: {'; '.join(found)}",
            "rebuild the image: it lacks parts of multipath or iSCSI",
        )


def put(upper: Path, name: str, text: str, mode: int = 0o644) -> None:
    """Write a file of the host's root, creating parent folders."""
    path = upper / name
    for folder in reversed(path.relative_to(upper).parents):
        (upper / folder).mkdir(exist_ok=True)
        (upper / folder).chmod(0o755)
    write_atomic(path, text, mode)


def write_lvm(upper: Path, group: str, commands: Commands) -> None:
    """Write LVM's device list: the physical volumes of the guests' group, as visible now."""
    live = Path("/") / host_initramfs.LVM_DEVICES
    live.unlink(missing_ok=True)
    commands(["lvm", "vgimportdevices", "--config", "devices/use_devicesfile=1", group])
    put(upper, host_initramfs.LVM_DEVICES, live.read_text())
    put(upper, host_initramfs.LVM_LOCAL, LVM_TEXT)
    live.unlink()
    shutil.rmtree(live.parent / "backup", ignore_errors=True)
    sync_folder((upper / host_initramfs.LVM_DEVICES).parent)
