"""``dom0kit answers serve`` with its real servers in a network namespace: who gets whose answers, and what a flood does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import dhcp_exchange
import pytest
from loop_devices import output

from answerfiles.inventory.install_markers import NEW, arm, armed_hosts, disarm
from answerfiles.inventory.render import answers_name, load_key, report_token
from answerfiles.lab_server.config import NEEDED
from dom0kit.polling import poll

NAMESPACE = f"d0k{os.getpid()}"
"""Begins the names of the namespaces; two runs at the same time have their own."""
PROJECT = Path(__file__).resolve().parents[2]
MACS = {"xen1": "52:54:00:00:00:01", "xen2": "52:54:00:00:00:02"}
SERVER = "10.77.0.1"
RECORDS = """
import os, socket, sys, threading, time
address, host = sys.argv[1:3]
def head(length, extra=""):
    line = socket.create_connection((address, 80), timeout=60)
    line.sendall(f"POST /report/{host} HTTP/1.1\\r\\nHost: x\\r\\n{extra}Content-Length: {length}\\r\\n\\r\\n".encode())
    return line
def status(line):
    try:
        data = line.recv(4096)
    except OSError:
        return 0
    return int(data.split()[1]) if data else 0
def send(body, extra=""):
    line = head(len(body), extra)
    line.sendall(body)
    return status(line)
"""


def attack(line: int, slow: int, forged: int) -> str:
    """Return a program that floods a server and prints its answers to large bodies, forged events, and a real one."""
    return (
        RECORDS
        + f"""
codes = {{}}
for n in range({forged}):
    forgery = "\\\\u001b[2J\\\\r\\\\n12:00:00  xen2: FORGED " + str(n)
    text = ('{{"event": "failed", "source": "installer", "text": "' + forgery + '"}}').encode()
    if n % 10 == 0:
        text = b'{{"event": "failed", "source": "\\x1b[2J"}}'
    code = send(text)
    codes[code] = codes.get(code, 0) + 1
print("forged", codes, flush=True)
slow = [head(64 << 20, "Authorization: Bearer " + "0" * 64 + "\\r\\n" if n % 2 else "") for n in range({slow})]
for one in slow:
    try:
        one.sendall(os.urandom(200_000))
    except OSError:
        pass
print("slow", sorted({{status(one) for one in slow}}), flush=True)
dripping = [head(1000) for _ in range({line})]
print("dripping", flush=True)
time.sleep(600)
"""
    )


@dataclass
class Network:
    """A namespace with the server's bridge, and one for each client."""

    folder: Path
    tree: Path
    server: subprocess.Popen[str] | None = None

    def start(self, *words: str, before: tuple[str, ...] = ()) -> None:
        """Start the server, and wait until it serves.

        :param before: a command that starts it.
        """
        command = [
            sys.executable,
            "-m",
            "programs.build_machine",
            "answers",
            "serve",
            str(self.tree),
            "--interface",
            "br0",
            "--no-tftp",
        ]
        whole = ["ip", "netns", "exec", f"{NAMESPACE}-server", *before, *command, *words]
        log = (self.folder / "output").open("w")
        self.server = subprocess.Popen(whole, cwd=PROJECT, stdout=log, stderr=log, text=True)
        log.close()
        poll((self.run / "nginx.pid").exists, 60, 0.1, "the start of nginx")
        ready = "DHCP, IP range" if "--dhcp" in words else "DHCP, proxy"
        poll(lambda: ready in (self.run / "dnsmasq.log").read_text(), 60, 0.1, "the start of dnsmasq")
        poll(lambda: self.get("xen1", "boot/grub.cfg")[0] == 200, 60, 0.2, "an answer of nginx")

    @property
    def run(self) -> Path:
        """The server's folder."""
        return self.tree.with_name("tree.serve")

    @property
    def said(self) -> str:
        """What the server has printed."""
        return (self.folder / "output").read_text()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """End the server by a signal, as Ctrl-C does; return its exit code."""
        if self.server is None:
            return 0
        with suppress(ProcessLookupError):
            self.server.send_signal(number)
        return self.server.wait(120)

    def exec(self, client: str, *words: str) -> str:
        """Run a command in a client's namespace; return its output."""
        return output("ip", "netns", "exec", f"{NAMESPACE}-{client}", *words)

    def address(self, client: str, address: str) -> None:
        """Give a client's card an address."""
        self.exec(client, "ip", "address", "flush", "dev", "card")
        self.exec(client, "ip", "address", "add", f"{address}/24", "dev", "card")

    def get(self, client: str, path: str, *options: str) -> tuple[int, str]:
        """Fetch a file of the server as a client; return status and body."""
        target = ["--path-as-is", *options, "-s", "-m", "60", "-w", "\n%{http_code}", f"http://{SERVER}/{path}"]
        done = subprocess.run(
            ["ip", "netns", "exec", f"{NAMESPACE}-{client}", "curl", *target], capture_output=True, text=True, check=False
        )
        body, _, code = done.stdout.rpartition("\n")
        return int(code or 0), body.rstrip("\n")


