"""The live test of the management network: systemd-networkd gets the chosen settings, and what comes of them is seen.

What networkd is told is decided by pure functions; :class:`Probe` acts, in the background and within a limit of time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from answerfiles.model import Bond, Management, StaticAddress, StaticAddress6
from dom0kit.errors import UserError
from dom0kit.files import write_atomic
from dom0kit.run import Result, run
from installer.machine import Nic

FOLDER = Path("/run/systemd/network")
PREFIX = "05-dom0kit-test"
BOND, VLAN = "dom0kit-bond", "dom0kit-vlan"
SECONDS = 30.0
"""How long an address is waited for; DHCP over a switch port that learns takes this long."""
MODES = {"active-backup": "active-backup", "balance-slb": "active-backup", "lacp": "802.3ad"}


def network_section(management: Management) -> list[str]:
    """The lines of ``[Network]`` and ``[Route]`` of systemd.network(5) for the addresses."""
    v4, v6 = management.ipv4, management.ipv6
    both = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}
    lines = ["[Network]", f"DHCP={both[(v4 == 'dhcp', v6 == 'dhcp')]}"]
    lines.append(f"IPv6AcceptRA={'yes' if v6 != 'none' else 'no'}")
    lines.append(f"LinkLocalAddressing={'ipv6' if v6 != 'none' else 'no'}")
    for record in (v4, v6):
        if isinstance(record, StaticAddress | StaticAddress6):
            lines.append(f"Address={record.address}")
            if record.gateway is not None:
                lines.append(f"Gateway={record.gateway}")
    lines += [f"DNS={server}" for server in management.dns]
    return lines


def network_files(management: Management, nics: tuple[Nic, ...]) -> tuple[str, dict[str, str]]:
    """What networkd reads, and the name of the interface that gets the addresses.

    :param nics: the cards, one or those of a bond.
    """
    files: dict[str, str] = {}
    base = nics[0].name
    if isinstance(management.bond, Bond):
        base = BOND
        mode = MODES[management.bond.mode]
        files[f"{PREFIX}-bond.netdev"] = f"[NetDev]\nName={BOND}\nKind=bond\n\n[Bond]\nMode={mode}\nMIIMonitorSec=100ms\n"
        for nic in nics:
            files[f"{PREFIX}-{nic.name}.network"] = f"[Match]\nName={nic.name}\n\n[Network]\nBond={BOND}\n"
    top = base
    addresses = network_section(management)
    if management.vlan is not None:
        top = VLAN
        files[f"{PREFIX}-vlan.netdev"] = f"[NetDev]\nName={VLAN}\nKind=vlan\n\n[VLAN]\nId={management.vlan}\n"
        carrier = ["[Network]", f"VLAN={VLAN}", "LinkLocalAddressing=no", "DHCP=no"]
        files[f"{PREFIX}-base.network"] = "\n".join([f"[Match]\nName={base}\n", *carrier]) + "\n"
    files[f"{PREFIX}-top.network"] = "\n".join([f"[Match]\nName={top}\n", *addresses]) + "\n"
    return top, files


def find_addresses(text: str) -> dict[int, str]:
    """Global addresses by version, from ``ip -json address show``."""
    found: dict[int, str] = {}
    for link in _list(text):
        for entry in link.get("addr_info", []):
            if entry.get("scope") == "global" and not entry.get("tentative"):
                version = 4 if entry.get("family") == "inet" else 6
                found.setdefault(version, f"{entry['local']}/{entry['prefixlen']}")
    return found


def find_gateway(text: str) -> str:
    """The gateway of the default route, from ``ip -json route show default``; empty without one."""
    return next((str(route["gateway"]) for route in _list(text) if "gateway" in route), "")


def has_neighbour(text: str) -> bool:
    """Whether ``ip -json neighbour show`` knows the machine's MAC address: it is there, although it may not answer ping."""
    return any("lladdr" in entry and "FAILED" not in entry.get("state", []) for entry in _list(text))


def _list(text: str) -> list[dict[str, Any]]:
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


