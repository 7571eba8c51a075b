"""Files of packages that were installed by hand: find those that the host kept, install them for the new image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dom0kit.errors import UserError
from installer.command_log import Commands
from installer.model import deb_package
from installer.model.actions import AddPackages
from installer.model.deb_package import Package
from installer.packages import install_target
from installer.packages.package_store import read_package
from upgrade.state.packages import Installed, PackagePlan, make_package_plan, parse_status

STATUS = "var/lib/dpkg/status"
LISTS = "var/lib/dpkg/info"
CACHE = "var/cache/apt/archives"


@dataclass(frozen=True)
class PackageFacts:
    """The packages that the new image needs again.

    :param plan: what becomes of all that were changed by hand.
    :param files: kept package files by their name in Debian's format.
    :param lists: files of the packages in ``plan.again``, with the package's name.
    """

    plan: PackagePlan
    files: Mapping[str, Package]
    lists: Mapping[str, str]

    def chosen(self) -> tuple[Package, ...]:
        """Return the package files to install on the new image."""
        return tuple(self.files[package.file_name] for package in self.plan.again if package.file_name in self.files)


def collect(state: Path, old_root: Path, new_root: Path, commands: Commands) -> PackageFacts:
    """Compare dpkg's databases, and find package files: those of the answers' packages and those in apt's cache.

    :param state: ``state/NAME`` of the old image.
    """
    upper = state / "upper"
    if not (upper / STATUS).is_file():
        return PackageFacts(PackagePlan(), {}, {})
    old, host, new = (parse_status((root / STATUS).read_text()) for root in (old_root, upper, new_root))
    wanted = {package.name for package in make_package_plan(old, host, new, ()).again}
    files = {}
    if wanted:
        for folder in (upper / CACHE, state / install_target.KEPT):
            for path in sorted(folder.glob("*.deb")) if folder.is_dir() else ():
                if (package := _read(path, commands)) is not None and package.name in wanted:
                    files[package.file_name] = package
    plan = make_package_plan(old, host, new, files.keys())
    return PackageFacts(plan, files, _lists(upper / LISTS, plan.again))


def _read(path: Path, commands: Commands) -> Package | None:
    """Return a package; None for a file that is damaged, as a download that was interrupted."""
    try:
        return read_package(path, commands)
    except UserError as error:
        commands.note(f"not used: {error}")
        return None


def _lists(folder: Path, packages: tuple[Installed, ...]) -> dict[str, str]:
    found = {}
    for package in packages:
        for name in (package.name, f"{package.name}:{package.architecture}"):
            path = folder / f"{name}.list"
            if path.is_file():
                found.update({line.lstrip("/"): package.name for line in path.read_text().splitlines()})
    return found


def problems(facts: PackageFacts, root: Path) -> list[str]:
    """Return why the packages cannot be installed on the new image.

    :param root: of the new image.
    """
    chosen = facts.chosen()
    return [*facts.plan.problems, *(deb_package.problems(chosen, kernel_of(root)) if chosen else [])]


def kernel_of(root: Path) -> str:
    """Return the release of an image's kernel.

    :raises UserError: when the image does not have exactly one.
    """
    found = sorted(path.name for path in (root / "usr/lib/modules").iterdir())
    if len(found) != 1:
        raise UserError(f"the image has modules for {len(found)} kernels: {', '.join(found)}", "build the image again")
    return found[0]


def install(facts: PackageFacts, name: str, root: Path, system: Path, commands: Commands) -> None:
    """Install the packages into the new overlay, and list their drivers for the initramfs.

    :param name: of the new image; ``state/NAME/upper`` is complete.
    :raises UserError: when dpkg fails.
    """
    packages = facts.chosen()
    if not packages:
        return
    named = tuple(replace(package, file=package.file_name) for package in packages)
    action = AddPackages(name, kernel_of(root), named, tuple(package.file for package in packages))
    install_target.add(action, system, commands)
    install_target.note_early(action, system / "state" / name / "upper", root)
