"""Installation over the network: one inventory and one tree for a run, served in each scenario's lab network."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from answerfiles.reader import is_xml
from dom0kit.process import run
from qa import timeouts
from qa.checks.host_checks import need
from qa.guest.ssh_access import Credentials
from qa.install import answers
from qa.lab import access_log, netns_commands
from qa.lab.lab import PROJECT, Lab
from qa.lab.server_process import READY_SECONDS
from qa.san import multipath_array
from qa.scenario import Scenario, Settings
from qa.vm.machine import Machine
from qa.vm.polling import poll
from qa.vm.qemu_args import Drive, Firmware, MachineSpec, Nic

URL = f"http://{netns_commands.ADDRESS}"
HOSTS = ("pxe-bios", "pxe-uefi", "http-boot-uefi", "ipxe-bios", "too-little-ram", "san-pxe-unattended")
"""The hosts of the inventory, each with the name of its scenario."""
OTHERS = ("xenserver-answers-pxe",)
"""Hosts with a tree of their own."""
DOMAIN = "lab.example.org"
SERVE_READY = r"(?m)^\d+ hosts, .* Ctrl-C or SIGTERM stops"
DNSMASQ_READY = "started, version"
BYTES_LIMIT = 1.05
"""HTTP bytes that one installation may take, as a multiple of the image's size."""
RANGE = "10.77.0.100,10.77.0.199"
PXE_OFF = (("IPv4PXESupport", "n"), ("IPv6PXESupport", "n"))
"""OVMF settings that disable PXE, which it tries before HTTP boot."""


def mac(host: str) -> str:
    """Return the MAC address of a host in the inventory."""
    return f"52:54:00:77:00:{(*HOSTS, *OTHERS).index(host) + 1:02x}"


def host_name(host: str) -> str:
    """Return the host name of a host in the inventory."""
    return f"{host}.{DOMAIN}"


def document_without(credentials: Credentials, *keys: str) -> dict[str, Any]:
    """Return the scenarios' usual answers without some of their top-level keys."""
    return {key: value for key, value in answers.document(credentials).items() if key not in keys}


def inventory(credentials: Credentials, hosts: Iterable[str] = HOSTS) -> dict[str, Any]:
    """Return an inventory as values: common values as defaults, and the machines by their MAC addresses."""
    common = document_without(credentials, "host_name", "network")
    machines = {
        host: {
            "mac": mac(host),
            "host_name": host_name(host),
            "network": {"management": answers.management(mac=mac(host))},
            **(multipath_array.target() if host.startswith("san-") else {}),
        }
        for host in hosts
    }
    return {"defaults": common, "hosts": machines}


def dom0kit(*words: str) -> list[str]:
    """Return a command line of the product's own command."""
    return [sys.executable, "-m", "programs.build_machine", *words]


