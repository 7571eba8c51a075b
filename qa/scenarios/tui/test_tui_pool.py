"""Optional screens: a driver from a stick, a pool's preflight check, a failure whose log is saved."""

from __future__ import annotations

import re
import sys

from qa import timeouts
from qa.checks.host_checks import need
from qa.install import sample_debs
from qa.install.answers import DISK_SERIAL, HOST_NAME
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool.fake_pool_server import MASTER, POOL, FakePool
from qa.scenario import Scenario
from qa.scenarios.install.test_answers import check_bundle
from qa.scenarios.tui.test_tui import wanted
from qa.tui import navigation_checks, standard_path
from qa.tui.operator import Operator
from qa.vm import media
from qa.vm.qemu_args import MANAGEMENT_MAC, Drive

FETCH = "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=60).read())"


def add_driver(operator: Operator, scenario: Scenario) -> None:
    """Go from the first screen to that of the disks, with a driver from a stick."""
    operator.wait_for_screen(standard_path.FIRST, limit=timeouts.BOOT)
    operator.press("enter")
    operator.wait_for_screen("What to do")
    operator.press("enter")
    if operator.wait_for_screen("Drivers and packages", "Warnings") == "Warnings":
        operator.press_button("Continue anyway")
        operator.wait_for_screen("Drivers and packages")
    operator.press_button("Add from USB")
    operator.wait_for_screen("USB stick or CD", limit=timeouts.COMMAND)
    operator.choose(sample_debs.LABEL)
    operator.press("enter")
    with scenario.phase("read and check the packages"):
        operator.wait_for_screen("Packages found", limit=timeouts.INSTALL)
    operator.wait_for_text(f"{sample_debs.DRIVERS} 1:1.0 (4 drivers)")
    scenario.keep("seen-found.txt", operator.screen.text)
    operator.press_button("Install")
    with scenario.phase("install the packages here"):
        operator.wait_for_text("The packages are installed.", limit=timeouts.INSTALL)
    operator.press("enter")
    operator.wait_until_gone("The packages are installed.")
    operator.wait_for_text(sample_debs.PROGRAM)
    scenario.keep("seen-packages.txt", operator.screen.text)
    operator.press_button("Next")


def join(operator: Operator, scenario: Scenario, fake_pool: FakePool, token: str) -> None:
    """Go from the question about the pool to the summary: a mangled token, an unreachable pool, one that accepts the host."""
    operator.wait_for_screen("Pool")
    operator.choose("Join an existing pool")
    operator.press("enter")
    operator.wait_for_screen("Join token")
    broken = token[:50] + ("A" if token[50] != "A" else "B") + token[51:]
    operator.fill("Token", broken)
    navigation_checks.refused(operator, "Join token", "its checksum is wrong")
    operator.fill("Token", token)
    fake_pool.stop()
    operator.press_button("Next")
    operator.wait_for_screen("Pool admission check")
    with scenario.phase("ask a pool that is away"):
        operator.wait_for_text("[!!] The admission check failed:", limit=timeouts.COMMAND)
    operator.wait_for_text("refuses the connection")
    scenario.keep("seen-away.txt", operator.screen.text)
    navigation_checks.refused_in_words(operator, "Pool admission check", "The pool rejects this host.")
    fake_pool.start()
    operator.press_button("Check again")
    with scenario.phase("ask the pool"):
        operator.wait_for_text("[ok] The pool accepts this host.", limit=timeouts.COMMAND)
    operator.wait_for_text(POOL)
    operator.wait_for_text(MASTER)
    scenario.keep("seen-answer.txt", operator.screen.text)
    operator.press_button("Next")


