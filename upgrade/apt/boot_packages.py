"""Packages whose files a host starts from its image, and never from the root that apt changes (pure).

``python3 -m upgrade.apt.boot_packages`` prints those among the names on standard input: the image's build holds them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase

PATTERNS = (
    "linux-image-*", "xen-hypervisor-*", "intel-microcode", "amd64-microcode", "initramfs-tools", "initramfs-tools-*",
    "grub-*", "grub2-common", "memtest86+",
)  # fmt: skip
"""Names of kernels, Xen, microcode, what makes an initramfs, boot loaders, memory test (fnmatch(3))."""
HINT = "stage a newer image: dom0ctl image stage SOURCE"


def boot_packages(names: Iterable[str]) -> list[str]:
    """Return the names of packages whose files boot from the image, sorted, each once."""
    return sorted({name for name in names if any(fnmatchcase(name, pattern) for pattern in PATTERNS)})


def reason(names: list[str]) -> str:
    """Return in one sentence why apt does not change these packages, with a hint."""
    whose = "its" if len(names) == 1 else "their"
    return f"{', '.join(names)}: this host boots {whose} files from the image, where apt cannot change them; {HINT}"


if __name__ == "__main__":
    print("\n".join(boot_packages(line.strip() for line in sys.stdin)))