@dataclass(frozen=True)
class Tree:
    """A rendered network-boot tree."""

    folder: Path
    inventory: Path

    @cached_property
    def listing(self) -> dict[str, Any]:
        """Return the content of ``hosts.json``."""
        value: dict[str, Any] = json.loads((self.folder / "hosts.json").read_text())
        return value

    @property
    def image_bytes(self) -> int:
        """Return the size of the image's four files in bytes."""
        folder = self.folder / "images" / str(self.listing["image"])
        return sum((folder / name).stat().st_size for name in ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs"))

    def tokens(self) -> list[str]:
        """Return the tokens with which the hosts report."""
        files = [self.folder / "answers" / f"{host}.yaml" for host in self.listing["hosts"]]
        # XML that was put in the place of a host's answers has no token.
        values = [yaml.safe_load(text) for file in files if not is_xml(text := file.read_text())]
        hooks = [value.get("reports", {}).get("webhook", {}) for value in values]
        return [str(hook["token"]) for hook in hooks if "token" in hook]

    def is_armed(self, host: str) -> bool:
        """Return whether the next network boot installs a host, with either boot loader."""
        return any((self.folder / "armed" / f"{host}.{kind}").exists() for kind in ("cfg", "ipxe"))

    def arm(self, host: str) -> None:
        """Let the next network boot install a host, also over its own installation."""
        run(dom0kit("answers", "arm", str(self.folder), host), cwd=PROJECT)

    def keep_armed(self, host: str) -> None:
        """Arm a host if it is not: an earlier try of the same scenario may have begun its installation."""
        if not self.is_armed(host):
            self.arm(host)


def render(settings: Settings, file: Path, folder: Path, *options: str) -> None:
    """Run ``dom0kit answers render`` with the run's ISO."""
    words = ["answers", "render", str(file), "-o", str(folder), "--url", URL, "--iso", str(settings.iso.resolve()), *options]
    run(dom0kit(*words), cwd=PROJECT, timeout=timeouts.patient(1800))


class Trees:
    """The run's network-boot tree, rendered at its first use."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.disks: dict[str, Path] = {}
        """Disks of installed hosts by the host's name in the inventory, for scenarios that continue with one."""

    @cached_property
    def tree(self) -> Tree:
        """Return the tree with all hosts of the inventory."""
        work = self._settings.work / "network"
        work.mkdir(parents=True, exist_ok=True)
        file = work / "inventory.yaml"
        file.write_text(answers.to_yaml(inventory(self._settings.credentials)))
        folder = self._settings.public / "tree"
        render(self._settings, file, folder)
        return Tree(folder, file)


@dataclass(frozen=True)
class Boot:
    """The way in which a machine boots from the network.

    :param dhcp: the address range of the product's DHCP server, or ``proxy`` next to the site's own server.
    :param rom: with the card's own boot ROM, iPXE; BIOS has no other driver.
    :param no_ipxe: the server treats this ROM as any other PXE client; GRUB is loaded over its UNDI driver.
    """

    firmware: Firmware
    dhcp: str = RANGE
    rom: bool = False
    no_ipxe: bool = False
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Served:
    """``dom0kit answers serve`` in a lab network.

    :param folder: its logs, leases and reports.
    """

    tree: Tree
    folder: Path

    def reports(self, host: str) -> list[dict[str, Any]]:
        """Return the reports of a host so far."""
        path = self.folder / "reports" / f"{host}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def reported(self, host: str, event: str, source: str = "") -> dict[str, Any] | None:
        """Return the first report of a kind, from any source when none is given."""
        found = (r for r in self.reports(host) if r.get("event") == event and source in ("", r.get("source")))
        return next(found, None)

    def lose_reports(self) -> None:
        """Take the receiver away: nginx answers every report with an error, and serves all files as before."""
        (self.folder / "receiver").unlink()

    @property
    def requests(self) -> list[access_log.Request]:
        """Return the HTTP requests so far, except for the lab's own."""
        return [request for request in access_log.read(self.folder / "access.log") if request.client != netns_commands.ADDRESS]

    def by_tftp(self) -> list[str]:
        """Return the files that were sent by TFTP."""
        path = self.folder / "dnsmasq.log"
        return access_log.tftp_sent(path.read_text(errors="replace")) if path.exists() else []

    def starts(self, host: str) -> int:
        """Return how often the host's own boot configuration was fetched so far, by HTTP or TFTP."""
        name = f"boot/hosts/mac-{mac(host).replace(':', '-')}"
        by_http = [request for request in self.requests if f"/{name}." in request.path and request.status == 200]
        by_tftp = [path for path in self.by_tftp() if f"/{name}." in path]
        return len(by_http) + len(by_tftp)


def serve(lab: Lab, scenario: Scenario, tree: Tree, boot: Boot) -> Served:
    """Serve the tree on the lab's bridge, next to the site's own DHCP server if the boot is by proxy."""
    # Below a folder that all users may enter: the servers do not run as root.
    folder = scenario.settings.public / f"{scenario.name}.serve"
    scenario.secrets += tree.tokens()
    lab.keep(folder, "serve")
    if boot.dhcp == "proxy":
        lab.site_dhcp()
    words = serve_words(tree.folder, folder, boot)
    lab.serve("serve", dom0kit(*words), ready=SERVE_READY, env={"PYTHONPATH": str(PROJECT)})
    log = folder / "dnsmasq.log"
    # Its ready line comes before its children serve.
    limit, interval = READY_SECONDS, 0.05
    poll(lambda: log.exists() and DNSMASQ_READY in log.read_text(), "start of dnsmasq", limit=limit, interval=interval)
    poll((folder / "nginx.pid").exists, "start of nginx", limit=limit, interval=interval)
    return Served(tree, folder)


def serve_words(tree: Path, folder: Path, boot: Boot) -> list[str]:
    """Return the arguments of ``dom0kit answers serve``."""
    words = ["answers", "serve", str(tree), "--interface", netns_commands.BRIDGE, "--run", str(folder), "--dhcp", boot.dhcp]
    return [*words, *(["--no-ipxe"] if boot.no_ipxe else [])]


def machine_spec(scenario: Scenario, lab: Lab, boot: Boot, nic: Nic, disk: Drive, **values: Any) -> MachineSpec:
    """Describe a machine whose network card stays first in the boot order, before its disk; a reset reboots it."""
    base: dict[str, Any] = {"firmware": boot.firmware, "firmware_settings": boot.settings, "reset_ends": False}
    return scenario.spec("host", nics=(nic,), drives=(disk,), netns=lab.namespace, **{**base, **values})


def wait_for_installation(scenario: Scenario, machine: Machine, served: Served, host: str, *, warning: str = "") -> int:
    """Wait from power-on to the reset after the installation, and check that the server would not install the host again.

    :param warning: a part of the one warning that this installation must give; empty: no warning is allowed.
    :return: :meth:`Served.starts` at the reset.
    :raises ScenarioFailed: for the first step that does not happen.
    """
    with scenario.phase("boot from the network to the installer"):
        machine.wait_for_event("installer", "started", limit=timeouts.BOOT)
    with scenario.phase("install"):
        event = machine.wait_for_event("installer", limit=timeouts.INSTALL)
    # The installer reads the firmware's boot order after it has put the disk first, and warns if it is not.
    warned = event.get("warnings") or []
    need(
        len(warned) == bool(warning) and all(warning in text for text in warned), f"the installation gave the warnings: {warned}"
    )
    machine.screenshot("finished")
    with scenario.phase("shut down"):
        machine.wait_for_qmp_event("RESET", limit=timeouts.REBOOT)
    starts = served.starts(host)
    need(
        served.reported(host, "finished", "installer"),
        f"the server has no report that {host} is installed: {served.reports(host)[-3:]}",
    )
    need(not served.tree.is_armed(host), f"{host} is installed, but armed/{host}.cfg or .ipxe is still there")
    need(starts, "the firmware never fetched the host's boot configuration: it did not boot from the network")
    return starts


def check_bytes(scenario: Scenario, served: Served) -> None:
    """Check that the whole installation transferred little more than the image once."""
    sent = sum(access_log.bytes_by_client(served.requests).values())
    image = served.tree.image_bytes
    scenario.notes["HTTP bytes"] = {"sent": sent, "image": image, "ratio": round(sent / image, 4)}
    need(
        sent <= BYTES_LIMIT * image,
        f"the installation took {sent} bytes by HTTP, {sent / image:.3f} times the image ({image} bytes)",
    )
    squashfs = access_log.fetched(served.requests, "/dom0.squashfs")
    need(squashfs, "dom0.squashfs was not fetched by HTTP: the machine did not boot from the network")


def check_came_by_network(served: Served, host: str, before: int) -> None:
    """Check that the firmware has fetched its boot configuration since, as it does when it boots from the network.

    :param before: the earlier value of :meth:`Served.starts`; one boot may fetch it more than once.
    """
    seen = served.starts(host)
    need(seen > before, f"the firmware did not boot from the network again: it has fetched its boot configuration {seen} times")


def check_installed_once(machine: Machine, most: int = 1) -> None:
    """Check that the installer did not run again."""
    ran = [e for e in machine.events if e.get("source") == "installer" and e.get("event") == "started"]
    need(len(ran) <= most, f"the installer ran {len(ran)} times")
