"""The lab's web server, its log, its VLAN, without a socket."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from qa.lab import access_log, report_server, vlan_bridge

COMBINED = (
    '10.77.0.101 - - [20/Nov/2026:13:00:00 +0000] "GET /images/1/dom0.squashfs HTTP/1.1" 200 1000 "-" "Wget"\n'
    '10.77.0.101 - - [20/Nov/2026:13:00:01 +0000] "GET /images/1/dom0.squashfs?x=1 HTTP/1.1" 206 50 "-" "Wget"\n'
    '::ffff:10.77.0.102 - - [20/Nov/2026:13:00:02 +0000] "HEAD /armed/h.cfg HTTP/1.0" 404 - "-" "-"\n'
    '10.77.0.103 - - [20/Nov/2026:13:00:03 +0000] "\\x16\\x03\\x01" 400 157 "-" "-"\n'
)


def test_bytes_for_each_client(tmp_path: Path) -> None:
    """Parts count, too; a client that spoke no HTTP is no request."""
    log = tmp_path / "access.log"
    assert access_log.read(log) == []
    log.write_text(COMBINED)
    requests = access_log.read(log)
    assert access_log.bytes_by_client(requests) == {"10.77.0.101": 1050, "10.77.0.102": 0}
    assert [request.status for request in requests] == [200, 206, 404]
    assert requests[0].agent == "Wget"


def test_fetched_by_the_end_of_the_path(tmp_path: Path) -> None:
    """With or without a query."""
    log = tmp_path / "access.log"
    log.write_text(COMBINED)
    assert len(access_log.fetched(access_log.read(log), "/dom0.squashfs")) == 2
    assert access_log.fetched(access_log.read(log), "/xen.gz") == []


def test_line_without_agent() -> None:
    """The common format has no more than seven fields."""
    request = access_log.parse('h - - [x] "POST /report/h HTTP/1.1" 204 0')
    assert request == access_log.Request("h", "POST", "/report/h", 204, 0)


def test_log_of_serve() -> None:
    """Its own format: time, client, method, path, status, bytes, seconds."""
    request = access_log.parse("2026-11-20T13:00:00+00:00 10.77.0.9 GET /images/1/dom0.squashfs 200 4096 0.012\n")
    assert request == access_log.Request("10.77.0.9", "GET", "/images/1/dom0.squashfs", 200, 4096)


def test_files_sent_by_tftp() -> None:
    """A DHCP option that names a file is none."""
    log = "dnsmasq-dhcp[1]: 99 sent size: 15 option: 67 bootfile-name  boot/pxe-bios.0\n"
    log += "dnsmasq-tftp[1]: sent /srv/t/boot/grub.cfg to 10.77.0.9\ndnsmasq-tftp[1]: file /srv/t/x not found for 10.77.0.9\n"
    assert access_log.tftp_sent(log) == ["/srv/t/boot/grub.cfg"]


def test_reports_keep_no_token(tmp_path: Path) -> None:
    """An Authorization header is kept as its checksum: enough to compare, useless to a thief."""
    recorder = report_server.Recorder(tmp_path)
    assert recorder.report("/hook", "application/json", "Bearer hush", b'{"event": "failed"}')
    assert recorder.report("/hook", "application/gzip", "Bearer hush", b"\x1f\x8b")
    assert not recorder.report("/hook", "application/json", "", b"{")
    text = (tmp_path / "reports.jsonl").read_text()
    assert "hush" not in text
    first, second, third = (json.loads(line) for line in text.splitlines())
    assert first["event"] == {"event": "failed"}
    assert first["authorization"] == report_server.mark("Bearer hush") != ""
    assert (tmp_path / second["bundle"]).read_bytes() == b"\x1f\x8b"
    assert third["unreadable"] == "{"
    assert third["authorization"] == ""


def test_url() -> None:
    """IPv6 addresses need brackets."""
    assert report_server.url("10.77.0.1", 80) == "http://10.77.0.1:80"
    assert report_server.url("fd77::1", 443, tls=True) == "https://[fd77::1]:443"


def test_fingerprint_is_of_the_certificate(tmp_path: Path) -> None:
    """Of its DER form, whatever stands before it in the file."""
    der = bytes(range(48))
    body = base64.encodebytes(der).decode()
    pem = tmp_path / "c.pem"
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    pem.write_text(f"{key}-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n")
    assert report_server.fingerprint(pem) == hashlib.sha256(der).hexdigest()


def test_certificate_names_the_address() -> None:
    """Clients that check names find theirs."""
    words = report_server.certificate_argv(Path("/c.pem"), "fd77::1")
    assert "subjectAltName=IP:fd77::1" in words
    assert words[-1] == "/c.pem.crt"


def test_server_command() -> None:
    """Whole paths: the server runs wherever it likes."""
    words = report_server.argv("/py", Path("f"), Path("o"), address="10.77.0.1", port=80, certificate=None)
    assert words[:3] == ["/py", "-m", "qa.lab.report_server"]
    assert words[3].startswith("/")
    assert "--certificate" not in words
    assert report_server.argv("/py", Path("f"), Path("o"), address="a", port=1, certificate=Path("/c"))[-1] == "/c"


FRAME = bytes.fromhex("525400000001 525400000002 0800") + b"payload"


def test_tag_in_and_out() -> None:
    """What goes in comes out."""
    tagged = vlan_bridge.tagged(FRAME, 77)
    assert tagged[12:16].hex() == "8100004d"
    assert vlan_bridge.untagged(tagged, 77) == FRAME


def test_other_tags_and_none_are_dropped() -> None:
    """Priority bits are not part of the tag."""
    assert vlan_bridge.untagged(FRAME, 77) is None
    assert vlan_bridge.untagged(vlan_bridge.tagged(FRAME, 78), 77) is None
    assert vlan_bridge.untagged(vlan_bridge.tagged(FRAME, 77 | 3 << 13), 77) == FRAME
    assert vlan_bridge.untagged(b"short", 77) is None
