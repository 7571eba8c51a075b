"""Codes of the reasons why the installer rejects a disk, a network card or a whole installation (pure)."""

from __future__ import annotations

from dom0kit.refusals import Refusal, RefusalTable

NAME_NOT_IN_IMAGE = Refusal(
    "name-not-in-image",
    "The answers name a time zone or a key map that this image does not have.",
    "Use a name of the image's `manifest.json`, or build the image with the package that has it.",
)
DISK_NOT_FOUND = Refusal(
    "disk-not-found",
    "Fewer disks match a selector than required. The message lists every disk with the reason why it does not match.",
    "Correct the selector, connect the disk, or add the driver of its controller.",
)
DISK_AMBIGUOUS = Refusal(
    "disk-ambiguous",
    "More disks match a selector than required. The message lists every disk.",
    "Make the selector more specific, for example with `serial` or `wwn`.",
)
DISK_IS_PATH = Refusal(
    "disk-is-path",
    "A selector names a single path of a multipath disk.",
    "Select the multipath disk, which the message names.",
)
DISK_SELECTED_TWICE = Refusal(
    "disk-selected-twice",
    "Several selectors under `target` and `guests` match the same disk.",
    "Give each selector a disk of its own.",
)
DISK_DUPLICATE = Refusal(
    "disk-duplicate",
    "Two block devices have the same valid WWN and nothing tells them apart; or the same serial number, and both are selected "
    "or one is a multipath disk. They are, or may be, paths to one disk that multipath did not combine. Writing to both would "
    "destroy it.",
    "Find the cause with `multipath -v3`.",
)
DISK_UNREADABLE = Refusal(
    "disk-unreadable",
    "One end of the disk cannot be read, so its content is unknown. The message has the error and its position. "
    "`target.wipe` does not allow to erase it.",
    "See `dmesg`; unlock, repair or replace the disk, or select another one.",
)
DISK_UNUSABLE = Refusal(
    "disk-unusable",
    "The device can never be a target: a hardware area of an eMMC, a disk without a medium, or one with sectors of 520 bytes, "
    "which Linux does not support.",
    "Select another disk. Format disks of storage arrays with `sg_format --format --size=512`, which erases them.",
)
DISK_USED_BY_RUN = Refusal(
    "disk-used-by-installation",
    "The installation itself reads answers, packages or a certificate from the disk.",
    "Select another disk, or copy the files to another medium.",
)
SET_SPANS_OTHER_DISKS = Refusal(
    "set-spans-other-disks",
    "A selected disk is a member of a RAID array, pool or file system that spans several disks, and another member is on a disk "
    "that is not selected: md, firmware RAID, btrfs, ZFS, bcache, Ceph, Windows' dynamic disks.",
    "Destroy the set with its own tools, select all of its disks, or select another disk.",
)
DISK_NOT_MULTIPATH = Refusal(
    "disk-not-multipath",
    "`san.multipath` is `required`, and a system disk is not a multipath map.",
    "Check the paths with `multipath -ll`, or change `san.multipath`.",
)
DISK_IN_USE = Refusal(
    "disk-in-use",
    "Something on the disk is in use: a file system, swap, an opened crypt device, a volume or partition that a program has "
    "open. The message names it. Nothing was changed.",
    "Unmount or close it, or select another disk.",
)
DISK_CHANGED = Refusal(
    "disk-changed",
    "Immediately before the first write, the disk has another serial number, WWN, size or content than when the plan was made.",
    "Find out what changed, then start the installation again.",
)
DEVICE_FAILED = Refusal(
    "device-failed",
    "A disk or the medium returned an error while the installer used it. The message names the device and the kernel's last "
    "lines.",
    "Replace the disk or its cable, or write the medium again.",
)
DISK_READ_ONLY = Refusal("disk-read-only", "The disk is write-protected.", "Remove the write protection, or select another disk.")
DISK_NOT_EMPTY = Refusal(
    "disk-not-empty",
    "The disk holds data: partitions, a file system, RAID members or volumes.",
    "Set `target.wipe: true` to erase it.",
)
DISK_TOO_SMALL = Refusal(
    "disk-too-small", "The disk is smaller than the partitions need.", "Use a larger disk, or set `guests: none`."
)
DISK_SECTORS_UNBOOTABLE = Refusal(
    "disk-sectors-unbootable",
    "A BIOS cannot boot from a disk whose sectors are not 512 bytes.",
    "Boot the machine with UEFI, or select another disk.",
)
DISK_SECTORS_DIFFER = Refusal(
    "disk-sectors-differ",
    "The disks of a mirror, or of the guests' volume group, have different sector sizes.",
    "Select disks with the same sector size.",
)
RAID_SPANS_OTHER_DISKS = Refusal(
    "raid-spans-other-disks",
    "A RAID array on a selected disk also uses a disk outside the selection.",
    "Stop the array first with `mdadm --stop` and `mdadm --zero-superblock`.",
)
VG_SPANS_OTHER_DISKS = Refusal(
    "volume-group-spans-other-disks",
    "A volume group on a selected disk also uses a disk outside the selection, and would become incomplete.",
    "Remove the volume group first with `vgremove`, or select another disk.",
)
VG_EXISTS = Refusal(
    "volume-group-exists",
    "A volume group with the configured name exists on another disk.",
    "Choose another name with `guests.volume_group`.",
)
OWN_INSTALLATION = Refusal(
    "own-installation",
    "The disk carries a finished installation of this very host (same name, same machine). Unattended answers do not replace it; "
    "the installer starts the disk instead.",
    "Set `reinstall: true` or another `install_id` in the answers, or order it with `dom0kit answers arm` for a network boot.",
)
IMAGE_TOO_LARGE = Refusal(
    "image-too-large",
    "Two images, the additional packages and the host's state do not fit into the system partition.",
    "Build a smaller image, or install fewer packages.",
)
DOM0_MEMORY_TOO_LARGE = Refusal("dom0-memory-too-large", "`dom0.memory` is more than the machine has.", "Reduce `dom0.memory`.")
NIC_NOT_FOUND = Refusal(
    "nic-not-found",
    "Fewer network cards match a selector than required. The message lists every card with the reason why it does not match.",
    "Correct the selector, or add the driver of the card.",
)
NO_HOST_NAME = Refusal(
    "no-host-name",
    "`host_name` is `dhcp` or a template, and this machine has no value for it, or the result is not a legal host name.",
    "Set `host_name_fallback`, for example to `xen-{mac}`, or give the host a name of its own.",
)
NIC_AMBIGUOUS = Refusal(
    "nic-ambiguous",
    "More network cards match than required, or none is selected on a machine that does not have exactly one.",
    "Make the selector more specific, for example with `mac`.",
)
NIC_MAC_NOT_UNIQUE = Refusal(
    "nic-mac-not-unique",
    "Two network cards have the MAC address of a selected card. The host recognizes its cards by their MAC addresses.",
    "Give one of the cards another address in its firmware, disable it, or select a third card.",
)
NIC_MAC_NOT_PERMANENT = Refusal(
    "nic-mac-not-permanent",
    "A selected network card has no MAC address of its own: the kernel makes one up, another one at each start, by which the "
    "host cannot recognize the card.",
    "Select another network card, or give this one an address in its firmware.",
)
NIC_SELECTED_TWICE = Refusal(
    "nic-selected-twice", "Several bridges select the same network card.", "Give each bridge a network card of its own."
)
NIC_CARRIES_ROOT = Refusal(
    "nic-carries-root",
    "A bridge selects a network card that carries the iSCSI session of the system disk. The bridge would remove its address.",
    "Select another network card for the bridge.",
)
TOKEN_INVALID = Refusal(
    "join-token-invalid", "The join token in the answers is damaged or incomplete.", "Copy the whole token, or create a new one."
)

