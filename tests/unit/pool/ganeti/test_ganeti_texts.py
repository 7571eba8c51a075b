from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.managed_block import outside
from pool.ganeti.create import LIMITS, bounds, mac_prefix
from pool.ganeti.instance_commands import Wanted, add_command
from pool.ganeti.peers import etc_hosts, ssh_keys
from pool.ganeti.rapi import users_line
from pool.ganeti.ssconf import addresses, read_ssconf
from pool.host_access import LocalHost

KEY = "ssh-rsa AAAAB3NzaC1yc2E root@h1"
OTHER = "ssh-rsa AAAAB3Nother root@h2"


def test_a_host_without_pool_has_no_ssconf(access: LocalHost) -> None:
    assert read_ssconf(access) is None


def test_a_pool_that_was_cut_off_before_its_certificate_is_none(in_pool: LocalHost) -> None:
    in_pool.path("var/lib/ganeti/server.pem").unlink()
    assert read_ssconf(in_pool) is None


def test_ssconf_tells_pool_master_and_hosts(in_pool: LocalHost) -> None:
    pool = read_ssconf(in_pool)
    assert pool is not None
    assert (pool.pool, pool.address, pool.master, pool.master_address) == (
        "pool.example.org",
        "10.0.0.10",
        "h1.example.org",
        "10.0.0.11",
    )
    assert pool.hosts == {"h1.example.org": "10.0.0.11", "h2.example.org": "10.0.0.12"}


def test_a_host_without_an_address_line_is_still_a_host() -> None:
    assert addresses("a 10.0.0.1\nbroken\n", "a\nb") == {"a": "10.0.0.1", "b": ""}


def test_the_pools_names_are_a_block_and_the_own_line_stays() -> None:
    text = etc_hosts.hosts_text(
        "127.0.0.1 localhost\n10.0.0.11\th1.example.org h1\n", {"h1.example.org": "10.0.0.11", "p": "10.0.0.10"}
    )
    assert text.splitlines() == [
        "127.0.0.1 localhost",
        "10.0.0.11\th1.example.org h1",
        etc_hosts.BEGIN,
        "10.0.0.10\tp",
        etc_hosts.END,
    ]
    assert etc_hosts.hosts_text(text, {}) == "127.0.0.1 localhost\n10.0.0.11\th1.example.org h1\n"


def test_writing_names_again_changes_nothing(in_pool: LocalHost) -> None:
    assert etc_hosts.write_hosts(in_pool)
    assert "10.0.0.12\th2.example.org h2" in in_pool.read("etc/hosts")
    assert not etc_hosts.write_hosts(in_pool)


def test_a_name_that_a_job_needs_stays_while_ganetis_files_change(access: LocalHost) -> None:
    etc_hosts.write_hosts(access, {"pool.example.org": "10.0.0.10"})
    assert not etc_hosts.write_hosts(access, keep=True), "gnt-cluster init resolves it before there is a pool"
    assert etc_hosts.write_hosts(access)
    assert "pool.example.org" not in access.read("etc/hosts")


def test_half_a_block_does_not_swallow_what_follows() -> None:
    assert outside(f"a\n{etc_hosts.BEGIN}\nb", etc_hosts.BEGIN, etc_hosts.END) == ["a", "b"]


def test_keys_are_added_once_and_lines_that_a_power_cut_spoilt_go() -> None:
    text = f"# mine\n{KEY}\n\0\0\0\0\n"
    assert ssh_keys.with_keys(text, [KEY, OTHER]) == f"# mine\n{KEY}\n{OTHER}\n"
    assert ssh_keys.with_keys(f"restrict {KEY}\n", [KEY]) == f"restrict {KEY}\n{KEY}\n"


@pytest.mark.parametrize("text", ["", "ssh-rsa", f"command=x {KEY}", f"{KEY}\n{OTHER}", f"{KEY}\0"])
def test_only_plain_public_keys_let_somebody_in(text: str) -> None:
    assert not ssh_keys.is_public_key(text)


def test_a_file_of_nothing_but_nul_bytes_is_made_whole(access: LocalHost) -> None:
    path = access.path("root/.ssh/authorized_keys")
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(400))
    assert ssh_keys.authorize_keys(access, [KEY])
    assert path.read_text() == f"{KEY}\n"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_keys_of_a_cut_off_addition_go_and_those_of_hosts_stay(access: LocalHost) -> None:
    access.write("var/lib/ganeti/ganeti_pub_keys", f"uuid-1 {KEY}\nh2.example.org {OTHER}\n")
    assert ssh_keys.remove_partial_keys(access, "h2.example.org")
    assert access.read("var/lib/ganeti/ganeti_pub_keys") == f"uuid-1 {KEY}\n"
    assert not ssh_keys.remove_partial_keys(access, "h2.example.org")


def test_two_pools_do_not_share_their_guests_mac_addresses() -> None:
    one, other = mac_prefix("one.example.org"), mac_prefix("other.example.org")
    assert one != other
    assert all(int(prefix[:2], 16) & 3 == 2 for prefix in (one, other))


def test_the_policy_lets_small_guests_in() -> None:
    text = bounds(LIMITS)
    assert "min:cpu-count=1,disk-count=0,disk-size=1," in text
    assert "/max:cpu-count=128," in text
    assert LIMITS["min"].keys() == LIMITS["max"].keys()


def test_the_remote_api_knows_no_password() -> None:
    # ganeti-rapi(8): HA1 is the MD5 digest of user, realm and password.
    assert users_line("u", "p") == "u {HA1}f33c80ecffa800e545e2274d51f13b1c write\n"


def test_a_guest_of_the_pool_by_command() -> None:
    words = add_command(Wanted("g", "h1", "xenbr0", "10.0.0.99/24", 77, "h2"))
    assert words[:2] == ["gnt-instance", "add"]
    assert "--disk-template=drbd" in words
    assert "--node=h1:h2" in words
    assert "--os-type=dom0kit-guest" in words
    assert "0:mode=openvswitch,link=xenbr0,vlan=.77" in words
    assert words[-1] == "g"
    (hypervisor,) = [word for word in words if word.startswith("xen-pvm:")]
    assert "kernel_args=console=hvc0 quiet guest.name=g guest.address=10.0.0.99/24" in hypervisor


def test_paths_are_below_the_root(tmp_path: Path) -> None:
    assert LocalHost(tmp_path).path("etc/hosts") == tmp_path / "etc/hosts"
