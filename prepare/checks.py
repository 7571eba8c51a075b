"""Requirements of the build host, checked first; all problems are reported together, each with a hint."""

from __future__ import annotations

from dataclasses import dataclass

from dom0kit.units import GIB, human_bytes

NEEDED_DISK = 8 * GIB
NEEDED_MEMORY = 3 * GIB


@dataclass(frozen=True)
class Machine:
    """Facts of the build machine; sizes in bytes."""

    root: bool
    distribution: str
    architecture: str
    python: tuple[int, int]
    free_disk: int
    memory: int
    loop_devices: bool
    mirror: str
    mirror_error: str


@dataclass(frozen=True)
class Problem:
    """A problem, and what to do about it."""

    sentence: str
    hint: str


def problems(machine: Machine) -> list[Problem]:
    """Return every problem, in the order in which a user would fix them."""
    found = []
    if not machine.root:
        found.append(Problem("dom0kit builds images as root, and this is not root", "run it again with sudo"))
    if machine.distribution not in ("debian", "ubuntu"):
        name = machine.distribution or "unknown"
        found.append(Problem(f"this machine runs {name}, not Debian or Ubuntu", "use a Debian 12 or 13 machine or container"))
    if machine.architecture != "x86_64":
        found.append(Problem(f"this machine is {machine.architecture}, not x86_64", "hosts are x86_64 and their tools run here"))
    if not (3, 11) <= machine.python < (3, 14):
        version = ".".join(map(str, machine.python))
        found.append(Problem(f"python3 is {version}, and 3.11 to 3.13 are supported", "Debian 12 and 13 ship such a one"))
    if machine.free_disk < NEEDED_DISK:
        have, need = human_bytes(machine.free_disk), human_bytes(NEEDED_DISK)
        found.append(Problem(f"only {have} are free here, and a build needs {need}", "free some space or clone to a larger disk"))
    if machine.memory < NEEDED_MEMORY:
        have, need = human_bytes(machine.memory), human_bytes(NEEDED_MEMORY)
        found.append(Problem(f"this machine has {have} of memory, and a build needs {need}", "use a larger machine"))
    if not machine.loop_devices:
        hint = "in a container: run it privileged, or pass /dev/loop-control in"
        found.append(Problem("there is no /dev/loop-control, and diskimage-builder needs a loop device", hint))
    if machine.mirror_error:
        hint = "check the network and [debian] mirror in image/recipe.toml"
        found.append(Problem(f"the mirror {machine.mirror} does not answer: {machine.mirror_error}", hint))
    return found