def fail(operator: Operator) -> None:
    """Use the disk in the shell while the installer shows its last question, so that the installation fails."""
    operator.wait_for_screen("Summary")
    operator.press("ctrl-t", "ctrl-t")
    operator.wait_for_text("[3 shell]")
    operator.send_line("mkfs.ext4 -Fq /dev/disk/by-id/virtio-" + DISK_SERIAL + " && mount /dev/vda /mnt; echo mounted-$((1+1))")
    operator.wait_for_text("mounted-2", limit=timeouts.COMMAND)
    operator.press("ctrl-t")
    operator.wait_for_screen("Summary")
    operator.press_button("Next")
    operator.wait_for_screen("Confirmation")
    operator.press_button("Install")
    operator.wait_for_screen("The installation failed", limit=timeouts.INSTALL)


def let_out(operator: Operator, scenario: Scenario, lab: Lab, url: str) -> bytes:
    """Save the log by a browser and by HTTP POST; return what the browser got."""
    operator.press_button("Save log")
    operator.wait_for_screen("Save the log")
    operator.choose("web browser")
    operator.press("enter")
    operator.wait_for_screen("Download the log", limit=timeouts.INSTALL)
    found = re.search(r"http://10\.77\.0\.\d+:\d+/log-[a-z]{8}\.tar\.gz", operator.screen.flat)
    need(found, f"the screen shows no address:\n{operator.screen.text}")
    assert found is not None
    scenario.keep("seen-offer.txt", operator.screen.text)
    target = scenario.folder / "fetched.tar.gz"
    lab.run(["sh", "-c", f'exec {sys.executable} -c "{FETCH}" {found[0]} >{target}'])
    operator.wait_for_text("Downloaded once, last by 10.77.0.1")
    operator.press_button("Done")
    operator.wait_for_screen("The installation failed")
    operator.press_button("Save log")
    operator.wait_for_screen("Save the log")
    operator.choose("HTTP POST")
    operator.press("enter")
    operator.wait_for_screen("Upload the log", limit=timeouts.INSTALL)
    operator.fill("URL", url)
    operator.press_button("Send")
    operator.wait_for_text("[ok] Uploaded", limit=timeouts.COMMAND)
    operator.press("enter")
    operator.wait_for_screen("The installation failed")
    return target.read_bytes()


@scenario("tui-pool", firmware="bios", minutes=5, tags={"tui", "pool"}, lab=True, needs=("ssh-keygen",))
def test_tui_pool(scenario: Scenario, lab: Lab) -> None:
    """Use a driver from a stick, an SSH server with the real forced command as the pool, and save a log over the network."""
    lab.dhcp()
    web = lab.web("web", files=scenario.work)
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    drives = (disk, scenario.cd(), sample_debs.stick(scenario, sample_debs.make(scenario)))
    spec = scenario.spec(
        "install", drives=drives, nics=(lab.nic(MANAGEMENT_MAC),), netns=lab.namespace, devices=sample_debs.DEVICES
    )
    with FakePool(lab, scenario.work / "master") as fake_pool:
        # The host is outside of the domain of the pool: a token for it by name is needed.
        token = fake_pool.token("--host", HOST_NAME)
        scenario.secrets.append(token)
        with scenario.machine("install", spec, expected_failures=("installer",)) as machine:
            operator, choices = Operator(machine), wanted(scenario)
            add_driver(operator, scenario)
            standard_path.storage(operator, choices)
            standard_path.network(operator, choices)
            standard_path.to_pool(operator, choices)
            join(operator, scenario, fake_pool, token)
            operator.wait_for_screen("Summary")
            operator.wait_for_text(sample_debs.DRIVERS)
            scenario.keep("seen-summary.txt", operator.screen.text)
            fail(operator)
            scenario.keep("seen-failure.txt", operator.screen.text)
            data = let_out(operator, scenario, lab, f"{web.url}/report/by-hand")
            machine.screenshot("failed")
    check_bundle(scenario.folder / "fetched.tar.gz")
    need(web.bundles and web.bundles[0].read_bytes()[:2] == data[:2] == b"\x1f\x8b", "the sent file is no .gz")
    check_bundle(web.bundles[0])
