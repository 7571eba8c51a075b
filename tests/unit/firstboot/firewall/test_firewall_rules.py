"""The list of listeners, the rules that are made from it, and ``dom0ctl ports``."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firstboot.firewall import ports
from firstboot.firewall.listeners import EVERYONE, HOST, LISTENERS, MEMBERS, Listener, listener_at
from firstboot.firewall.ruleset import DROP_INS, ruleset
from pool.ganeti.facts import NODED_PORT
from pool.ganeti.rapi import PORT as RAPI_PORT

ELEMENTS = Path(__file__).parents[4] / "image/elements"
SS = """\
tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=700,fd=6))
tcp   LISTEN 0      128             [::]:22            [::]:*    users:(("sshd",pid=700,fd=7))
tcp   LISTEN 0      4096   127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=400,fd=15))
udp   UNCONN 0      0          127.0.0.1:323        0.0.0.0:*    users:(("chronyd",pid=500,fd=5))
udp   UNCONN 0      0   192.0.2.7%xenbr0:68         0.0.0.0:*    users:(("systemd-network",pid=300,fd=20))
tcp   LISTEN 0      5                  *:9100             *:*    users:(("node_exporter",pid=9,fd=3))
tcp   LISTEN 0      5              [::1]:631           [::]:*
tcp   LISTEN 0      1            0.0.0.0:11005      0.0.0.0:*
a line that no version of ss prints
"""


def accepted() -> dict[str, str]:
    """Return the ports that the rules accept, by their sources and protocol."""
    return {
        f"{m[1] or 'everyone'} {m[2]}": m[3]
        for m in re.finditer(r"^\t\t(?:(ip6? saddr \S+) )?(tcp|udp) dport \{ ([^}]*) \} accept$", ruleset(), re.M)
    }


def test_only_ssh_is_open_to_everyone_and_members_are_asked_for_by_both_families() -> None:
    of_members = "1811, 5080, 8002, 11000-14999, 32768-60999"
    assert accepted() == {
        "everyone tcp": "22",
        "ip saddr @members4 tcp": of_members,
        "ip6 saddr @members6 tcp": of_members,
        "ip saddr @members4 udp": "1814",
        "ip6 saddr @members6 udp": "1814",
    }


def test_a_new_listener_is_opened_to_its_reach_and_no_further() -> None:
    text = ruleset(
        [Listener("x", "udp", 9, EVERYONE, ""), Listener("y", "tcp", 7, MEMBERS, ""), Listener("z", "tcp", 5, HOST, "")]
    )
    assert "\t\tudp dport { 9 } accept\n" in text
    assert text.count("tcp dport { 7 } accept") == 2
    assert not re.search(r"dport.*\b5\b", text)


def test_rules_of_the_administrator_come_before_those_that_accept() -> None:
    text = ruleset()
    assert text.index("ct state") < text.index(f'include "{DROP_INS}/*.nft"') < text.index("dport { 22 }")
    assert (ELEMENTS / f"dom0-firstboot/tree{DROP_INS}/README").exists()


def test_ports_are_those_of_the_pool() -> None:
    for port, name in ((NODED_PORT, "ganeti-noded"), (RAPI_PORT, "ganeti-rapi")):
        found = listener_at("tcp", port)
        assert found is not None
        assert (found.name, found.reach) == (name, MEMBERS)


@pytest.mark.parametrize("listener", LISTENERS, ids=lambda x: f"{x.name}-{x.ports}")
def test_listeners_do_not_overlap(listener: Listener) -> None:
    for port in (listener.first, listener.last or listener.first):
        assert [x for x in LISTENERS if x.holds(listener.protocol, port)] == [listener]


def test_the_node_daemon_and_each_change_of_the_pool_renew_the_members() -> None:
    units = ELEMENTS / "dom0-toolstack/tree"
    renew = "-/usr/lib/dom0kit/bin/firewall members"
    noded = (units / "usr/lib/systemd/system/ganeti-noded.service").read_text().splitlines()
    assert noded.index(f"ExecStartPre={renew}") < next(i for i, line in enumerate(noded) if line.startswith("ExecStart=/"))
    names = (units / "etc/systemd/system/dom0kit-pool-names.service").read_text()
    assert f"ExecStartPre={renew}\n" in names
    assert f"ExecStartPost={renew}\n" in names
    script = (ELEMENTS / "dom0-firstboot/tree/usr/lib/dom0kit/bin/firewall").read_text()
    watched = re.findall(
        r"^PathChanged=/var/lib/ganeti/(\w+)$", (units / "etc/systemd/system/dom0kit-pool-names.path").read_text(), re.M
    )
    assert sorted(watched) == sorted(set(re.findall(r"\$ssconf/(ssconf_\w+)", script)))


def test_sockets_are_read_with_their_programs() -> None:
    found = ports.sockets(SS)
    assert len(found) == 8
    assert found[2] == ports.Socket("tcp", "127.0.0.53", 53, "systemd-resolve")
    assert found[5] == ports.Socket("tcp", "*", 9100, "node_exporter")
    assert found[6] == ports.Socket("tcp", "[::1]", 631, "")


def test_each_listener_has_a_line_and_what_was_added_follows() -> None:
    lines = ports.rows(ports.sockets(SS))
    assert [row.ports for row in lines] == [*(x.ports for x in LISTENERS), "631", "9100"]
    by_port = {(row.ports, row.protocol): row for row in lines}
    assert by_port["22", "tcp"].addresses == ("0.0.0.0", "[::]")
    assert by_port["1811", "tcp"].addresses == ()
    assert by_port["11000-14999", "tcp"].addresses == ("0.0.0.0",)
    assert by_port["631", "tcp"].open_to == HOST
    assert by_port["9100", "tcp"].open_to == ports.REFUSED
    text = ports.table_text(lines, "firewall: on")
    assert re.search(r"^22 +tcp +everyone +0\.0\.0\.0 \[::\] +administration", text, re.M)
    assert re.search(r"^9100 .* node_exporter: not a service of the image$", text, re.M)
    assert text.endswith("\n\nfirewall: on")


def test_the_state_of_the_firewall_is_one_sentence() -> None:
    table = (
        "table inet dom0kit {\n\tset members4 {\n\t\telements = { 10.0.0.1, 10.0.0.2,\n\t\t     10.0.0.3 }\n\t}\n"
        "\tset members6 {\n\t}\n}\n"
    )
    assert ports.members(table) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert ports.state_text(table, True).startswith("firewall: on; pool members: 10.0.0.1, 10.0.0.2, 10.0.0.3;")
    assert "in no pool" in ports.state_text("table inet dom0kit {\n}\n", True)
    assert ports.state_text(None, True).startswith("firewall: OFF")
    assert "as root" in ports.state_text(None, False)
