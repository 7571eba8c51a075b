"""What the scenarios of network, disks and answers decide without a machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from answerfiles.reader import parse_answers
from dom0kit.errors import UserError
from qa import network_boot
from qa.errors import ScenarioFailed
from qa.guest.ssh_access import Credentials
from qa.install import answers, iso_diff
from qa.lab import access_log
from qa.scenarios.install import test_answers, test_disks, test_memory
from qa.scenarios.network import test_network

HASH = "$6$rounds=5000$saltsalt$" + "a" * 86
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEMzOeMzP3pVl9SMOA7kHkUSFBGkvRDzmvv1Vq0uQH qa"
CREDENTIALS = Credentials("secret", HASH, Path("/k"), KEY)


def test_inventory_has_a_machine_for_each_scenario() -> None:
    """No two share a MAC address; each host's merged values are valid answers."""
    inventory = network_boot.inventory(CREDENTIALS)
    assert set(inventory["hosts"]) == set(network_boot.HOSTS)
    assert len({host["mac"] for host in inventory["hosts"].values()}) == len(network_boot.HOSTS)
    for name, host in inventory["hosts"].items():
        values = {**inventory["defaults"], **{key: value for key, value in host.items() if key != "mac"}}
        parsed = parse_answers(answers.to_yaml(values))
        assert parsed.host_name == network_boot.host_name(name)
        assert parsed.network.management.mac == host["mac"]


def test_bad_answers_are_bad_in_three_places() -> None:
    """All three mistakes are reported at once, each with the words that the scenario expects."""
    text = test_answers.bad(answers.answers(CREDENTIALS))
    with pytest.raises(UserError) as caught:
        parse_answers(text)
    for word in test_answers.PROBLEMS.values():
        assert word in str(caught.value)


def test_bad_answers_need_good_ones() -> None:
    """A scenario whose mistakes are not there would prove nothing."""
    with pytest.raises(ScenarioFailed, match="host_name"):
        test_answers.bad("version: 1\n")


def served(folder: Path, output: str) -> network_boot.Served:
    """Return a server with these logs."""
    (folder / "dnsmasq.log").write_text(output)
    return network_boot.Served(network_boot.Tree(folder / "tree", folder / "inventory.yaml"), folder)


def test_starts_by_tftp_and_http(tmp_path: Path) -> None:
    """Each fetch of the host's own file is one start; other hosts' and missing files are none."""
    line = '10.77.0.100 - - [x] "GET /boot/hosts/mac-{} HTTP/1.1" {} 10 "-" "-"\n'
    text = line.format("52-54-00-77-00-01.ipxe", 200) + line.format("52-54-00-77-00-02.cfg", 200)
    (tmp_path / "access.log").write_text(text + line.format("52-54-00-77-00-01.cfg", 404))
    seen = served(tmp_path, "dnsmasq-tftp[1]: sent /t/boot/hosts/mac-52-54-00-77-00-01.cfg to 10.77.0.100\n")
    assert seen.starts("pxe-bios") == 2
    assert seen.starts("pxe-uefi") == 1
    assert seen.starts("ipxe-bios") == 0


def test_reports_of_a_host(tmp_path: Path) -> None:
    """None before the first one."""
    seen = served(tmp_path, "")
    assert seen.reported("pxe-bios", "failed") is None
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "pxe-bios.jsonl").write_text(json.dumps({"event": "failed", "text": "x"}) + "\n")
    assert seen.reported("pxe-bios", "failed") == {"event": "failed", "text": "x"}
    assert seen.reported("pxe-bios", "failed", "installer") is None


def test_serve_words(tmp_path: Path) -> None:
    """The arguments of ``dom0kit answers serve``."""
    words = network_boot.serve_words(tmp_path / "tree", tmp_path / "run", network_boot.Boot("bios", no_ipxe=True))
    assert words[:3] == ["answers", "serve", str(tmp_path / "tree")]
    assert words[-3:] == ["--dhcp", network_boot.RANGE, "--no-ipxe"]
    assert network_boot.serve_words(tmp_path, tmp_path, network_boot.Boot("uefi", dhcp="proxy"))[-1] == "proxy"