INSTALLATION = RefusalTable(
    "Installation",
    "`dom0kit install`, `dom0kit answers check --facts` and the text-mode installer check these before anything is written, and "
    "report all that apply.",
    (
        NAME_NOT_IN_IMAGE,
        DISK_NOT_FOUND,
        DISK_AMBIGUOUS,
        DISK_IS_PATH,
        DISK_SELECTED_TWICE,
        DISK_DUPLICATE,
        DISK_UNREADABLE,
        DISK_UNUSABLE,
        DISK_USED_BY_RUN,
        DISK_NOT_MULTIPATH,
        DISK_IN_USE,
        DISK_CHANGED,
        DEVICE_FAILED,
        DISK_READ_ONLY,
        DISK_NOT_EMPTY,
        DISK_TOO_SMALL,
        DISK_SECTORS_UNBOOTABLE,
        DISK_SECTORS_DIFFER,
        RAID_SPANS_OTHER_DISKS,
        SET_SPANS_OTHER_DISKS,
        VG_SPANS_OTHER_DISKS,
        VG_EXISTS,
        OWN_INSTALLATION,
        IMAGE_TOO_LARGE,
        DOM0_MEMORY_TOO_LARGE,
        NIC_NOT_FOUND,
        NO_HOST_NAME,
        NIC_AMBIGUOUS,
        NIC_SELECTED_TWICE,
        NIC_MAC_NOT_UNIQUE,
        NIC_MAC_NOT_PERMANENT,
        NIC_CARRIES_ROOT,
        TOKEN_INVALID,
    ),
)
