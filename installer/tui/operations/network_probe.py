"""Live test of the management network: apply the settings with systemd-networkd and check the result.

The configuration comes from :mod:`network.networkd`; :class:`Probe` runs in the background
and within a time limit.
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
from installer.network.trial import find_addresses, set_up
from network.networkd import trial_files
from network.observed import records

SECONDS = 60.0
"""Wait for an address in the network test.

Kind: screen. Reason: a switch's port may learn for 30 s (802.1D) before DHCP gets through; the user sees the time and can leave
the test. Expiry: the test reports which address is missing, and the user can repeat it.
"""
LOOK_SECONDS = 0.5
"""Pause between two checks for an address or a gateway.

Kind: pace. Reason: one call of ip(8). Expiry: the next check.
"""
PASSED = "Test finished: the network works as far as this machine can tell."
FAILED = "Test finished. Go back to change the settings, or continue if the host will use another network."


def is_up(text: str) -> bool:
    """Return whether the link is up, from ``ip -json link show``."""
    return any("LOWER_UP" in link.get("flags", []) for link in records(text))


def find_gateway(text: str) -> str:
    """Return the gateway of the default route, from ``ip -json route show default``; "" if none."""
    return next((str(route["gateway"]) for route in records(text) if "gateway" in route), "")


def has_neighbour(text: str) -> bool:
    """Return whether ``ip -json neighbour show`` has the MAC address: the machine exists, even without ping."""
    return any("lladdr" in entry and "FAILED" not in entry.get("state", []) for entry in records(text))


class Probe:
    """One test of the network, in the background.

    :param runner: runs a command.
    :param folder: configuration folder of systemd-networkd.
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
        self._now = "Configuring the network card ..."
        if start:
            threading.Thread(target=self.work, daemon=True).start()

    def view(self) -> str:
        """Return the results so far, for the screen."""
        return "\n".join([*self._lines, *(["", self._now] if self._lines and self._now else [self._now])])

    def stop(self) -> None:
        """Request the end of the test."""
        self._stop.set()

    def work(self) -> None:
        """Run the whole test; never raises."""
        try:
            self._test()
        except (UserError, OSError) as error:
            self._report("!!", f"The test could not be run: {str(error).splitlines()[0]}")
        failed = any(line.startswith("[!!]") for line in self._lines)
        self._now = FAILED if failed else PASSED

    def _report(self, mark: str, text: str) -> None:
        self._lines.append(f"[{mark}] {text}")

    def _query(self, *argv: str, timeout: float = QUERY_SECONDS) -> Result:
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
                self._report("ok", f"IPv{version} address {found[version]}{self._method(version)}")
                self._test_gateway(interface, version)
            else:
                self._report("!!", f"No IPv{version} address within {self._seconds:.0f} s. {self._hint(version, interface)}")

    def _method(self, version: int) -> str:
        method = self._management.ipv4 if version == 4 else self._management.ipv6
        words = {"dhcp": " by DHCP", "autoconf": " from the router"}
        return words.get(method, "") if isinstance(method, str) else " (static)"

    def _hint(self, version: int, interface: str) -> str:
        method = self._management.ipv4 if version == 4 else self._management.ipv6
        if method == "dhcp":
            return "No DHCP server answered: check the cable and the VLAN, or choose a static address."
        if method == "autoconf":
            return "No router answered: check the cable and the VLAN."
        if is_up(self._query("ip", "-json", "link", "show", "dev", interface).output):
            return "Another machine seems to use this address: choose an unused one."
        return "The link did not come up: check the cable."

    def _wait(self, interface: str, wanted: set[int]) -> dict[int, str]:
        start = self._clock()
        found: dict[int, str] = {}
        both = {4: self._management.ipv4, 6: self._management.ipv6}
        fixed = {v: str(how.address) for v, how in both.items() if isinstance(how, StaticAddress | StaticAddress6)}
        while not self._stop.is_set():
            spent = self._clock() - start
            found = find_addresses(self._query("ip", "-json", "address", "show", "dev", interface).output, fixed)
            if wanted <= found.keys() or spent >= self._seconds:
                break
            self._now = f"Waiting for an address on {interface}: {spent:.0f} s of {self._seconds:.0f} s"
            self._sleep(LOOK_SECONDS)
        return found

    def _test_gateway(self, interface: str, version: int) -> None:
        flag = f"-{version}"
        self._now = "Waiting for a gateway ..."
        # The route appears shortly after the address.
        gateway = ""
        for _ in range(6):
            gateway = find_gateway(self._query("ip", "-json", flag, "route", "show", "default", "dev", interface).output)
            if gateway or self._stop.is_set():
                break
            self._sleep(LOOK_SECONDS)
        if not gateway:
            self._report("--", "No gateway: only the host's own network is reachable.")
            return
        self._now = f"Contacting the gateway {gateway} ..."
        for _ in range(3):
            if self._stop.is_set():
                return
            if self._query("ping", flag, "-n", "-c", "1", "-W", "2", "-I", interface, gateway).returncode == 0:
                self._report("ok", f"The gateway {gateway} answers")
                return
        if has_neighbour(self._query("ip", "-json", "neighbour", "show", gateway, "dev", interface).output):
            self._report("ok", f"The gateway {gateway} is reachable (but does not answer ping)")
        else:
            self._report("!!", f"The gateway {gateway} does not answer. Check its address, the cable and the VLAN.")
