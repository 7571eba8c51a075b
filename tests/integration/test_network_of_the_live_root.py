"""The live root's network by the initramfs's own programs: fixed addresses, VLAN, bond, and what the live system goes on with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from initramfs_root import Network, network, unpack
from loop_devices import output

pytestmark = pytest.mark.kernel("image")
FETCH = 'fetch() { wget -q -T 5 -O - "$2"; }; dom0kit_reach 20 "$1" fetch x "$1" || { dom0kit_seen; exit 5; }'


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("initramfs"))


@pytest.fixture
def cable(root: Path) -> Iterator[Network]:
    with network(root) as made:
        yield made


@contextmanager
def serving(net: Network, folder: Path, address: str, *, dhcp: str = "") -> Iterator[str]:
    """Serve a file in the server's namespace, with a DHCP server on this interface."""
    (folder / "hello").write_text("hello from the server\n")
    inside = ["ip", "netns", "exec", net.server]
    code = f"""import http.server, socket
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in {address!r} else socket.AF_INET
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND: the address may still be tentative
        super().server_bind()
server = Server(({address!r}, 8077), http.server.SimpleHTTPRequestHandler)
print("ready", flush=True)
server.serve_forever()"""
    web = subprocess.Popen([*inside, "python3", "-c", code], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    started = [web]
    try:
        assert web.stdout is not None
        assert web.stdout.readline() == b"ready\n"
        if dhcp:
            ranges = ["--dhcp-range=192.0.2.100,192.0.2.110,1h", "--dhcp-authoritative", f"--interface={dhcp}"]
            words = ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--bind-interfaces", *ranges]
            words += ["--no-ping", f"--dhcp-leasefile={folder}/leases", f"--pid-file={folder}/pid", "--user=root"]
            started.append(subprocess.Popen([*inside, *words], stderr=subprocess.DEVNULL))
        host = f"[{address}]" if ":" in address else address
        yield f"http://{host}:8077/hello"
    finally:
        for process in started:
            process.terminate()
            process.wait()


def fetched(net: Network, url: str, arguments: str, more: str = "", cards: str = "card0") -> str:
    done = net.boot(f"set -- {url}; {FETCH}; {more}", arguments, cards=cards)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hello from the server" in done.stdout
    return done.stdout


def test_a_fixed_ipv6_address(cable: Network, tmp_path: Path) -> None:
    cable.serve("ip", "address", "add", "fd77::1/64", "dev", "port0", "nodad")
    cable.serve("ip", "address", "add", "fd99::1/128", "dev", "lo")
    with serving(cable, tmp_path, "fd99::1") as url:
        look = "ip -6 addr show dev card0; cat /etc/resolv.conf; cat $DOM0KIT_LEASE; dom0kit_hand_over; ip -6 addr show dev card0"
        text = fetched(cable, url, "ip=[fd77::5]::[fd77::1]:64:xen1::none:[fd77::1]", look)
    assert "inet6 fd77::5/64" in text
    assert "nameserver fd77::1" in text
    assert text.count("fd77::5/64 scope global") == 1, "the address is left to the live system"
    assert cable.files() == {
        "70-dom0kit-boot-top.network": "[Match]\nName=card0\n\n[Network]\nAddress=fd77::5/64\nGateway=fd77::1\nDNS=fd77::1\n\n"
        "[Link]\nRequiredForOnline=no\n"
    }


@pytest.mark.parametrize("mask", ["255.255.255.0", "24", ""])
def test_a_fixed_ipv4_address(cable: Network, tmp_path: Path, mask: str) -> None:
    cable.serve("ip", "address", "add", "192.0.2.1/24", "dev", "port0")
    cable.serve("ip", "address", "add", "198.51.100.1/32", "dev", "lo")
    with serving(cable, tmp_path, "198.51.100.1") as url:
        text = fetched(cable, url, f"ip=192.0.2.5::192.0.2.1:{mask}::card0:none", "cat $DOM0KIT_LEASE")
    assert text.endswith("192.0.2.5/24")


def test_an_address_that_another_machine_has_is_not_used(cable: Network, tmp_path: Path) -> None:
    cable.serve("ip", "address", "add", "fd77::5/64", "dev", "port0", "nodad")
    with serving(cable, tmp_path, "fd77::5") as url:
        done = cable.boot(f"set -- {url}; {FETCH}", "ip=[fd77::5]:::64")
    assert done.returncode == 5
    assert "the address in ip=[fd77::5]:::64 cannot be set" in done.stdout


def test_an_address_of_another_card(cable: Network, tmp_path: Path) -> None:
    """Ask by DHCP on the card that ``ip=`` does not name."""
    cable.serve("ip", "address", "add", "192.0.2.1/24", "dev", "port0")
    with serving(cable, tmp_path, "192.0.2.1", dhcp="port0") as url:
        text = fetched(cable, url, "ip=192.0.2.5:::24::card7", "cat $DOM0KIT_LEASE; dom0kit_hand_over")
    assert text.partition("hello from the server")[2].strip().startswith("192.0.2.1")
    assert "192.0.2.5" not in text
    assert cable.files() == {}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("dom0kit.vlan=4095", "the kernel argument dom0kit.vlan is '4095'. Give a number from 1 to 4094"),
        ("dom0kit.vlan=0", "the kernel argument dom0kit.vlan is '0'"),
        ("dom0kit.vlan=eth0.7", "the kernel argument dom0kit.vlan is 'eth0.7'"),
        ("dom0kit.bond=balance-slb:52:54:00:00:07:01", "Give lacp:MAC,MAC or active-backup:MAC,MAC"),
        ("dom0kit.bond=lacp", "the kernel argument dom0kit.bond is 'lacp'"),
        ("dom0kit.bond=lacp:", "the kernel argument dom0kit.bond is 'lacp:'"),
    ],
)
def test_arguments_that_mean_nothing_stop_the_boot(cable: Network, arguments: str, text: str) -> None:
    done = cable.boot("dom0kit_report() { :; }; dom0kit_check_stack", arguments)
    assert done.returncode == 9
    assert text in done.stdout


