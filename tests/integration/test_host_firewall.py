"""The host's firewall with the real nft in network namespaces: a host, a member of its pool and another machine."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from firstboot.firewall.listeners import LISTENERS, MEMBERS
from firstboot.firewall.ruleset import DROP_INS, ruleset
from image.cache_keys import PROJECT

SCRIPT = PROJECT / "image/elements/dom0-firstboot/tree/usr/lib/dom0kit/bin/firewall"
HOST, MEMBER, STRANGER = "10.99.0.1", "10.99.0.2", "10.99.0.3"
HOST6, MEMBER6, STRANGER6 = "fd99::1", "fd99::2", "fd99::3"
ADDITIONAL = 9100
TCP = [22, 1811, 1815, 5080, 8002, 11000, 14999, 32768, 60999, 80, 443, 3260, 7, ADDITIONAL, 10999, 15000, 61000]
UDP = [1814, 68, 123, 5355, 9]
TO_MEMBERS = {x for x in LISTENERS if x.reach == MEMBERS}
CLONE_NEWNET = 0x40000000


def command(*argv: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in argv], check=check, capture_output=True, text=True, timeout=600)


def enter(namespace: int) -> None:
    """Move this thread into a network namespace (setns(2); ``os.setns`` is of Python 3.12)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Lab:
    """Namespaces on one switch, named for this process; and the firewall's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = {who: f"dom0kit-{who}-{os.getpid()}" for who in ("switch", "host", "member", "stranger")}
        self.ssconf = folder / "ganeti"
        self.drop_ins = folder / "firewall.d"
        self.ssconf.mkdir()
        self.drop_ins.mkdir()
        self.rules = folder / "firewall.nft"
        self.rules.write_text(ruleset().replace(DROP_INS, str(self.drop_ins)))

    def build(self) -> None:
        for name in self.names.values():
            command("ip", "netns", "add", name)
        switch = self.names["switch"]
        command("ip", "-n", switch, "link", "add", "br0", "type", "bridge")
        command("ip", "-n", switch, "link", "set", "br0", "up")
        for who, four, six in (("host", HOST, HOST6), ("member", MEMBER, MEMBER6), ("stranger", STRANGER, STRANGER6)):
            name = self.names[who]
            command("ip", "-n", switch, "link", "add", who, "type", "veth", "peer", "name", "eth0", "netns", name)
            command("ip", "-n", switch, "link", "set", who, "master", "br0", "up")
            command("ip", "-n", name, "link", "set", "lo", "up")
            command("ip", "-n", name, "link", "set", "eth0", "up")
            command("ip", "-n", name, "addr", "add", f"{four}/24", "dev", "eth0")
            command("ip", "-n", name, "addr", "add", f"{six}/64", "dev", "eth0", "nodad")

    def remove(self) -> None:
        for name in self.names.values():
            command("ip", "netns", "del", name, check=False)

    @contextmanager
    def inside(self, who: str) -> Iterator[None]:
        """Sockets that this thread makes within the block are in the namespace."""
        with (
            open("/proc/thread-self/ns/net", encoding="utf-8") as before,
            open(f"/run/netns/{self.names[who]}", encoding="utf-8") as ns,
        ):
            enter(ns.fileno())
            try:
                yield
            finally:
                enter(before.fileno())

    def firewall(self, verb: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        return command("ip", "netns", "exec", self.names["host"], SCRIPT, verb, self.rules, self.ssconf, check=check)

    def pool(self, *addresses: str) -> None:
        """Write the files as Ganeti does, for a pool whose first host has a secondary address as well."""
        first, *others = addresses
        (self.ssconf / "ssconf_master_ip").write_text(f"{first}\n")
        (self.ssconf / "ssconf_node_primary_ips").write_text(
            "".join(f"n{i}.example {a}\n" for i, a in enumerate([first, *others]))
        )
        (self.ssconf / "ssconf_node_secondary_ips").write_text(f"n0.example {first}\n")

    def reaches(self, who: str, address: str, port: int) -> bool:
        """Return whether a TCP connection from a machine opens; a reset says no, silence is an error."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside(who), socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(120)
            try:
                client.connect((address, port))
            except ConnectionRefusedError:
                return False
            return True

    def hears(self, who: str, address: str, port: int, server: socket.socket) -> bool:
        """Return whether a datagram from a machine arrives; "port unreachable" says no, silence is an error."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.inside(who), socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(120)
            client.connect((address, port))
            client.send(b"question")
            server.settimeout(0.2)
            for _ in range(600):
                try:
                    return bool(server.recv(100))
                except TimeoutError:
                    pass
                client.setblocking(False)
                try:
                    client.recv(100)
                except ConnectionRefusedError:
                    return False
                except BlockingIOError:
                    pass
        raise TimeoutError(f"neither {port} nor an ICMP message")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    try:
        lab.build()
        yield lab
    finally:
        lab.remove()


@contextmanager
def listening(lab: Lab) -> Iterator[dict[int, socket.socket]]:
    """Listen on all ports of the host, on both families; return the datagram sockets by port."""
    datagrams = {}
    with ExitStack() as stack, lab.inside("host"):

        def bound(kind: socket.SocketKind, port: int) -> socket.socket:
            made = stack.enter_context(socket.socket(socket.AF_INET6, kind))
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            made.bind(("::", port))
            return made

        for port in TCP:
            bound(socket.SOCK_STREAM, port).listen()
        for port in UDP:
            datagrams[port] = bound(socket.SOCK_DGRAM, port)
        yield datagrams


def open_to(lab: Lab, who: str, address: str, datagrams: dict[int, socket.socket]) -> tuple[set[int], set[int]]:
    """Return the ports of a host on which everything listens that a machine reaches: TCP and UDP."""
    tcp = {port for port in TCP if lab.reaches(who, address, port)}
    return tcp, {port for port, server in datagrams.items() if lab.hears(who, address, port, server)}


def of_members(protocol: str, ports: list[int]) -> set[int]:
    return {port for port in ports if any(x.holds(protocol, port) for x in TO_MEMBERS)}


def test_ports_are_open_to_those_of_the_list_in_both_families(lab: Lab) -> None:
    lab.pool(HOST, MEMBER, HOST6, MEMBER6)
    lab.firewall("load")
    with listening(lab) as datagrams:
        for stranger, member in ((HOST, HOST), (HOST6, HOST6)):
            assert open_to(lab, "stranger", stranger, datagrams) == ({22}, set())
            assert open_to(lab, "member", member, datagrams) == ({22} | of_members("tcp", TCP), of_members("udp", UDP))
        assert open_to(lab, "host", "127.0.0.1", datagrams) == (set(TCP), set(UDP))
        assert open_to(lab, "host", HOST, datagrams) == (set(TCP), set(UDP))


def test_members_are_renewed_when_the_pool_grows_and_shrinks(lab: Lab) -> None:
    lab.firewall("load")
    with listening(lab):
        assert not lab.reaches("member", HOST, 1811)
        lab.pool(HOST, MEMBER)
        lab.firewall("members")
        assert lab.reaches("member", HOST, 1811)
        assert not lab.reaches("stranger", HOST, 1811)
        lab.pool(HOST, MEMBER, STRANGER)
        lab.firewall("members")
        assert lab.reaches("stranger", HOST, 1811)
        lab.pool(HOST, STRANGER)
        lab.firewall("members")
        assert not lab.reaches("member", HOST, 1811)
        for file in lab.ssconf.iterdir():
            file.unlink()
        lab.firewall("members")
        assert not lab.reaches("stranger", HOST, 1811)


def test_damaged_files_of_the_pool_add_nobody_and_keep_the_others(lab: Lab) -> None:
    lab.firewall("load")
    lab.pool(HOST, MEMBER)
    with (lab.ssconf / "ssconf_node_primary_ips").open("a") as file:
        file.write("n7.example 0.0.0.0/0\nn8.example }\nn9\n\n")
    lab.firewall("members")
    with listening(lab):
        assert lab.reaches("member", HOST, 1811)
        assert not lab.reaches("stranger", HOST, 1811)


def test_rules_of_the_administrator_open_and_close_ports(lab: Lab) -> None:
    (lab.drop_ins / "10-mine.nft").write_text(
        f"tcp dport {ADDITIONAL} accept   # mine\nip saddr {STRANGER} tcp dport 22 reject\n"
    )
    (lab.drop_ins / "README").write_text("no rule\n")
    lab.firewall("load")
    with listening(lab):
        assert lab.reaches("stranger", HOST, ADDITIONAL)
        assert not lab.reaches("stranger", HOST, 22)
        assert lab.reaches("member", HOST, 22)


def test_a_wrong_rule_is_named_and_leaves_the_rules_of_the_image(lab: Lab) -> None:
    lab.pool(HOST, MEMBER)
    (lab.drop_ins / "10-mine.nft").write_text(f"tcp dport {ADDITIONAL} akzept\n")
    done = lab.firewall("load", check=False)
    assert done.returncode == 1
    assert "10-mine.nft" in done.stderr
    assert "correct them, then run: systemctl restart dom0kit-firewall" in done.stderr
    with listening(lab):
        assert lab.reaches("stranger", HOST, 22)
        assert not lab.reaches("stranger", HOST, ADDITIONAL)
        assert lab.reaches("member", HOST, 1811)


def test_connections_stay_when_the_rules_are_loaded_and_replaced(lab: Lab) -> None:
    """As a root file system on iSCSI, whose session begins in the initramfs."""
    with lab.inside("stranger"), socket.create_server((STRANGER, 3260)) as target:
        with lab.inside("host"):
            initiator = socket.create_connection((STRANGER, 3260), timeout=120)
        session, _ = target.accept()
        session.settimeout(120)
        with initiator, session:
            for verb in ("load", "load", "members"):
                lab.firewall(verb)
                session.sendall(b"block")
                assert initiator.recv(5) == b"block"
                initiator.sendall(b"write")
                assert session.recv(5) == b"write"


def test_without_the_firewall_every_port_is_open(lab: Lab) -> None:
    lab.firewall("load")
    lab.firewall("off")
    lab.firewall("members")
    with listening(lab):
        assert lab.reaches("stranger", HOST, ADDITIONAL)
    assert "dom0kit" not in command("ip", "netns", "exec", lab.names["host"], "nft", "list", "ruleset").stdout


def test_a_host_is_pinged(lab: Lab) -> None:
    lab.firewall("load")
    for address in (HOST, HOST6):
        command("ip", "netns", "exec", lab.names["stranger"], "ping", "-c", "1", "-W", "60", address)
