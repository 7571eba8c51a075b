"""Lab networks: execute the commands of :mod:`qa.lab.netns_commands`, run servers, and clean up."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType

from dom0kit import polling
from dom0kit.process import Result, run
from qa.errors import ScenarioFailed, TimedOut
from qa.lab import netns_commands, report_server, vlan_bridge
from qa.lab.server_process import Server
from qa.vm.polling import poll
from qa.vm.qemu_args import Nic

NUMBERS = count()
PROJECT = Path(__file__).resolve().parent.parent.parent
DHCP = f"{netns_commands.ADDRESS.rsplit('.', 1)[0]}.100,{netns_commands.ADDRESS.rsplit('.', 1)[0]}.199,1h"
"""The address range of a plain DHCP server."""
DNSMASQ_READY = r"DHCP, (?:IP range|proxy)|DHCPv6|router advertisement on"


def alive(pid: int) -> bool:
    """Return whether a process of this number exists."""
    return Path(f"/proc/{pid}").exists()


def processes(namespace: str) -> list[int]:
    """Return the processes in a namespace."""
    return [int(word) for word in run(["ip", "netns", "pids", namespace], check=False).output.split()]


def words_of(pid: int) -> str:
    """Return a process's command line for an error message."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:200]
    except OSError:
        return "?"


def clear(namespace: str) -> list[str]:
    """Remove a namespace and all that is in it; return the command lines of the processes that still ran there."""
    still = processes(namespace)
    commands = [words_of(pid) for pid in still]
    for pid in still:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with suppress(polling.TimedOut):
        polling.poll(lambda: not still or not processes(namespace), 5, 0.05, f"the processes in {namespace} to end")
    for command in netns_commands.remove(namespace):
        run(command, check=False)
    # `ip netns exec` mounts the files of this folder over those in /etc (ip-netns(8)).
    shutil.rmtree(Path("/etc/netns") / namespace, ignore_errors=True)
    return commands


def sweep() -> list[str]:
    """Remove what killed runs have left behind; return the names of the namespaces."""
    found = netns_commands.left_overs(netns_commands.listed(run(["ip", "netns", "list"]).output), alive)
    for namespace in found:
        clear(namespace)
    return found


