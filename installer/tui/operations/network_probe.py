"""Test the management network live: configure systemd-networkd as chosen and report addresses and gateways.

The files of systemd-networkd come from :mod:`network.networkd`; :class:`Probe` acts, in the background and with a limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from answerfiles.model import Management, StaticAddress, StaticAddress6
from dom0kit.errors import UserError
from dom0kit.process import QUERY_SECONDS, Result, Runner, run
from installer.model.hardware import Nic
from installer.network import trial
from installer.network.trial import entries, find_addresses, set_up
from network.networkd import trial_files

SECONDS = 60.0
"""Wait for an address in the test of the network.

Kind: screen. Reason: a switch's port may learn for 30 s (802.1D) before DHCP gets through; the user sees the time and can leave
the test. Expiry: the test says which address did not come, and the user can repeat it.
"""
LOOK_SECONDS = 0.5
"""Pause between two looks for an address or a gateway.

Kind: pace. Reason: one call of ip(8). Expiry: the next look.
"""
OVER_WELL = "The test is over: the network works as far as this machine can see."
OVER_BAD = "The test is over. Go back to change the settings, or go on if the network will be another one."


def is_up(text: str) -> bool:
    """Whether a cable is connected and somebody is at its other end, from ``ip -json link show``."""
    return any("LOWER_UP" in link.get("flags", []) for link in entries(text))


def find_gateway(text: str) -> str:
    """The gateway of the default route, from ``ip -json route show default``; empty without one."""
    return next((str(route["gateway"]) for route in entries(text) if "gateway" in route), "")


def has_neighbour(text: str) -> bool:
    """Whether ``ip -json neighbour show`` knows the machine's MAC address: it is there, although it may not answer ping."""
    return any("lladdr" in entry and "FAILED" not in entry.get("state", []) for entry in entries(text))


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
        runner: Runner = run,
        folder: Path = trial.FOLDER,
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
        return "\n".join([*self._lines, *(["", self._now] if self._lines and self._now else [self._now])])

    def stop(self) -> None:
        """End the test soon."""
        self._stop.set()

    def work(self) -> None:
        """All of the test; never raises."""
        try:
            self._test()
        except (UserError, OSError) as error:
            self._say("!!", f"The test itself failed: {str(error).splitlines()[0]}")
        wrong = any(line.startswith("[!!]") for line in self._lines)
        self._now = OVER_BAD if wrong else OVER_WELL

    def _say(self, mark: str, text: str) -> None:
        self._lines.append(f"[{mark}] {text}")

    def _ask(self, *argv: str, timeout: float = QUERY_SECONDS) -> Result:
        return self._run(list(argv), check=False, timeout=timeout)

    def _test(self) -> None:
        interface, files = trial_files(trial.layout(self._management, self._nics))
        set_up(self._folder, files, self._nics, self._run)
        wanted = {4: self._management.ipv4 != "none", 6: self._management.ipv6 != "none"}
        found = self._wait(interface, {version for version, wish in wanted.items() if wish})
        for version in (4, 6):
            if not wanted[version] or self._stop.is_set():
                continue
            if version in found:
                self._say("ok", f"IPv{version} address {found[version]}{self._how(version)}")
                self._gateway(interface, version)
            else:
                self._say("!!", f"No IPv{version} address within {self._seconds:.0f} s. {self._advice(version, interface)}")

    def _how(self, version: int) -> str:
        how = self._management.ipv4 if version == 4 else self._management.ipv6
        words = {"dhcp": " by DHCP", "autoconf": " by the router"}
        return words.get(how, "") if isinstance(how, str) else " (fixed)"

    def _advice(self, version: int, interface: str) -> str:
        how = self._management.ipv4 if version == 4 else self._management.ipv6
        if how == "dhcp":
            return "No DHCP server answered: look at the cable and the VLAN, or choose a fixed address."
        if how == "autoconf":
            return "No router answered: look at the cable and the VLAN."
        if is_up(self._ask("ip", "-json", "link", "show", "dev", interface).output):
            return "Another machine seems to have this address: take one that is free."
        return "The card did not come up: look at the cable."

    def _wait(self, interface: str, wanted: set[int]) -> dict[int, str]:
        start = self._clock()
        found: dict[int, str] = {}
        both = {4: self._management.ipv4, 6: self._management.ipv6}
        fixed = {v: str(how.address) for v, how in both.items() if isinstance(how, StaticAddress | StaticAddress6)}
        while not self._stop.is_set():
            spent = self._clock() - start
            found = find_addresses(self._ask("ip", "-json", "address", "show", "dev", interface).output, fixed)
            if wanted <= found.keys() or spent >= self._seconds:
                break
            self._now = f"Waiting for an address on {interface}: {spent:.0f} s of {self._seconds:.0f} s"
            self._sleep(LOOK_SECONDS)
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
            self._sleep(LOOK_SECONDS)
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
