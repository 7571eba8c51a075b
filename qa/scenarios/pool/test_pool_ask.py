"""The pool is asked before a disk is touched: by the real client and by the real installer, over a real sshd.

What stands for the pool is :mod:`qa.pool.fake_pool_server`: no Ganeti runs there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from qa import timeouts
from qa.host_checks import need
from qa.install.answers import DISK_SERIAL, answers, management
from qa.lab import netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool.fake_pool_server import Desk, ask, client, expect
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import MANAGEMENT_MAC as MAC
from qa.vm.qemu_args import Drive

HOST = "10.77.0.60"
"""The fixed address in the answers: nobody gives another one, so that only the installer itself can have set it up."""
HOUR = 3600


@dataclass(frozen=True)
class Refusal:
    """What the installer must say.

    :param clock: of the machine, as :class:`qa.vm.qemu_args.MachineSpec` takes it.
    """

    code: str
    says: str
    clock: str = "utc"


def refused_by_installer(scenario: Scenario, lab: Lab, token: str, refusal: Refusal) -> None:
    """Boot the installer with a disk that may be erased: it fails with the pool's reason, and not one byte is changed."""
    disk = media.ext4_disk(scenario.work / "precious.img")
    before = media.fingerprint(disk)
    text = answers(
        scenario.settings.credentials,
        wipe=True,
        network={"management": management(ipv4={"address": f"{HOST}/24"})},
        pool={"toolstack": "ganeti", "join": {"token": token}},
    )
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    drives = (Drive(disk, serial=DISK_SERIAL), scenario.cd(0), stick)
    nics = (lab.nic(MAC),)
    spec = scenario.spec("install", drives=drives, nics=nics, netns=lab.namespace, clock=refusal.clock)
    with scenario.machine("install", spec, expected_failures=("installer",)) as machine:
        with scenario.phase("boot to the refusal"):
            event = machine.wait_for_event("installer", "failed", limit=timeouts.INSTALL)
        machine.sleep(10)  # an installer that writes after all would do it now
        machine.screenshot("refused")
    said = f"{event.get('details', '')} {event.get('hint', '')}"
    scenario.notes["refusal"] = said
    need(refusal.says in said, f"the installer does not give the pool's reason ({refusal.says}): {said}")
    need("first ask the pool at" in machine.console_text, "the plan does not show that the pool will be asked")
    need(f" {HOST} port " in (scenario.folder / "server-sshd.log").read_text(), f"nobody came to the pool from {HOST}")
    need(media.fingerprint(disk) == before, "the disk was written to")


@scenario("pool-wrong-token", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_wrong_token(scenario: Scenario, lab: Lab) -> None:
    """A mangled token asks nobody; another pool's meets another host key; a revoked one is not let in."""
    with Desk(lab, scenario.work / "pool") as desk:
        good, revoked = desk.token("--uses", "2"), desk.token()
        other = Desk(lab, scenario.work / "other").token()  # of a pool whose master had this one's address
        scenario.secrets += [good, revoked, other]
        with scenario.phase("the client asks"):
            expect(ask(lab, good))
            mangled = good[:40] + ("A" if good[40] != "A" else "B") + good[41:]
            need("checksum" in ask(lab, mangled)["error"], "a mangled token is not found out")
            expect(ask(lab, f"  {good[:50]}\n {good[50:]} "))
            expect(ask(lab, other), "pin")
            name = next(line.split()[0] for line in desk.command("token", "list").output.splitlines()[2:] if "of 1" in line)
            expect(ask(lab, revoked))
            desk.command("token", "revoke", name)
            expect(ask(lab, revoked), "token")
        refused_by_installer(scenario, lab, revoked, Refusal("token", f"does not let the join token {name} in"))


@scenario("pool-expired-token", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_expired_token(scenario: Scenario, lab: Lab) -> None:
    """A token is good for its time and for so many hosts; a host that comes again has its use already."""
    with Desk(lab, scenario.work / "pool") as desk:
        expired, once = desk.token("--ttl", "20s"), desk.token("--uses", "1")
        scenario.secrets += [expired, once]
        with scenario.phase("the client asks"):
            expect(ask(lab, expired))
            expect(ask(lab, once))
            desk.enter_queue(lab, once, name="first.example.net", uuid="00000000-0000-4000-8000-000000000001")
            expect(ask(lab, once, "--name", "first.example.net", "--uuid", "00000000-0000-4000-8000-000000000001"))
            expect(ask(lab, once), "used-up")
            time.sleep(21)
            expect(ask(lab, expired), "expired")
        refused_by_installer(scenario, lab, expired, Refusal("expired", "expired"))


@scenario("pool-version-mismatch", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_version_mismatch(scenario: Scenario, lab: Lab) -> None:
    """Another series of the image, of the toolstack, another toolstack, a taken address: each is said before anything is done."""
    with Desk(lab, scenario.work / "pool", version="9.9.0") as desk:
        token = desk.token("--uses", "any")
        scenario.secrets.append(token)
        with scenario.phase("the client asks"):
            expect(ask(lab, token, "--version", "9.9.1"))
            expect(ask(lab, token, "--version", "9.8.0"), "version")
            expect(ask(lab, token, "--version", "9.9.0", "--toolstack", "ganeti 3.0.2"), "version")
            expect(ask(lab, token, "--version", "9.9.0", "--toolstack", "xapi 25.6"), "toolstack")
            expect(ask(lab, token, "--version", "9.9.0", "--address", netns_commands.SITE_ADDRESS), "address")
            expect(client(lab, token, ["--word", "join", "--version", "9.8.0"]), "version")
            need("waiting" not in desk.command("queue").output, "a host that does not fit stands in the queue")
        refused_by_installer(scenario, lab, token, Refusal("version", "the pool pool.example.net runs 9.9.0"))


@scenario("pool-clock-skew", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_clock_skew(scenario: Scenario, lab: Lab) -> None:
    """Clocks that are more than a minute apart are refused; the machine's hardware clock is three hours behind."""
    with Desk(lab, scenario.work / "pool") as desk:
        token = desk.token("--uses", "any")
        scenario.secrets.append(token)
        with scenario.phase("the client asks"):
            expect(ask(lab, token, "--ahead", "30"))
            expect(ask(lab, token, "--ahead", "90"), "clock")
            expect(ask(lab, token, "--ahead", str(-HOUR)), "clock")
        behind = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - 3 * HOUR))
        refused_by_installer(scenario, lab, token, Refusal("clock", "hours behind the pool's; 60 s are allowed", behind))