class Lab:
    """The network of a scenario; it exists inside a ``with`` block.

    :param artifacts: the folder for the servers' output.
    :param work: the folder for certificates and what servers write.
    """

    def __init__(self, artifacts: Path, work: Path) -> None:
        self.artifacts = artifacts
        self.work = work
        self.namespace = netns_commands.name(os.getpid(), next(NUMBERS))
        self._site = ""
        self._taps = count()
        self._servers: list[Server] = []
        self._kept: list[tuple[Path, str]] = []

    def __enter__(self) -> Lab:
        sweep()
        try:
            self._do(netns_commands.make(self.namespace))
        except BaseException:
            clear(self.namespace)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        left = self.close()
        if left and kind is None:
            raise ScenarioFailed("the lab network did not end cleanly:\n" + "\n".join(f"    {line}" for line in left))

    def close(self) -> list[str]:
        """Stop the servers and remove the network; return what did not end as it should. Harmless a second time."""
        left = []
        for server in reversed(self._servers):
            try:
                server.stop()
            except ScenarioFailed as error:
                left.append(str(error))
        self._servers.clear()
        while self._kept:
            folder, name = self._kept.pop()
            if folder.exists():
                # Neither keys nor sockets: the artifacts are searched for secrets.
                ignored = shutil.ignore_patterns("*.key", "*.pem", "receiver", "nginx-*")
                shutil.copytree(folder, self.artifacts / name, ignore=ignored, dirs_exist_ok=True)
        for namespace in (self._site, self.namespace):
            if namespace:
                left += [f"still running: {words}" for words in clear(namespace)]
        self._site = self.namespace = ""
        return left

    def _do(self, wanted: Sequence[Sequence[str]]) -> None:
        for command in wanted:
            run(command, hint="run as root with iproute2 installed")

    def run(self, argv: Sequence[str], *, check: bool = True, timeout: float = 600) -> Result:
        """Run a command in the lab's namespace; ``timeout`` in seconds."""
        return run(netns_commands.inside(self.namespace, argv), check=check, timeout=timeout)

    def reaches(self, address: str, *, limit: float = 240) -> bool:
        """Return whether an address answers to ping within ``limit`` seconds of machine time.

        :raises MachineStarved: when the machines got too little processor time to tell.
        """
        ping = ["ping", "-n", "-c", "1", "-W", "2", address]
        try:
            # The interval is for an address without a route, which ping refuses at once.
            poll(lambda: self.run(ping, check=False).returncode == 0, f"answer of {address} to ping", limit=limit, interval=0.5)
        except TimedOut:
            return False
        return True

    def address(self, device: str, address: str) -> None:
        """Add an address to a device of the lab, such as ``10.99.0.1/32`` on ``lo``."""
        self._do([["ip", "-n", self.namespace, "address", "add", address, "dev", device]])

    def bridge(self, device: str, *addresses: str) -> str:
        """Add a bridge with these addresses; return its name."""
        self._do(netns_commands.bridge(self.namespace, device, *addresses))
        return device

    def vlan(self, bridge: str, tag: int, address: str) -> None:
        """Give the lab an address in a VLAN, such as ``10.77.77.1/24``; only tagged frames reach it."""
        self._do(netns_commands.vlan(self.namespace, bridge, tag, address))
        argv = [sys.executable, "-m", "qa.lab.vlan_bridge", *netns_commands.vlan_devices(tag), str(tag)]
        self.serve(f"vlan{tag}", argv, ready=vlan_bridge.READY, env={"PYTHONPATH": str(PROJECT)})

    def nic(
        self,
        mac: str,
        *,
        bridge: str = netns_commands.BRIDGE,
        rom: bool = False,
        bootindex: int | None = None,
    ) -> Nic:
        """Make a machine's network card with a tap on a bridge; for one machine at a time."""
        device = f"tap{next(self._taps)}"
        self._do(netns_commands.tap(self.namespace, device, bridge))
        return Nic(mac=mac, tap=device, rom=rom, bootindex=bootindex)

    def needs_site(self) -> str:
        """Return the site's namespace, made at its first use."""
        if not self._site:
            self._site = netns_commands.site_name(self.namespace)
            self._do(netns_commands.site(self.namespace))
        return self._site

    def serve(
        self, name: str, argv: Sequence[str], *, ready: str, site: bool = False, env: Mapping[str, str] | None = None
    ) -> Server:
        """Start a server in the lab and wait until it is ready; it is stopped with the lab.

        :param site: run it in the site's namespace.
        """
        if site:
            self.needs_site()
        namespace = self._site if site else self.namespace
        log = self.artifacts / f"server-{name}.log"
        server = Server(name, netns_commands.inside(namespace, argv), ready=ready, log=log, env=env)
        self._servers.append(server)
        server.start()
        return server

    def keep(self, folder: Path, name: str) -> None:
        """Copy a folder that a server wrote to the artifacts when the lab ends."""
        self._kept.append((folder, name))

    def site_dhcp(self) -> Server:
        """Start the site's DHCP server, which gives addresses and no boot options."""
        argv = netns_commands.dnsmasq(netns_commands.SITE_CARD, ranges=[DHCP])
        return self.serve("site-dhcp", argv, ready=DNSMASQ_READY, site=True)

    def dhcp(self, *options: str, hosts: Sequence[str] = ()) -> Server:
        """Start a plain DHCP server on the bridge, for scenarios without ``dom0kit answers serve``.

        :param hosts: values of ``--dhcp-host``, such as ``52:54:00:77:02:01,xen1``.
        """
        flags = [f"--dhcp-host={host}" for host in hosts]
        argv = netns_commands.dnsmasq(netns_commands.BRIDGE, ranges=[DHCP], options=options, flags=flags)
        return self.serve("dhcp", argv, ready=DNSMASQ_READY)

    def advertise(self) -> Server:
        """Start IPv6 router advertisements: addresses by autoconfiguration, no DHCPv6."""
        argv = netns_commands.dnsmasq(netns_commands.BRIDGE, ranges=["fd77::,ra-only,64"], flags=["--enable-ra"])
        return self.serve("ra", argv, ready=DNSMASQ_READY)

    def web(
        self, name: str, *, files: Path, address: str = netns_commands.ADDRESS, port: int = 8077, tls: bool = False
    ) -> report_server.Web:
        """Start a small web server that offers ``files`` and accepts reports, for scenarios without ``answers serve``."""
        folder = self.artifacts / name
        certificate = report_server.certificate(self.work / f"{name}.pem", address) if tls else None
        argv = report_server.argv(sys.executable, files, folder, address=address, port=port, certificate=certificate)
        server = self.serve(name, argv, ready=report_server.READY, env={"PYTHONPATH": str(PROJECT)})
        return report_server.Web(
            server,
            folder,
            report_server.url(address, port, tls=tls),
            report_server.fingerprint(certificate) if certificate else "",
        )
