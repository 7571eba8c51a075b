"""Pools of Ganeti with real hosts: create, join, run guests."""

from __future__ import annotations

import json
from contextlib import ExitStack

from firstboot.multipath_monitor.ganeti_tags import TAG
from firstboot.multipath_monitor.monitor import EXPECTED
from qa.checks import host_checks
from qa.checks.host_checks import need
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool.checks import STAGE, check_master, check_member, prepare
from qa.pool.pool_hosts import JOB, POOL, POOL_ADDRESS, SOURCES, PoolDisks, PoolLab, address, mac, name, to_create, to_join
from qa.pool.unattended import Site
from qa.san import multipath_array
from qa.scenario import Scenario
from qa.vm.machine import Machine

GUEST_ADDRESS = "10.77.0.90"
CURL_REFUSED = 7
"""Exit code of curl(1) when the connection is refused."""
PVH = """name = "guest1"
type = "pvh"
kernel = "/run/dom0kit/image/vmlinuz"
ramdisk = "/var/lib/dom0kit/guest/initrd.img"
cmdline = "console=hvc0 guest.name=guest1 guest.address={address}/24"
cpuid = "host,rdtscp=0,xsave=0,avx=0,avx2=0"
memory = 256
vcpus = 1
vif = ["bridge=xenbr0,script=vif-openvswitch"]
on_crash = "destroy"
"""
"""The self test's guest in Xen's PVH mode, without processor features that QEMU does not emulate."""


def check_remote_api(pool: PoolLab, lab: Lab) -> None:
    """Check that the remote API answers at the pool's address, by TLS, only to its user, and to pool members alone."""
    output = json.loads(pool.succeed(1, "jq 'del(.password)' /etc/dom0kit/rapi.json"))
    mode = pool.succeed(1, "stat -c %a /etc/dom0kit/rapi.json").strip()
    need(mode == "600", f"/etc/dom0kit/rapi.json has mode {mode}")
    url = f"https://{POOL_ADDRESS}:{output['port']}/2/nodes"
    curl = "curl --silent --insecure --max-time 1200"
    user = """--user "$(jq -r '.user + ":" + .password' /etc/dom0kit/rapi.json)\""""
    found = pool.succeed(1, f"{curl} {user} {url}")
    need(name(1) in found, f"the remote API answers {found[:200]!r}")
    refused = pool.succeed(1, f"{curl} --output /dev/null --write-out '%{{http_code}}' {url}")
    need(refused == "401", f"without a password the remote API answers {refused}")
    from_outside = lab.run([*curl.split(), "--output", "/dev/null", url], check=False, timeout=1300).returncode
    need(from_outside == CURL_REFUSED, f"from outside curl ends with {from_outside}, not as after a connection that is refused")


@scenario("pool-create", firmware="bios", minutes=15, stage="pool", tags={"pool", "ganeti"}, lab=True, needs=("curl",))
def test_pool_create(scenario: Scenario, pool: PoolLab, pool_disks: PoolDisks, lab: Lab) -> None:
    """Create a pool at a host's first boot; it answers, verifies, and is healthy after a reboot."""
    disk = pool_disks.host(scenario, 1, to_create())
    with pool.running(1, disk) as machine:
        pool.wait_for_first_boot(1)
        check_master(pool)
        check_remote_api(pool, lab)
        pool.verify(1)
        host_checks.check_no_failed_unit(pool.ssh(1))
        scenario.diagnose("status.txt", pool.ssh(1), "dom0ctl status; dom0ctl pool status")
        stage = scenario.keep_stage(STAGE, SOURCES, lambda folder: prepare(scenario, pool, pool_disks, folder))
        machine.crash()
    with pool.running(1, pool_disks.master(scenario, stage)):
        with scenario.phase("second boot"):
            pool.wait_for_first_boot(1)
        check_master(pool)
        host_checks.check_no_failed_unit(pool.ssh(1))


@scenario(
    "pool-join-unattended",
    firmware="bios",
    minutes=30,
    machines=2,
    tags={"pool", "ganeti", "pxe"},
    lab=True,
    needs=(
        "curl",
        "nginx",
    ),
)
def test_pool_join_unattended(scenario: Scenario, pool: PoolLab, lab: Lab) -> None:
    """Install two blank machines from one inventory: the first creates the pool, the second joins it and runs a guest."""
    site = Site(scenario, lab)
    with ExitStack() as stack:
        for number in (1, 2):
            if number == 2:
                token = pool.succeed(1, f"dom0ctl pool token create --host {name(2)} --mac {mac(2)} 2>/dev/null").strip()
                scenario.secrets.append(token)
                site.token(token)
            disk, nic = site.blank(number)
            spec = scenario.spec(f"h{number}", drives=(disk,), nics=(nic,), netns=lab.namespace, reset_ends=False)
            machine = stack.enter_context(scenario.machine(f"h{number}", spec, expected_failures=("firstboot",)))
            pool.machines[number] = machine
            site.wait_for_installation(machine, number)
            pool.wait_for_first_boot(number)
            check_member(pool, number)
        check_master(pool)
        pool.verify(2)
        with scenario.phase("guest on the second host"):
            output = pool.succeed(
                1, f"dom0ctl selftest --host {name(2)} --name guest1 --address {GUEST_ADDRESS}/24 --keep", limit=2 * JOB
            )
        scenario.keep("selftest.txt", output)
        need(lab.reaches(GUEST_ADDRESS), "the guest does not answer in the lab network")
        pool.succeed(1, "gnt-instance remove --force --shutdown-timeout=60 guest1", limit=JOB)
        scenario.diagnose("status.txt", pool.ssh(1), "dom0ctl status; gnt-node list")


