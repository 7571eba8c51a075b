"""The screens that most installations pass by: a driver from a stick, a pool that is asked, a failure whose log gets out."""

from __future__ import annotations

import re
import sys

from qa import timeouts
from qa.host_checks import need
from qa.install import sample_debs
from qa.install.answers import DISK_SERIAL
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool.fake_pool_server import MASTER, POOL, Desk
from qa.scenario import Scenario
from qa.scenarios.install.test_answers import check_bundle
from qa.scenarios.tui.test_tui import wanted
from qa.tui import navigation_checks, standard_path
from qa.tui.operator import Person
from qa.vm import media
from qa.vm.qemu_args import MANAGEMENT_MAC, Drive

FETCH = "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=60).read())"


def add_driver(person: Person, scenario: Scenario) -> None:
    """From the first screen to that of the disks, with a driver from a stick."""
    person.at_screen(standard_path.FIRST, limit=timeouts.BOOT)
    person.press("enter")
    person.at_screen("What to do")
    person.press("enter")
    if person.at_screen("Drivers and packages", "Before you go on") == "Before you go on":
        person.button("Go on all the same")
        person.at_screen("Drivers and packages")
    person.button("Add from a stick")
    person.at_screen("Stick or CD", limit=timeouts.COMMAND)
    person.choose(sample_debs.LABEL)
    person.press("enter")
    with scenario.phase("read and check the packages"):
        person.at_screen("Drivers: what was found", limit=timeouts.INSTALL)
    person.see(f"{sample_debs.DRIVERS} 1:1.0 (4 drivers)")
    scenario.keep("seen-found.txt", person.screen.text)
    person.button("Install")
    with scenario.phase("install the packages here"):
        person.see("The packages are installed here.", limit=timeouts.INSTALL)
    person.press("enter")
    person.gone("The packages are installed here.")
    person.see(sample_debs.PROGRAM)
    scenario.keep("seen-packages.txt", person.screen.text)
    person.button("Next")


def join(person: Person, scenario: Scenario, desk: Desk, token: str) -> None:
    """From the question about the pool to the summary: a mangled token, a pool that is away, one that says yes."""
    person.at_screen("Pool")
    person.choose("Join a pool")
    person.press("enter")
    person.at_screen("Join token")
    broken = token[:50] + ("A" if token[50] != "A" else "B") + token[51:]
    person.fill("Token", broken)
    navigation_checks.refused(person, "Join token", "its checksum is wrong")
    person.fill("Token", token)
    desk.stop()
    person.button("Next")
    person.at_screen("Answer of the pool")
    with scenario.phase("ask a pool that is away"):
        person.see("[!!] This does not work:", limit=timeouts.COMMAND)
    person.see("obody listens at")
    scenario.keep("seen-away.txt", person.screen.text)
    navigation_checks.refused_in_words(person, "Answer of the pool", "The pool would not take this host as it is.")
    desk.start()
    person.button("Ask again")
    with scenario.phase("ask the pool"):
        person.see("[ok] The pool would take this host.", limit=timeouts.COMMAND)
    person.see(POOL)
    person.see(MASTER)
    scenario.keep("seen-answer.txt", person.screen.text)
    person.button("Next")


def fail(person: Person) -> None:
    """Somebody uses the disk in the shell while the installer asks for the last time."""
    person.at_screen("Summary")
    person.press("ctrl-t", "ctrl-t")
    person.see("[3 shell]")
    person.send_line("mkfs.ext4 -Fq /dev/disk/by-id/virtio-" + DISK_SERIAL + " && mount /dev/vda /mnt; echo mounted-$((1+1))")
    person.see("mounted-2", limit=timeouts.COMMAND)
    person.press("ctrl-t")
    person.at_screen("Summary")
    person.button("Next")
    person.at_screen("Last question")
    person.button("Install")
    person.at_screen("The installation failed", limit=timeouts.INSTALL)


def let_out(person: Person, scenario: Scenario, lab: Lab, url: str) -> bytes:
    """The log by a browser, and by HTTP POST; what the browser got."""
    person.button("Save log")
    person.at_screen("Save the log")
    person.choose("web browser")
    person.press("enter")
    person.at_screen("Fetch the log", limit=timeouts.INSTALL)
    found = re.search(r"http://10\.77\.0\.\d+:\d+/log-[a-z]{8}\.tar\.gz", person.screen.flat)
    need(found, f"the screen shows no address:\n{person.screen.text}")
    assert found is not None
    scenario.keep("seen-offer.txt", person.screen.text)
    target = scenario.folder / "fetched.tar.gz"
    lab.run(["sh", "-c", f'exec {sys.executable} -c "{FETCH}" {found[0]} >{target}'])
    person.see("It was fetched once, last by 10.77.0.1")
    person.button("Done")
    person.at_screen("The installation failed")
    person.button("Save log")
    person.at_screen("Save the log")
    person.choose("HTTP POST")
    person.press("enter")
    person.at_screen("Send the log", limit=timeouts.INSTALL)
    person.fill("Address", url)
    person.button("Send")
    person.see("[ok] http://10.77.0.1:", limit=timeouts.COMMAND)
    person.press("enter")
    person.at_screen("The installation failed")
    return target.read_bytes()


@scenario("tui-pool", firmware="bios", minutes=5, tags={"tui", "pool"}, lab=True, needs=("ssh-keygen",))
def test_tui_pool(scenario: Scenario, lab: Lab) -> None:
    """A driver from a stick, a real SSH server with the real forced command as the pool, a log over the network."""
    lab.dhcp()
    web = lab.web("web", files=scenario.work)
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    drives = (disk, scenario.cd(), sample_debs.stick(scenario, sample_debs.make(scenario)))
    spec = scenario.spec(
        "install", drives=drives, nics=(lab.nic(MANAGEMENT_MAC),), netns=lab.namespace, devices=sample_debs.DEVICES
    )
    with Desk(lab, scenario.work / "master") as desk:
        token = desk.token()
        scenario.secrets.append(token)
        with scenario.machine("install", spec, expected_failures=("installer",)) as machine:
            person, choices = Person(machine), wanted(scenario)
            add_driver(person, scenario)
            standard_path.storage(person, choices)
            standard_path.network(person, choices)
            standard_path.to_pool(person, choices)
            join(person, scenario, desk, token)
            person.at_screen("Summary")
            person.see(sample_debs.DRIVERS)
            scenario.keep("seen-summary.txt", person.screen.text)
            fail(person)
            scenario.keep("seen-failure.txt", person.screen.text)
            data = let_out(person, scenario, lab, f"{web.url}/report/by-hand")
            machine.screenshot("failed")
    check_bundle(scenario.folder / "fetched.tar.gz")
    need(web.bundles and web.bundles[0].read_bytes()[:2] == data[:2] == b"\x1f\x8b", "what was sent is no .gz")
    check_bundle(web.bundles[0])
