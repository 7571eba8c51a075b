"""What the kernel and the build folder of this machine have, of what some integration tests need."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from live_root import SQUASHFS


def has(feature: str) -> bool:
    """Return whether the kernel has a feature, after its modules were asked for, or the image has been built."""
    files = {"image": SQUASHFS, "container": Path("/usr/bin/systemd-nspawn"), "fuse": Path("/dev/fuse")}
    if feature in files:
        return files[feature].exists()
    modules = {"md": ("md_mod", "raid1"), "dm": ("dm_mod", "dm_thin_pool"), "vlan": ("8021q",), "bond": ("bonding",)}[feature]
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "--all", "--quiet", *modules], check=False, stderr=subprocess.DEVNULL)
    if feature == "md":
        mdstat = Path("/proc/mdstat")
        return mdstat.exists() and "[raid1]" in mdstat.read_text()
    if feature == "vlan":
        return Path("/proc/net/vlan").exists()
    if feature == "bond":
        return Path("/sys/class/net/bonding_masters").exists()
    return "device-mapper" in Path("/proc/misc").read_text()
