"""The servers' settings, and what is checked before they start."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
from pathlib import Path

import pytest

from answerfiles.lab_server import log_watcher
from answerfiles.lab_server.config import Lab, dhcp_range, interface_network, ports, read_hosts, readable_problem
from answerfiles.lab_server.server_configs import dnsmasq_conf, nginx_conf
from dom0kit.errors import UserError

NETWORK = ipaddress.IPv4Interface("192.0.2.1/24")
LAB = Lab(Path("/srv/tree"), Path("/srv/run"), "br0", "http://192.0.2.1", NETWORK)
FULL = dataclasses.replace(LAB, first=ipaddress.IPv4Address("192.0.2.100"), last=ipaddress.IPv4Address("192.0.2.199"))


def test_proxy_gives_no_addresses() -> None:
    text = dnsmasq_conf(LAB)
    assert "dhcp-range=192.0.2.0,proxy,255.255.255.0\n" in text
    assert "pxe-service=tag:!ipxe,X86PC,dom0kit,boot/pxe-bios.0\n" in text
    assert "dhcp-boot=tag:ipxe,http://192.0.2.1/boot/boot.ipxe\n" in text
    assert ("udp", 4011, "proxy DHCP") in ports(LAB)


def test_full_dhcp_boots_each_architecture() -> None:
    text = dnsmasq_conf(FULL)
    assert "dhcp-range=192.0.2.100,192.0.2.199,255.255.255.0,1h\n" in text
    assert "dhcp-boot=tag:!ipxe,tag:bios,boot/pxe-bios.0,,192.0.2.1\n" in text
    assert "dhcp-boot=tag:!ipxe,tag:efi,boot/netx64.efi,,192.0.2.1\n" in text
    assert "dhcp-boot=tag:http,http://192.0.2.1/boot/netx64.efi\n" in text
    assert "proxy" not in text
    assert "port=0\n" in text


def test_options_of_the_lab() -> None:
    text = dnsmasq_conf(dataclasses.replace(FULL, ipxe=False, answers_url="http://192.0.2.1/answers/mac-{mac}.yaml"))
    assert "tag:ipxe" not in text
    assert "dhcp-boot=tag:bios,boot/pxe-bios.0" in text
    assert 'dhcp-option-force=224,"http://192.0.2.1/answers/mac-{mac}.yaml"\n' in text
    text = dnsmasq_conf(dataclasses.replace(FULL, tftp=False))
    assert "tftp" not in text
    assert "pxe-bios" not in text
    text = dnsmasq_conf(dataclasses.replace(FULL, ipv6=ipaddress.IPv6Network("fd00:1::/64")))
    assert "enable-ra\ndhcp-range=fd00:1::1000,fd00:1::1fff,64,1h\n" in text


def test_strangers_cause_a_limited_number_of_lines() -> None:
    now = [0.0]
    quota = log_watcher.Quota(3, 60.0, lambda: now[0])
    assert [quota(str(n)) is not None for n in range(10)] == [True] * 4 + [False] * 6
    assert quota(None) is None
    now[0] = 61.0
    assert quota("again") == "again"


def test_nginx() -> None:
    text = nginx_conf(LAB)
    assert "listen 192.0.2.1:80;" in text
    assert "proxy_pass http://unix:/srv/run/receiver;" in text
    assert 'if ($http_authorization = "") { rewrite ^/report/(.*)$ /unproven/$1 last; }' in text
    assert text.count("proxy_request_buffering off;") == 2
    assert text.count("limit_conn reports 8;") == 3
    for name in ("hosts.json", "SHA256SUMS", "SHA256SUMS.sig"):
        assert f"location = /{name} {{ return 404; }}" in text
    assert re.search(r"location /granted/ \{\s+internal;\s+alias /srv/tree/answers/;", text)
    assert "ssl" not in text
    assert "rewrite ^/lab" not in text
    text = nginx_conf(dataclasses.replace(LAB, https_port=8443, url="https://192.0.2.1:8443/lab"))
    assert "listen 192.0.2.1:8443 ssl;" in text
    assert "rewrite ^/lab(/.*)$ $1;" in text
    assert text.count("{") == text.count("}")


def test_the_interface_must_have_the_urls_address() -> None:
    shown = json.dumps(
        [{"addr_info": [{"family": "inet", "local": "192.0.2.1", "prefixlen": 24}, {"family": "inet6", "local": "::2"}]}]
    )
    assert interface_network(shown, "br0", "192.0.2.1") == NETWORK
    assert interface_network(shown, "br0", "boot.example") == NETWORK
    with pytest.raises(UserError, match=r"the tree's URL names 192\.0\.2\.9, and br0 has 192\.0\.2\.1"):
        interface_network(shown, "br0", "192.0.2.9")
    with pytest.raises(UserError, match="has no IPv4 address"):
        interface_network("[]", "br0", "192.0.2.1")


@pytest.mark.parametrize(
    "text", ["", "192.0.2.5", "192.0.2.9,192.0.2.3", "192.0.2.9,198.51.100.1", "192.0.2.1,192.0.2.9", "a,b", "1,2,3"]
)
def test_a_wrong_range(text: str) -> None:
    with pytest.raises(UserError, match="--dhcp"):
        dhcp_range(text, NETWORK)


def test_a_right_range() -> None:
    assert dhcp_range("proxy", NETWORK) is None
    assert dhcp_range("192.0.2.5,192.0.2.9", NETWORK) == (ipaddress.IPv4Address("192.0.2.5"), ipaddress.IPv4Address("192.0.2.9"))


def test_a_tree_is_complete(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"it has no boot/pxe-bios\.0"):
        read_hosts(tmp_path)
    (tmp_path / "boot").mkdir()
    for name in ("pxe-bios.0", "netx64.efi", "grub.cfg", "boot.ipxe"):
        (tmp_path / "boot" / name).touch()
    (tmp_path / "hosts.json").write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        read_hosts(tmp_path)


def test_a_tree_in_a_closed_folder() -> None:
    assert readable_problem(Path("/root/t"), [(Path("/root/t"), 0o755), (Path("/root"), 0o700)]).endswith(
        "/root is closed to others"
    )
    assert readable_problem(Path("/srv/t"), [(Path("/srv/t"), 0o755), (Path("/srv"), 0o755)]) == ""


def test_lines_for_a_person() -> None:
    names = log_watcher.Names({"xen1": {"mac": "52:54:00:00:00:01"}}, Path("/srv/tree"))
    ack = "dnsmasq-dhcp[7]: 1203 DHCPACK(br0) 192.0.2.100 52:54:00:00:00:01 xen1"
    assert log_watcher.dnsmasq_line(ack, names) == "192.0.2.100 given to 52:54:00:00:00:01, xen1"
    sent = "dnsmasq-tftp[7]: sent /srv/tree/boot/pxe-bios.0 to 192.0.2.100"
    assert log_watcher.dnsmasq_line(sent, names) == "192.0.2.100 xen1 fetched boot/pxe-bios.0 by TFTP"
    assert log_watcher.dnsmasq_line("dnsmasq[7]: started, version 2.90 DNS disabled", names) is None
    assert log_watcher.dnsmasq_line("dnsmasq-tftp[7]: error 0 closed received from 192.0.2.100", names) is None
    assert (
        log_watcher.dnsmasq_line("dnsmasq-tftp[7]: failed sending /x to 192.0.2.100", names)
        == "dnsmasq: failed sending /x to 192.0.2.100"
    )
    line = "2026-01-01T00:00:00+00:00 192.0.2.100 GET /images/x/vmlinuz 200 2048 0.1"
    assert log_watcher.access_line(line, names) == "192.0.2.100 xen1 fetched images/x/vmlinuz, 2.0 KiB"
    assert (
        log_watcher.access_line(line.replace(" 200 ", " 404 "), names)
        == "192.0.2.100 xen1 asked for /images/x/vmlinuz: HTTP status 404"
    )
    assert log_watcher.access_line(line.replace("/images/x/vmlinuz 200", "/armed/xen1.cfg 404"), names) is None
    assert log_watcher.event_line("xen1", {"event": "finished", "source": "installer", "proven": True}) == (
        "xen1: installer finished"
    )
    retrying = {"event": "retrying", "source": "firstboot", "name": "pool", "error": "the master sleeps", "text": "tried once"}
    assert log_watcher.event_line("xen1", {**retrying, "proven": True}) == "xen1: firstboot pool: the master sleeps; tried once"
    said = log_watcher.event_line("xen1", {"event": "failed", "source": "installer", "text": "a\x1b[2Jb", "proven": False})
    assert said == "xen1: installer FAILED (without its token): a [2Jb"


def test_a_tail_gives_whole_lines_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = log_watcher.Tail(path)
    assert tail.lines() == []
    path.write_text("a\nb")
    assert tail.lines() == ["a"]
    path.write_text("a\nbc\n")
    assert tail.lines() == ["bc"]


def test_what_grub_asks_for_in_vain_is_no_line() -> None:
    names = log_watcher.Names({}, Path("/srv/tree"))
    line = "2026-01-01T00:00:00+00:00 192.0.2.100 GET /boot/x86_64-efi/fs.lst 404 153 0.0"
    assert log_watcher.access_line(line, names) is None
    assert log_watcher.access_line(line.replace("x86_64-efi/fs.lst", "nothing"), names) is not None