def test_laboratory_is_no_host(tmp_path: Path) -> None:
    """Requests of the lab itself do not count as a host's bytes."""
    (tmp_path / "access.log").write_text('10.77.0.1 - - [x] "GET / HTTP/1.1" 200 10\n10.77.0.9 - - [x] "GET / HTTP/1.1" 200 5\n')
    assert access_log.bytes_by_client(served(tmp_path, "").requests) == {"10.77.0.9": 5}


def test_tokens_and_image_of_a_tree(tmp_path: Path) -> None:
    """As rendered."""
    (tmp_path / "answers").mkdir()
    (tmp_path / "hosts.json").write_text(json.dumps({"image": "0123", "hosts": {"a": {}, "b": {}, "c": {}}}))
    (tmp_path / "answers/a.yaml").write_text("reports: {webhook: {url: x, token: hush}}\n")
    (tmp_path / "answers/b.yaml").write_text("version: 1\n")
    (tmp_path / "answers/c.yaml").write_text('<?xml version="1.0"?>\n<installation/>\n')
    (tmp_path / "images/0123").mkdir(parents=True)
    for name in ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs"):
        (tmp_path / "images/0123" / name).write_bytes(bytes(10))
    tree = network_boot.Tree(tmp_path, tmp_path / "i")
    assert tree.tokens() == ["hush"]
    assert tree.image_bytes == 40
    assert not tree.is_armed("a")
    (tmp_path / "armed").mkdir()
    for kind in ("cfg", "ipxe"):
        (tmp_path / "armed" / f"a.{kind}").touch()
        assert tree.is_armed("a")
        (tmp_path / "armed" / f"a.{kind}").unlink()


def test_mdstat() -> None:
    """The last brackets of an array's second line."""
    whole = "md127 : active raid1 vdb3[1] vda3[0]\n      10476544 blocks super 1.2 [2/2] [UU]\n      bitmap: 0/1 pages\n"
    assert test_disks.members(whole) == ["UU"]
    assert test_disks.members(whole.replace("[2/2] [UU]", "[2/1] [_U]") + whole) == ["_U", "UU"]
    assert test_disks.members("Personalities : [raid1]\nunused devices: <none>\n") == []


@pytest.mark.parametrize("line", ["active-backup primary: <none>\nactive member mac: {}(mgmt1)", "active slave mac: {}(mgmt1)"])
def test_active_member(line: str) -> None:
    """Open vSwitch 2 says slave, 3 says member."""
    mac = test_network.MACS[1]
    assert test_network.active_member("---- mgmt-bond ----\n" + line.format(mac)) == mac
    with pytest.raises(ScenarioFailed, match="no active member"):
        test_network.active_member("---- mgmt-bond ----\nactive-backup primary: <none>\n")


def test_sentence_about_memory() -> None:
    """What the initramfs says."""
    said = "dom0kit: this machine has 0.9 GiB of RAM, this image over the network needs 1.1 GiB. Add memory"
    match = test_memory.SENTENCE.search(said)
    assert match
    assert match.groups() == ("0.9", "1.1")


def test_blocks_that_differ_and_their_files(tmp_path: Path) -> None:
    """Each belongs to a file; one that belongs to none is a table or a boot record."""
    one, other = tmp_path / "a", tmp_path / "b"
    data = bytearray(iso_diff.BLOCK * 1000)
    one.write_bytes(data)
    data[iso_diff.BLOCK * 7 + 1] = 1
    data[iso_diff.BLOCK * 900] = 1
    other.write_bytes(data)
    blocks = iso_diff.different_blocks(one, other)
    assert blocks == [7, 900]
    assert iso_diff.owners(blocks, {"/x": range(5, 8), "/y": range(900, 901)}) == ["/x", "/y"]
    with pytest.raises(ScenarioFailed, match="block 900"):
        iso_diff.owners(blocks, {"/x": range(5, 8)})
    other.write_bytes(data[:-1])
    with pytest.raises(ScenarioFailed, match="bytes"):
        iso_diff.different_blocks(one, other)
