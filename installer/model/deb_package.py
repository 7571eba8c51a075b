"""Debian packages: contents as ``dpkg-deb`` prints them, and why they cannot be installed (pure)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from dom0kit.units import MIB, human_bytes

ARCHITECTURES = ("amd64", "all")
FORMAT = r"${Package}\t${Version}\t${Architecture}\t${Installed-Size}\n"
"""Output format of ``dpkg-deb --show``; the installed size is in KiB (deb-control(5))."""
IN_INITRAMFS_MOST = 64 * MIB
"""Size limit of additions to the initramfs: GRUB reads all of it before the kernel starts, slowly on BIOS."""
LISTED = re.compile(r"^([-dlhcbp])\S+ +\S+ +(\d+) \S+ \S+ (.*)$", re.MULTILINE)
"""A line of ``dpkg-deb --contents`` in tar's format: kind and mode, owner, bytes, date, time, name."""
MODULE = re.compile(r"usr/lib/modules/([^/]+)/(.+)/([^/]+?)\.ko(?:\.xz|\.zst|\.gz)?")
FIRMWARE = "usr/lib/firmware/"
MODPROBE = re.compile(r"(?:etc|usr/lib)/modprobe\.d/[^/]+\.conf")
MODULES_LOAD = re.compile(r"(?:etc|usr/lib)/modules-load\.d/[^/]+\.conf")
UNMET = "unmet dependencies:"


@dataclass(frozen=True)
class Package:
    """A Debian package in a file.

    :param size: size of the file in bytes.
    :param installed: installed size in bytes, as the package declares it.
    :param modules: paths of kernel modules without leading slash, including those for other kernels.
    :param firmware: paths of firmware files.
    :param settings: files for modprobe and modules-load.d.
    :param early: size in bytes of modules and firmware.
    """

    file: str
    name: str
    version: str
    architecture: str
    size: int
    sha256: str
    installed: int = 0
    modules: tuple[str, ...] = ()
    firmware: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    early: int = 0

    @property
    def file_name(self) -> str:
        """Return the file name in Debian's format."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"

    def for_kernel(self, kernel: str) -> tuple[str, ...]:
        """Return the modules for a kernel."""
        return tuple(path for path in self.modules if kernel_of(path) == kernel)

    def describe(self, kernel: str = "") -> str:
        """Return the package in a few words."""
        count = len(self.for_kernel(kernel) if kernel else self.modules)
        parts = [f"{count} driver{'s' if count > 1 else ''}"] if count else []
        parts += ["firmware"] if self.firmware else []
        return f"{self.name} {self.version}" + (f" ({', '.join(parts)})" if parts else "")

    def to_json(self) -> dict[str, Any]:
        """Return the package as plain values."""
        return {"name": self.name, "version": self.version, "architecture": self.architecture, "sha256": self.sha256}


def parse_contents(text: str) -> dict[str, int]:
    """Return the files of a package with sizes in bytes, from ``dpkg-deb --contents``; links have size 0.

    Paths have no leading slash; ``lib`` is replaced by ``usr/lib``.
    """
    found = {}
    for kind, size, name in LISTED.findall(text):
        if kind in "-hl":
            path = name.split(" -> ")[0].split(" link to ")[0].removeprefix("./").lstrip("/")
            found[f"usr/{path}" if path.startswith("lib/") else path] = int(size) if kind == "-" else 0
    return found


def kernel_of(module: str) -> str:
    """Return the kernel release in a module's path; "" if it is not a module."""
    found = MODULE.fullmatch(module)
    return found.group(1) if found else ""


def module_name(module: str) -> str:
    """Return the name of a module as ``lsmod`` shows it."""
    found = MODULE.fullmatch(module)
    return found.group(3).replace("-", "_") if found else ""


def make_package(file: str, shown: str, contents: str, size: int, sha256: str) -> Package:
    """Build a package from the output of ``dpkg-deb --show`` and ``--contents``.

    :raises ValueError: when the output is invalid.
    """
    name, version, architecture, installed = shown.rstrip("\n").split("\t")
    files = parse_contents(contents)
    modules = tuple(path for path in files if MODULE.fullmatch(path))
    firmware = tuple(path for path in files if path.startswith(FIRMWARE))
    return Package(
        file=file,
        name=name,
        version=version,
        architecture=architecture,
        size=size,
        sha256=sha256,
        installed=int(installed or 0) * 1024,
        modules=modules,
        firmware=firmware,
        settings=tuple(path for path in files if MODPROBE.fullmatch(path) or MODULES_LOAD.fullmatch(path)),
        early=sum(files[path] for path in (*modules, *firmware)),
    )


def problems(packages: tuple[Package, ...], kernel: str) -> list[str]:
    """Return why packages cannot be installed on this system.

    :param kernel: release of the running kernel, which is also the host's.
    """
    found = []
    for package in packages:
        if package.architecture not in ARCHITECTURES:
            found.append(f"{package.name} {package.version} is for {package.architecture}, this machine is amd64")
        others = sorted({kernel_of(path) for path in package.modules})
        if others and kernel not in others:
            found.append(f"{package.name} {package.version} has drivers for the kernel {', '.join(others)}, this one is {kernel}")
    for name, count in Counter(package.name for package in packages).items():
        if count > 1:
            versions = ", ".join(package.version for package in packages if package.name == name)
            found.append(f"{name} is included {count} times: {versions}")
    early = sum(package.early for package in packages)
    if early > IN_INITRAMFS_MOST:
        limit = human_bytes(IN_INITRAMFS_MOST)
        found.append(f"drivers and firmware of these packages have {human_bytes(early)}, at most {limit} can be loaded at boot")
    return found


def unmet(text: str) -> list[str]:
    """Return the unmet dependencies in the output of ``apt-get install --simulate``, or its other errors."""
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        if inside and line.startswith(" "):
            found.append(" ".join(line.split()).replace(" : ", ": "))
        else:
            inside = line.rstrip().endswith(UNMET)
    return found or [line.removeprefix("E: ") for line in text.splitlines() if line.startswith("E: ")][:3]


def parse_dep(text: str) -> dict[str, tuple[str, ...]]:
    """Parse ``modules.dep`` (modules.dep(5)): paths of modules in the kernel's folder, with their dependencies."""
    lines = (line.partition(":") for line in text.splitlines() if ":" in line)
    return {name.strip(): tuple(needs.split()) for name, _, needs in lines}


def closure(depends: dict[str, tuple[str, ...]], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return modules with their dependencies; ``modules.dep`` lists indirect ones too."""
    return tuple(dict.fromkeys(name for module in wanted for name in (module, *depends.get(module, ()))))


def load_names(text: str) -> tuple[str, ...]:
    """Return the modules that a file in modules-load.d(5) format lists."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and line[0] not in "#;")