class Probe:
    """One test, in the background.

    :param runner: runs a command.
    :param folder: where networkd reads.
    """

    def __init__(
        self,
        management: Management,
        nics: tuple[Nic, ...],
        *,
        runner: Callable[..., Result] = run,
        folder: Path = FOLDER,
        seconds: float = SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        start: bool = True,
    ) -> None:
        self._management, self._nics, self._run, self._folder = management, nics, runner, folder
        self._seconds, self._sleep, self._clock = seconds, sleep, clock
        self._stop = threading.Event()
        self._lines: list[str] = []
        self._now = "Setting the card up ..."
        if start:
            threading.Thread(target=self.work, daemon=True).start()

    def view(self) -> str:
        """What is known so far, for a screen."""
        return "\n".join([*self._lines, self._now])

    def stop(self) -> None:
        """End the test soon."""
        self._stop.set()

    def work(self) -> None:
        """All of the test; never raises."""
        try:
            self._test()
        except (UserError, OSError) as error:
            self._say("!!", f"The test itself failed: {str(error).splitlines()[0]}")
        self._now = ""

    def _say(self, mark: str, text: str) -> None:
        self._lines.append(f"[{mark}] {text}")

    def _ask(self, *argv: str, timeout: float = 5) -> Result:
        return self._run(list(argv), check=False, timeout=timeout)

    def _test(self) -> None:
        interface, files = network_files(self._management, self._nics)
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob(f"{PREFIX}-*"):
            old.unlink()
        for name in (BOND, VLAN):
            self._ask("ip", "link", "delete", name)
        for name, text in files.items():
            write_atomic(self._folder / name, text)
        for argv in (["networkctl", "reload"], ["networkctl", "reconfigure", *(nic.name for nic in self._nics)]):
            self._run(argv, check=False, timeout=20)
        wanted = {4: self._management.ipv4 != "none", 6: self._management.ipv6 != "none"}
        found = self._wait(interface, {version for version, wish in wanted.items() if wish})
        for version in (4, 6):
            if not wanted[version] or self._stop.is_set():
                continue
            if version in found:
                self._say("ok", f"IPv{version} address {found[version]}{self._how(version)}")
                self._gateway(interface, version)
            else:
                self._say("!!", f"No IPv{version} address within {self._seconds:.0f} s. {self._advice(version)}")

    def _how(self, version: int) -> str:
        how = self._management.ipv4 if version == 4 else self._management.ipv6
        words = {"dhcp": " by DHCP", "autoconf": " by the router"}
        return words.get(how, "") if isinstance(how, str) else " (fixed)"

    def _advice(self, version: int) -> str:
        how = self._management.ipv4 if version == 4 else self._management.ipv6
        if how == "dhcp":
            return "No DHCP server answered: look at the cable and the VLAN, or choose a fixed address."
        if how == "autoconf":
            return "No router answered: look at the cable and the VLAN."
        return "The card did not come up: look at the cable."

    def _wait(self, interface: str, wanted: set[int]) -> dict[int, str]:
        start = self._clock()
        found: dict[int, str] = {}
        while not self._stop.is_set():
            spent = self._clock() - start
            found = find_addresses(self._ask("ip", "-json", "address", "show", "dev", interface).output)
            if wanted <= found.keys() or spent >= self._seconds:
                break
            self._now = f"Waiting for an address on {interface}: {spent:.0f} s of {self._seconds:.0f} s"
            self._sleep(0.5)
        return found

    def _gateway(self, interface: str, version: int) -> None:
        flag = f"-{version}"
        self._now = "Looking for the gateway ..."
        # The route comes a moment after the address.
        gateway = ""
        for _ in range(6):
            gateway = find_gateway(self._ask("ip", "-json", flag, "route", "show", "default", "dev", interface).output)
            if gateway or self._stop.is_set():
                break
            self._sleep(0.5)
        if not gateway:
            self._say("--", "There is no gateway: only the host's own network can be reached.")
            return
        self._now = f"Asking the gateway {gateway} ..."
        for _ in range(3):
            if self._stop.is_set():
                return
            if self._ask("ping", flag, "-n", "-c", "1", "-W", "2", "-I", interface, gateway).returncode == 0:
                self._say("ok", f"The gateway {gateway} answers")
                return
        if has_neighbour(self._ask("ip", "-json", "neighbour", "show", gateway, "dev", interface).output):
            self._say("ok", f"The gateway {gateway} is there (it does not answer ping)")
        else:
            self._say("!!", f"The gateway {gateway} does not answer. Look at its address, the cable and the VLAN.")
