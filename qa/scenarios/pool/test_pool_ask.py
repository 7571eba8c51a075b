"""Preflight checks by the real client and by the real installer, over a real sshd, before a disk is touched.

The pool is :mod:`qa.pool.fake_pool_server`, in which no Ganeti runs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from qa import timeouts
from qa.checks.host_checks import need
from qa.guest.ssh_access import Credentials
from qa.install.answers import DISK_SERIAL, answers, management
from qa.lab import netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool.fake_pool_server import FakePool, expect_problems, preflight, run_client
from qa.pool.pool_hosts import to_join
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import MANAGEMENT_MAC as MAC
from qa.vm.qemu_args import Drive

HOST = "10.77.0.60"
"""The fixed address in the answers: without a DHCP server only the installer itself can have configured it."""
HOUR = 3600


@dataclass(frozen=True)
class Refusal:
    """The expected refusal.

    :param clock: of the machine, as :class:`qa.vm.qemu_args.MachineSpec` takes it.
    """

    code: str
    says: str
    clock: str = "utc"


def joining_answers(credentials: Credentials, token: str) -> str:
    """Return answers with a fixed address, and a disk that may be erased, for a host that joins by a token."""
    network = {"management": management(ipv4={"address": f"{HOST}/24"})}
    return answers(credentials, wipe=True, network=network, pool=to_join(token))


def refused_by_installer(scenario: Scenario, lab: Lab, token: str, refusal: Refusal) -> None:
    """Boot the installer with a disk that may be erased; check that it fails with the pool's reason and writes nothing."""
    disk = media.ext4_disk(scenario.work / "precious.img")
    before = media.fingerprint(disk)
    text = joining_answers(scenario.settings.credentials, token)
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    drives = (Drive(disk, serial=DISK_SERIAL), scenario.cd(0), stick)
    nics = (lab.nic(MAC),)
    spec = scenario.spec("install", drives=drives, nics=nics, netns=lab.namespace, clock=refusal.clock)
    with scenario.machine("install", spec, expected_failures=("installer",)) as machine:
        with scenario.phase("boot to the refusal"):
            event = machine.wait_for_event("installer", "failed", limit=timeouts.INSTALL)
        machine.sleep(10)  # an installer that writes after all would do it now
        machine.screenshot("refused")
    text = f"{event.get('details', '')} {event.get('hint', '')}"
    scenario.notes["refusal"] = text
    need(refusal.says in text, f"the installer does not report the pool's reason ({refusal.says}): {text}")
    need("first ask the pool at" in machine.console_text, "the plan does not show the preflight check")
    need(f" {HOST} port " in (scenario.folder / "server-sshd.log").read_text(), f"no connection reached the pool from {HOST}")
    need(media.fingerprint(disk) == before, "the disk was written to")


@scenario("pool-wrong-token", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_wrong_token(scenario: Scenario, lab: Lab) -> None:
    """Use a mangled token, another pool's, and a revoked one: none is accepted, and the mangled one is not sent."""
    with FakePool(lab, scenario.work / "pool") as fake_pool:
        good, revoked = fake_pool.token("--uses", "2"), fake_pool.token()
        other = FakePool(lab, scenario.work / "other").token()  # of a pool whose master had this one's address
        scenario.secrets += [good, revoked, other]
        with scenario.phase("the client asks"):
            expect_problems(preflight(lab, good))
            mangled = good[:40] + ("A" if good[40] != "A" else "B") + good[41:]
            need("checksum" in preflight(lab, mangled)["error"], "a mangled token is not detected")
            expect_problems(preflight(lab, f"  {good[:50]}\n {good[50:]} "))
            expect_problems(preflight(lab, other), "pin")
            name = next(line.split()[0] for line in fake_pool.command("token", "list").output.splitlines()[2:] if "of 1" in line)
            expect_problems(preflight(lab, revoked))
            fake_pool.command("token", "revoke", name)
            expect_problems(preflight(lab, revoked), "token")
        refused_by_installer(scenario, lab, revoked, Refusal("token", f"does not accept the join token {name}"))


@scenario("pool-expired-token", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_expired_token(scenario: Scenario, lab: Lab) -> None:
    """Use tokens past their time and number of hosts; a host that comes again has its use already."""
    with FakePool(lab, scenario.work / "pool") as fake_pool:
        expired, once = fake_pool.token("--ttl", "20s"), fake_pool.token("--uses", "1")
        scenario.secrets += [expired, once]
        with scenario.phase("the client asks"):
            expect_problems(preflight(lab, expired))
            expect_problems(preflight(lab, once))
            fake_pool.enter_queue(lab, once, name="first.example.net", uuid="00000000-0000-4000-8000-000000000001")
            expect_problems(preflight(lab, once, "--name", "first.example.net", "--uuid", "00000000-0000-4000-8000-000000000001"))
            expect_problems(preflight(lab, once), "used-up")
            time.sleep(21)
            expect_problems(preflight(lab, expired), "expired")
        refused_by_installer(scenario, lab, expired, Refusal("expired", "expired"))


@scenario("pool-version-mismatch", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_version_mismatch(scenario: Scenario, lab: Lab) -> None:
    """Join with another series of the image, another toolstack, or a taken address: each is refused."""
    with FakePool(lab, scenario.work / "pool", version="9.9.0") as fake_pool:
        token = fake_pool.token("--uses", "any")
        scenario.secrets.append(token)
        with scenario.phase("the client asks"):
            expect_problems(preflight(lab, token, "--version", "9.9.1"))
            expect_problems(preflight(lab, token, "--version", "9.8.0"), "version")
            expect_problems(preflight(lab, token, "--version", "9.9.0", "--toolstack", "ganeti 3.0.2"), "version")
            expect_problems(preflight(lab, token, "--version", "9.9.0", "--toolstack", "xapi 25.6"), "toolstack")
            expect_problems(preflight(lab, token, "--version", "9.9.0", "--address", netns_commands.SITE_ADDRESS), "address")
            expect_problems(run_client(lab, token, ["--word", "join", "--version", "9.8.0"]), "version")
            need("waiting" not in fake_pool.command("queue").output, "a host that was refused is in the queue")
        refused_by_installer(scenario, lab, token, Refusal("version", "the pool pool.example.net runs 9.9.0"))


@scenario("pool-clock-skew", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_clock_skew(scenario: Scenario, lab: Lab) -> None:
    """Join with clocks that differ by more than a minute; the machine's hardware clock is three hours behind."""
    with FakePool(lab, scenario.work / "pool") as fake_pool:
        token = fake_pool.token("--uses", "any")
        scenario.secrets.append(token)
        with scenario.phase("the client asks"):
            expect_problems(preflight(lab, token, "--ahead", "30"))
            expect_problems(preflight(lab, token, "--ahead", "90"), "clock")
            expect_problems(preflight(lab, token, "--ahead", str(-HOUR)), "clock")
        behind = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 3 * HOUR))
        refused_by_installer(scenario, lab, token, Refusal("clock", "hours behind the pool's; 60 s are allowed", behind))