def test_a_start_from_a_medium_leaves_the_network_to_the_live_system(cable: Network) -> None:
    """Give networkd VLAN, bond and address, although the live root itself needs no network."""
    macs = "52-54-00-00-07-01,52:54:00:00:07:02"
    cable.boot("dom0kit_keep_from_medium", f"dom0kit.bond=lacp:{macs} dom0kit.vlan=77 ip=192.0.2.5:::24", cards="card0 card1")
    files = cable.files()
    assert sorted(files) == [
        f"70-dom0kit-boot-{name}"
        for name in ("base.network", "bond.netdev", "card0.network", "card1.network", "top.network", "vlan.netdev")
    ]
    assert "MACAddress=52:54:00:00:07:01\n" in files["70-dom0kit-boot-bond.netdev"]
    assert "Name=dom0kit-vlan\n\n[Network]\nAddress=192.0.2.5/24\n" in files["70-dom0kit-boot-top.network"]

    cable.boot("dom0kit_keep_from_medium", "dom0kit.vlan=77 dom0kit.nic=52:54:00:00:07:01")
    assert "Name=card0\n\n[Network]\nVLAN=dom0kit-vlan\n" in cable.files()["70-dom0kit-boot-base.network"]
    assert "[Network]\nDHCP=yes\n" in cable.files()["70-dom0kit-boot-top.network"]
    done = cable.boot("dom0kit_keep_from_medium", "dom0kit.vlan=77", cards="card0 card1")
    assert "choose one with dom0kit.nic=" in done.stdout
    assert cable.files() == {}
    assert cable.boot("dom0kit_keep_from_medium", "ip=dhcp").stdout == ""
    assert cable.files() == {}


@pytest.mark.kernel("vlan")
def test_a_vlan(cable: Network, tmp_path: Path) -> None:
    """Serve only in VLAN 77; the live system goes on with the same interface."""
    cable.serve("ip", "link", "add", "link", "port0", "name", "tagged", "type", "vlan", "id", "77")
    cable.serve("ip", "address", "add", "192.0.2.1/24", "dev", "tagged")
    cable.serve("ip", "link", "set", "tagged", "up")
    with serving(cable, tmp_path, "192.0.2.1", dhcp="tagged") as url:
        fetched(cable, url, "dom0kit.vlan=77", "dom0kit_hand_over")
    assert output("ip", "-n", cable.client, "-4", "address", "show", "dev", "dom0kit-vlan") == ""
    assert set(cable.files()) == {f"70-dom0kit-boot-{name}" for name in ("base.network", "top.network", "vlan.netdev")}


@pytest.mark.kernel("bond")
@pytest.mark.parametrize("mode", ["lacp", "active-backup"])
def test_a_bond_of_two_cards(root: Path, tmp_path: Path, mode: str) -> None:
    with network(root, cables=2) as net:
        net.serve("ip", "link", "add", "bond", "type", "bond", "mode", "802.3ad" if mode == "lacp" else "active-backup")
        for port in ("port0", "port1"):
            net.serve("ip", "link", "set", port, "down")
            net.serve("ip", "link", "set", port, "master", "bond")
        net.serve("ip", "link", "set", "bond", "up")
        net.serve("ip", "address", "add", "192.0.2.1/24", "dev", "bond")
        with serving(net, tmp_path, "192.0.2.1", dhcp="bond") as url:
            arguments = f"dom0kit.bond={mode}:52:54:00:00:07:02,52:54:00:00:07:01"
            fetched(net, url, arguments, "dom0kit_hand_over", cards="card0 card1")
        shown = output("ip", "-n", net.client, "link", "show", "dev", "dom0kit-bond")
        assert "52:54:00:00:07:02" in shown
        assert output("ip", "-n", net.client, "link", "show", "master", "dom0kit-bond").count("LOWER_UP") == 2
