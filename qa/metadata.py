"""Declarations of scenarios: name, requirements, duration, sets and tags."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

Function = TypeVar("Function", bound=Callable[..., object])
Firmware = Literal["bios", "uefi", "none"]

DEFAULT_MEMORY_MIB = 3072
"""Memory of one machine; the default of ``dom0kit qa --memory``."""
SETS = {
    "smoke": "an installation on each firmware and checks of the harness; less than 40 minutes on two idle cores",
    "install": "installations from CD, stick and embedded answers; first boot; drivers; disks",
    "network": "network boot, answers over the network, bonds, VLANs, IPv6",
    "san": "Fibre Channel and iSCSI with several paths",
    "pool": "join tokens, the queue, pools of Ganeti, xapi's protocol",
    "tui": "the installer's screens",
    "upgrade": "upgrades of hosts",
    "nightly": "all scenarios",
}
"""Each named set with one line of explanation. ``nightly`` holds every scenario, the others those with a tag of their name."""
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ATTRIBUTE = "dom0kit_scenarios"


@dataclass(frozen=True)
class Metadata:
    """The declaration of one scenario.

    :param name: as on the command line.
    :param firmware: what its machines start with; ``none`` when it starts no machine.
    :param machines: the most machines that run at the same time.
    :param memory_mib: memory in MiB that these take together.
    :param cores: the most cores that are busy at the same time; each emulated CPU takes one.
    :param minutes: expected duration on an idle machine with two cores; the history's median replaces it.
    :param tags: words to select by; those that are names in :data:`SETS` put the scenario into that set.
    :param stage: the expensive state that it shares with other scenarios, such as ``installed-bios``; empty when none.
    :param needs: programs in addition to those that each scenario needs.
    :param lab: whether it makes a lab network, which needs root.
    :param arguments: values for the additional parameters of its test function.
    """

    name: str
    firmware: Firmware
    minutes: float
    machines: int = 1
    memory_mib: int = DEFAULT_MEMORY_MIB
    cores: int = 1
    tags: frozenset[str] = frozenset()
    stage: str = ""
    needs: tuple[str, ...] = ()
    lab: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Check the declaration.

        :raises ValueError: for a malformed name or a number that makes no sense.
        """
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name of a scenario: lower-case words joined by dashes are allowed")
        if self.minutes <= 0 or self.memory_mib <= 0 or self.cores < 1 or self.machines < 0:
            raise ValueError(f"{self.name}: minutes, memory_mib and cores are positive, machines is 0 or more")
        if "nightly" in self.tags:
            raise ValueError(f"{self.name}: every scenario is in nightly; leave the tag out")

    @property
    def sets(self) -> list[str]:
        """The sets that the scenario is in, in the order of :data:`SETS`."""
        return [name for name in SETS if self.in_set(name)]

    def in_set(self, name: str) -> bool:
        """Return whether the scenario is in the set of this name."""
        return name == "nightly" or name in self.tags


def scenario(
    name: str,
    *,
    firmware: Firmware,
    minutes: float,
    machines: int = 1,
    memory_mib: int | None = None,
    cores: int | None = None,
    tags: Iterable[str] = (),
    stage: str = "",
    needs: Iterable[str] = (),
    lab: bool = False,
    **arguments: Any,
) -> Callable[[Function], Function]:
    """Declare a test function to be the scenario of this name; see :class:`Metadata`.

    Several decorators make several scenarios of one function. ``memory_mib`` and ``cores`` default to what ``machines``
    machines of the default size take. A function with a parameter ``firmware`` gets that of the scenario; ``arguments`` are
    values for its additional parameters.

    >>> @scenario("install-bios", firmware="bios", minutes=8, tags={"install", "smoke"}, stage="installed-bios")
    ... def test_install(scenario, firmware): ...
    """
    value = Metadata(
        name=name,
        firmware=firmware,
        minutes=minutes,
        machines=machines,
        memory_mib=DEFAULT_MEMORY_MIB * max(machines, 1) if memory_mib is None else memory_mib,
        cores=max(machines, 1) if cores is None else cores,
        tags=frozenset(tags),
        stage=stage,
        needs=tuple(needs),
        lab=lab,
        arguments=arguments,
    )

    def declare(function: Function) -> Function:
        # Decorators are applied from the last one up: the list is in the order in which they are read.
        setattr(function, ATTRIBUTE, [value, *declared(function)])
        return function

    return declare


def declared(function: object) -> list[Metadata]:
    """Return the scenarios that a test function is, none when it was not decorated."""
    return list(getattr(function, ATTRIBUTE, []))


def parameters(function: object, parameter_names: Iterable[str]) -> tuple[list[str], list[tuple[Any, ...]], list[str]]:
    """Return what pytest's ``parametrize`` needs to make one test of each declared scenario.

    :param parameter_names: the names of the function's parameters.
    :return: names of parameters, one tuple of values and one id for each scenario.
    """
    found = declared(function)
    names = ["scenario", *(["firmware"] if "firmware" in parameter_names else []), *(found[0].arguments if found else ())]
    values = [tuple({"scenario": m.name, "firmware": m.firmware, **m.arguments}[name] for name in names) for m in found]
    return names, values, [m.name for m in found]