@scenario(
    "pool-join-three", firmware="bios", minutes=25, machines=3, stage="pool", tags={"pool", "ganeti"}, lab=True, needs=("curl",)
)
def test_pool_join_three(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks) -> None:
    """Join two more hosts at their first boots, one after the other; all know each other's names, and the pool verifies."""
    with ExitStack() as stack:
        for number in (2, 3):
            disk = pool_disks.host(scenario, number, to_join(pool_disks.token))
            stack.enter_context(pool.running(number, disk))
            pool.wait_for_first_boot(number)
            check_member(pool, number)
        pool.verify(3)
        for number in (1, 2, 3):
            found = pool.succeed(number, f"getent hosts {' '.join(name(n) for n in (1, 2, 3))}")
            need(all(address(n) in found for n in (1, 2, 3)), f"h{number} knows these names: {found}")
        with scenario.phase("a lost path is tagged in the pool"):
            check_path_tag(pool, 2)


def check_path_tag(pool: PoolLab, number: int) -> None:
    """Remove and restore one of two paths of a disk: the pool's list of hosts shows it by a tag."""
    before = {item["wwid"] for item in multipath_array.multipath_status(pool.ssh(number))["maps"]}
    pool.succeed(number, multipath_array.ALUA)

    def paths() -> list[str]:
        new = [item for item in multipath_array.multipath_status(pool.ssh(number))["maps"] if item["wwid"] not in before]
        return [item["wwid"] + " " + path["dev"] for item in new for group in item["groups"] for path in group["paths"]]

    def tagged() -> bool:
        return f"{TAG}{wwid}" in pool.succeed(1, "gnt-node list --no-headers -o name,tags")

    pool.wait_until(number, lambda: len(paths()) == 2, "a disk with two paths", limit=multipath_array.SEEN_SECONDS)
    wwid, path = paths()[1].split()
    # The service expects two paths of the disk once it has seen both.
    noted = f"grep {wwid} /{EXPECTED}"
    pool.wait_until(
        number, lambda: pool.ssh(number).execute(noted).code == 0, "note of the disk's paths", limit=multipath_array.SEEN_SECONDS
    )
    pool.succeed(number, f"echo 1 >/sys/block/{path}/device/delete")
    pool.wait_until(number, tagged, "the tag of a missing path", limit=2 * multipath_array.SEEN_SECONDS)
    pool.succeed(number, "dom0ctl multipath --rescan; true")
    pool.wait_until(number, lambda: not tagged(), "the end of the tag", limit=2 * multipath_array.SEEN_SECONDS)


@scenario(
    "pool-guest-runs", firmware="bios", minutes=17, machines=2, stage="pool", tags={"pool", "ganeti"}, lab=True, needs=("curl",)
)
def test_pool_guest_runs(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks, lab: Lab) -> None:
    """Run a guest with a mirrored disk, fail it over to the other host, and remove it there."""
    with pool.running(2, pool_disks.host(scenario, 2, to_join(pool_disks.token))):
        pool.wait_for_first_boot(2)
        guest = f"--name guest1 --address {GUEST_ADDRESS}/24 --keep"
        with scenario.phase("guest with a mirrored disk"):
            pool.succeed(1, f"dom0ctl selftest --partner {name(2)} {guest}", limit=3 * JOB)
        need(lab.reaches(GUEST_ADDRESS), "the guest does not answer in the lab network")
        with scenario.phase("failover"):
            # Ganeti fails over to a mirror that has all data alone.
            pool.succeed(1, "gnt-instance activate-disks --wait-for-sync guest1", limit=JOB)
            pool.succeed(1, "gnt-instance failover --force --shutdown-timeout=60 guest1", limit=JOB)
        where = pool.succeed(1, "gnt-instance list --no-headers -o pnode guest1").strip()
        need(where == name(2), f"the guest is on {where}")
        need(lab.reaches(GUEST_ADDRESS, limit=1200), "the guest does not answer after the failover")
        need("guest1" in pool.succeed(2, "xl list"), "Xen on the other host has no such guest")
        pool.succeed(1, "gnt-instance remove --force --shutdown-timeout=60 guest1", limit=JOB)
        need(not pool.succeed(1, "gnt-instance list --no-headers -o name").strip(), "the guest is still there")
        pool.verify(2)


@scenario(
    "pool-live-migration",
    firmware="bios",
    minutes=12,
    machines=2,
    stage="pool",
    tags={"pool", "ganeti"},
    lab=True,
    needs=("curl",),
)
def test_pool_live_migration(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks, lab: Lab) -> None:
    """Migrate a PVH guest, which needs no shadow paging, live to the other host by ``xl migrate``."""
    with pool.running(2, pool_disks.host(scenario, 2, to_join(pool_disks.token))):
        pool.wait_for_first_boot(2)
        pool.succeed(1, f"cat >/run/guest1.cfg <<'END'\n{PVH.format(address=GUEST_ADDRESS)}END\nxl create /run/guest1.cfg")
        need(lab.reaches(GUEST_ADDRESS, limit=1200), "the guest does not answer in the lab network")
        ssh = f"ssh -o BatchMode=yes -o UserKnownHostsFile=/var/lib/ganeti/known_hosts -o HostKeyAlias={POOL}"
        with scenario.phase("live migration"):
            output = pool.succeed(1, f"xl -v migrate -s '{ssh}' guest1 {name(2)} 2>&1", limit=JOB)
        scenario.keep("migrate.txt", output)
        need(lab.reaches(GUEST_ADDRESS, limit=1200), "the guest does not answer after the migration")
        need("guest1" in pool.succeed(2, "xl list"), "Xen on the other host has no such guest")
        need("guest1" not in pool.succeed(1, "xl list"), "Xen on the first host still has the guest")
        pool.succeed(2, "xl destroy guest1")