def make_tree(folder: Path) -> Path:
    """Make a tree of two hosts, with what the server needs of a rendered one."""
    tree = folder / "tree"
    for name in (*NEEDED, "SHA256SUMS", "answers/xen1.yaml", "answers/xen2.yaml"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(f"content of {name}\n")
    for host, mac in MACS.items():
        (tree / f"answers/mac-{mac.replace(':', '-')}.yaml").symlink_to(f"{host}.yaml")
        arm(tree, host, NEW)
    hosts = {host: {"mac": mac} for host, mac in MACS.items()}
    (tree / "hosts.json").write_text(json.dumps({"url": f"http://{SERVER}", "hosts": hosts}))
    return tree


@pytest.fixture
def network() -> Iterator[Network]:
    """Yield a server's network with two clients, whose cards have the hosts' MAC addresses."""
    with ExitStack() as stack:
        # The servers do not run as root: every user may pass through the folder.
        folder = Path(tempfile.mkdtemp(prefix="dom0kit-serve-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder)
        folder.chmod(0o755)
        old = os.umask(0o022)
        made = Network(folder, make_tree(folder))
        os.umask(old)
        output("ip", "netns", "add", f"{NAMESPACE}-server")
        stack.callback(output, "ip", "netns", "delete", f"{NAMESPACE}-server")
        for words in ("link set lo up", "link add br0 type bridge", f"address add {SERVER}/24 dev br0", "link set br0 up"):
            output("ip", "-n", f"{NAMESPACE}-server", *words.split())
        for number, (host, mac) in enumerate(MACS.items()):
            output("ip", "netns", "add", f"{NAMESPACE}-{host}")
            stack.callback(output, "ip", "netns", "delete", f"{NAMESPACE}-{host}")
            peer = ["peer", "name", "card", "address", mac, "netns", f"{NAMESPACE}-{host}"]
            output("ip", "-n", f"{NAMESPACE}-server", "link", "add", f"port{number}", "type", "veth", *peer)
            output("ip", "-n", f"{NAMESPACE}-server", "link", "set", f"port{number}", "master", "br0", "up")
            made.exec(host, "ip", "link", "set", "card", "up")
            made.address(host, f"10.77.0.{50 + number}")
        stack.callback(made.stop)
        yield made


def test_with_dhcp_a_foreign_mac_gets_no_answers_and_no_machine_after_the_installation(network: Network) -> None:
    network.start("--dhcp", "10.77.0.100,10.77.0.199")
    secret = f"answers/{answers_name(load_key(network.tree.with_name('tree.key')), 'xen1')}"
    names = (secret, "answers/xen1.yaml", "answers/mac-52-54-00-00-00-01.yaml")
    for name in names:
        assert network.get("xen1", name)[0] == 403, "an address without a lease"
    for host in MACS:
        leased = network.exec(host, sys.executable, dhcp_exchange.__file__, "card").strip()
        network.address(host, leased)
    for name in names:
        assert network.get("xen1", name) == (200, "content of answers/xen1.yaml")
        assert network.get("xen2", name)[0] == 403
    assert network.get("xen2", "answers/xen2.yaml") == (200, "content of answers/xen2.yaml")
    disarm(network.tree, "xen1")
    for name in names:
        assert network.get("xen1", name)[0] == 403
    poll(lambda: "xen1 is not armed" in network.said, 20, 0.2, "the reason on the terminal")
    assert "its answers were refused to" in network.said
    assert secret.split(".")[-2] not in network.said


def test_with_dhcp_elsewhere_the_path_of_the_boot_configuration_is_needed(network: Network) -> None:
    network.start()
    secret = f"answers/{answers_name(load_key(network.tree.with_name('tree.key')), 'xen1')}"
    assert network.get("xen1", secret) == (200, "content of answers/xen1.yaml")
    for name in ("answers/xen1.yaml", "answers/mac-52-54-00-00-00-01.yaml"):
        assert network.get("xen1", name)[0] == 403
    for name in (f"answers/xen1.{'0' * 32}.yaml", secret.replace("xen1", "xen2"), "answers/", "answers/xen9.yaml"):
        assert network.get("xen1", name)[0] in (403, 404)
    disarm(network.tree, "xen1")
    assert network.get("xen1", secret)[0] == 403


def test_a_server_of_a_script_ignores_sigint_and_is_ended_by_sigterm(network: Network) -> None:
    network.start(before=("env", "--ignore-signal=INT"))
    assert network.server is not None
    network.server.send_signal(signal.SIGINT)
    assert network.get("xen1", "boot/grub.cfg")[0] == 200
    with pytest.raises(subprocess.TimeoutExpired):
        network.server.wait(2)
    assert network.stop(signal.SIGTERM) == 0
    poll(lambda: not output("ip", "netns", "pids", f"{NAMESPACE}-server").strip(), 20, 0.2, "the end of nginx and dnsmasq")


def test_lists_of_hosts_and_the_way_around_the_receiver_are_not_served(network: Network) -> None:
    network.start()
    paths = (
        "hosts.json",
        "SHA256SUMS",
        "granted/xen1.yaml",
        "unproven/xen1",
        "/hosts.json",
        "./hosts.json",
        "boot/../hosts.json",
    )
    others = (
        "%68osts.json",
        "hosts%2ejson",
        "answers/../hosts.json",
        "answers/..%2fhosts.json",
        "//answers/../granted/xen1.yaml",
    )
    for path in (*paths, *others):
        code, body = network.get("xen1", path)
        assert code in (400, 403, 404, 405), path
        assert "content of" not in body
        assert MACS["xen2"] not in body


def open_bytes(folder: Path) -> int:
    """Return the size of all files of a folder that a process has open, also of those without a name, in bytes."""
    sizes = {}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if os.readlink(link).startswith(f"{folder}/"):
                found = link.stat()
                sizes[found.st_dev, found.st_ino] = found.st_size
    return sum(sizes.values())


def test_a_flood_of_strangers_leaves_disk_terminal_and_hosts_alone(network: Network) -> None:
    network.start()
    token = report_token(load_key(network.tree.with_name("tree.key")), "xen1")
    words = [
        "ip",
        "netns",
        "exec",
        f"{NAMESPACE}-xen2",
        sys.executable,
        "-c",
        attack(line=8, slow=20, forged=300),
        SERVER,
        "xen1",
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as attacker:
        assert attacker.stdout is not None
        forged, slow, _ = (attacker.stdout.readline() for _ in range(3))
        proof = ["-H", f"Authorization: Bearer {token}", "-d", '{"event": "finished", "source": "installer"}']
        code, _ = network.get("xen1", "report/xen1", *proof)
        held = open_bytes(network.run)
        attacker.kill()
    assert code == 200
    assert forged.strip() == "forged {400: 30, 200: 270}"
    assert "200" not in slow
    assert armed_hosts(network.tree) == {"xen2"}
    assert held < 300 * 1024 * 1024
    assert sum(path.stat().st_size for path in network.run.rglob("*") if path.is_file()) < 50 * 1024 * 1024
    lines = network.said.splitlines()
    assert all(line.isprintable() for line in lines)
    forged = [line.partition("  ")[2] for line in lines if "FORGED" in line]
    assert forged
    assert all(line.startswith("xen1: installer FAILED (without its token)") for line in forged)
    assert len(lines) < 100
    assert "are not shown" in network.said
