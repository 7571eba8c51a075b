"""One inventory with a pool: the first host makes the pool, the second joins it; both are blank and boot from the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pool.join.token import JoinToken
from qa import timeouts
from qa.checks.host_checks import need
from qa.guest.ssh_access import Credentials
from qa.install import answers
from qa.install.answers import DISK_SERIAL
from qa.lab.lab import Lab
from qa.network_boot import Boot, Served, Tree, render, serve
from qa.pool.pool_hosts import DISK_SIZE, POOL_ADDRESS, address, mac, name, to_create
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.machine import Machine
from qa.vm.qemu_args import Drive, Nic

BOOT = Boot("bios", rom=True)
TOKEN_FILE = "join.token"
FIRST, SECOND = "h1", "h2"


def inventory(credentials: Credentials) -> dict[str, Any]:
    """Return an inventory of two hosts with fixed addresses; the token is a reference to a file next to the inventory."""
    common = answers.document(credentials)
    del common["host_name"], common["network"]
    common["time"] = {**common["time"], "ntp": []}
    pools = {1: to_create(), 2: {"toolstack": "ganeti", "join": {"token": f"file:{TOKEN_FILE}"}}}
    hosts = {
        f"h{number}": {
            "mac": mac(number),
            "host_name": name(number),
            "network": {"management": answers.management(mac=mac(number), ipv4={"address": f"{address(number)}/24"})},
            "pool": pool,
        }
        for number, pool in pools.items()
    }
    return {"defaults": common, "hosts": hosts}


@dataclass
class Site:
    """The inventory, its tree, and the servers."""

    scenario: Scenario
    lab: Lab
    file: Path = field(init=False)
    served: Served = field(init=False)

    def __post_init__(self) -> None:
        self.file = self.scenario.work / "inventory.yaml"
        self.file.write_text(answers.to_yaml(inventory(self.scenario.settings.credentials)))
        # The inventory is complete before the pool exists: a token that no pool has made takes the place of its token.
        self.token(JoinToken(b"\2" + bytes(32), bytes(range(32)), (POOL_ADDRESS,), 22).write())
        tree = Tree(self.scenario.settings.public / "pool-tree", self.file)
        self.served = serve(self.lab, self.scenario, tree, BOOT)

    def token(self, text: str) -> None:
        """Write the token's file and render the tree (again)."""
        path = self.file.with_name(TOKEN_FILE)
        path.touch(0o600)
        path.write_text(text + "\n")
        render(self.scenario.settings, self.file, self.scenario.settings.public / "pool-tree")

    def blank(self, number: int) -> tuple[Drive, Nic]:
        """Return a blank disk, and a card that boots first."""
        disk = media.blank_disk(self.scenario.work / f"h{number}.img", DISK_SIZE)
        return Drive(disk, serial=DISK_SERIAL, bootindex=1), self.lab.nic(mac(number), rom=True, bootindex=0)

    def wait_for_installation(self, machine: Machine, number: int) -> None:
        """Wait from power-on to the reset after the installation, which the server knows of.

        :raises ScenarioFailed: for the first step that does not happen.
        """
        with self.scenario.phase(f"h{number}: boot from the network and install"):
            machine.wait_for_event("installer", "started", limit=timeouts.BOOT)
            machine.wait_for_event("installer", limit=timeouts.INSTALL)
            machine.wait_for_qmp_event("RESET", limit=timeouts.REBOOT)
        need(not self.served.tree.is_armed(f"h{number}"), f"h{number} is installed, but armed/h{number}.cfg is still there")
