"""Sources of answers: a volume's label, https with a pinned certificate, the ISO itself."""

from __future__ import annotations

import sys
from pathlib import Path

from dom0kit.process import run
from qa import timeouts
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.checks.host_checks import need
from qa.errors import ScenarioFailed
from qa.guest.ssh_access import Credentials, Ssh
from qa.install.answers import DISK_SERIAL, answers, management
from qa.install.installed_disk import run_installer
from qa.install.iso_diff import changed_files
from qa.lab.lab import PROJECT, Lab
from qa.lab.report_server import mark
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.ports import reserve
from qa.vm.qemu_args import MANAGEMENT_MAC, Drive, Nic

LABEL = "RACK-42"
HTTPS_PORT = 8443
TOKEN = "qa-token-of-the-webhook"


@scenario("answers-by-label", firmware="bios", minutes=3, tags={"install", "answers"})
def test_answers_by_label(scenario: Scenario) -> None:
    """Read answers from a folder of a second stick with its own label; show the plan and change nothing."""
    disk = media.blank_disk(scenario.work / "disk.img")
    before = media.fingerprint(disk)
    text = answers(scenario.settings.credentials, host_name="by-label.example.org")
    rack = media.answers_stick(scenario.work / "rack.img", {"hosts/xen1.yaml": text}, LABEL)
    stick = scenario.stick("install-serial", arguments=f"dom0kit.answers=label:{LABEL}/hosts/xen1.yaml dom0kit.plan-only")
    drives = (Drive(disk, serial=DISK_SERIAL), scenario.cd(0), stick, Drive(rack, "usb", serial="RACK"))
    with scenario.machine("install", scenario.spec("install", drives=drives)) as machine:
        with scenario.phase("boot to the plan"):
            event = machine.wait_for_event("installer", limit=timeouts.INSTALL)
        machine.screenshot("plan")
        machine.wait_for_console_text("by-label.example.org")
        machine.crash()
    need("nothing was changed" in str(event.get("text")), f"the installer ended with {event}")
    need(media.fingerprint(disk) == before, "the disk was written to")


def pinned_answers(credentials: Credentials, url: str, fingerprint: str) -> str:
    """Return answers that report to an https server at ``url``, whose certificate has this fingerprint."""
    webhook = {"url": f"{url}/report/{{mac}}", "token": TOKEN, "fingerprint": f"sha256:{fingerprint}"}
    network = {"management": management()}
    return answers(credentials, host_name="pinned.example.org", network=network, reports={"webhook": webhook})


@scenario("answers-https-pinned", firmware="bios", minutes=5, tags={"network", "answers"}, lab=True)
def test_answers_https_pinned(scenario: Scenario, lab: Lab) -> None:
    """Accept the right fingerprint; report a failure and show no plan with a wrong one."""
    lab.dhcp()
    files = scenario.work / "files"
    files.mkdir()
    secure = lab.web("secure", files=files, port=HTTPS_PORT, tls=True)
    plain = lab.web("reports", files=files)
    scenario.secrets.append(TOKEN)
    text = pinned_answers(scenario.settings.credentials, secure.url, secure.fingerprint)
    (files / f"{MANAGEMENT_MAC.replace(':', '-')}.yaml").write_text(text)
    disk = media.blank_disk(scenario.work / "disk.img")
    before = media.fingerprint(disk)
    nic = lab.nic(MANAGEMENT_MAC)
    right, wrong = secure.fingerprint, f"{int(secure.fingerprint, 16) ^ 1:064x}"
    for name, pin in (("right", right), ("wrong", wrong)):
        words = [f"dom0kit.answers={secure.url}/{{mac}}.yaml", f"dom0kit.trust=sha256:{pin}", "dom0kit.plan-only"]
        words += [f"dom0kit.report={plain.url}/report/{{mac}}", "dom0kit.network-timeout=60"]
        stick = scenario.stick("install-serial", arguments=" ".join(words))
        drives = (Drive(disk, serial=DISK_SERIAL), scenario.cd(0), stick)
        spec = scenario.spec(name, drives=drives, nics=(nic,), netns=lab.namespace)
        failing = ("installer",) if name == "wrong" else ()
        with scenario.machine(name, spec, expected_failures=failing) as machine:
            with scenario.phase(f"{name} pin"):
                kind = "finished" if name == "right" else "failed"
                event = machine.wait_for_event("installer", kind, limit=timeouts.INSTALL)
            if name == "right":
                machine.wait_until(lambda: secure.events, "report at the webhook of the answers", limit=timeouts.COMMAND)
                machine.wait_for_console_text("pinned.example.org")
            else:
                report = machine.wait_until(
                    lambda: next((e for e in plain.events if e.get("event") == "failed"), None),
                    "report of the failure",
                    limit=timeouts.COMMAND,
                )
                text = f"{event} {report}".lower()
                need("fingerprint" in text or "certificate" in text, f"the failure does not name the certificate: {event}")
                need("pinned.example.org" not in machine.console_text, "the answers were used though the certificate is wrong")
    marks = {report["authorization"] for report in secure.reports}
    need(marks == {mark(f"Bearer {TOKEN}")}, "the webhook's reports do not all carry its token")
    need(media.fingerprint(disk) == before, "the disk was written to")


@scenario("unattended-embedded", firmware="bios", minutes=8, tags={"install", "answers"})
def test_unattended_embedded(scenario: Scenario) -> None:
    """Install from an ISO with embedded answers: only the files for answers differ from the original."""
    source, iso = scenario.settings.iso, scenario.work / "unattended.iso"
    file = scenario.work / "host1.yaml"
    file.write_text(answers(scenario.settings.credentials))
    with scenario.phase("embed"):
        words = ["answers", "embed", str(source.resolve()), str(file), "-o", str(iso)]
        run([sys.executable, "-m", "programs.build_machine", *words], cwd=PROJECT)
    with scenario.phase("compare"):
        changed = changed_files(source, iso)
    scenario.notes["files that differ"] = changed
    need(changed, "embedding changed nothing")
    need(len(changed) <= 2, f"embedding changed more than the answers and their menu entry: {changed}")
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    port = reserve()
    machine_disks = (disk, Drive(iso, "cdrom", bootindex=1))
    with scenario.machine("install", scenario.spec("install", drives=machine_disks)) as machine:
        run_installer(machine, scenario)
    spec = scenario.spec("host", drives=machine_disks, nics=(Nic(ssh_port=port),))
    with scenario.machine("host", spec) as machine:
        wait_for_first_boot(scenario, machine)
        check_installed_host(scenario, machine, Ssh(scenario.settings.credentials, port), firmware="bios")


PROBLEMS = {"hots_name": "host_name", "Europe/Berlni": "zone", "path: sda": "/dev/"}
"""The mistakes in the bad answers, and the word that the error must have for each."""


def bad(text: str) -> str:
    """Return answers with three mistakes: a misspelt key, an unknown time zone, a disk that is no path."""
    for right, wrong in (
        ("host_name:", "hots_name:"),
        ("Europe/Berlin", "Europe/Berlni"),
        (f"serial: {DISK_SERIAL}", "path: sda"),
    ):
        if right not in text:
            raise ScenarioFailed(f"the answers have no {right}")
        text = text.replace(right, wrong)
    return text


@scenario("bad-answers-unattended", firmware="bios", minutes=3, tags={"network", "answers", "refusal"}, lab=True)
def test_bad_answers_unattended(scenario: Scenario, lab: Lab) -> None:
    """Report all mistakes at once to the webhook, with a bundle, and write nothing to the disk."""
    lab.dhcp()
    files = scenario.work / "files"
    files.mkdir()
    text = answers(scenario.settings.credentials, network={"management": management()})
    (files / "bad.yaml").write_text(bad(text))
    web = lab.web("web", files=files)
    disk = media.blank_disk(scenario.work / "disk.img")
    before = media.fingerprint(disk)
    words = f"dom0kit.answers={web.url}/bad.yaml dom0kit.report={web.url}/report/{{mac}}"
    drives = (Drive(disk, serial=DISK_SERIAL), scenario.cd(0), scenario.stick("install-serial", arguments=words))
    spec = scenario.spec("install", drives=drives, nics=(lab.nic(MANAGEMENT_MAC),), netns=lab.namespace)
    with scenario.machine("install", spec, expected_failures=("installer",)) as machine:
        with scenario.phase("boot to the failure"):
            machine.wait_for_event("installer", "failed", limit=timeouts.INSTALL)
        with scenario.phase("report"):
            report = machine.wait_until(
                lambda: next((e for e in web.events if e.get("event") == "failed"), None),
                "report of the failure",
                limit=timeouts.COMMAND,
            )
            machine.wait_until(lambda: web.bundles, "bundle at the webhook", limit=timeouts.COMMAND)
        machine.screenshot("failed")
    text = str(report)
    missing = [word for word in PROBLEMS.values() if word not in text]
    need(not missing, f"the report does not name all mistakes; missing: {missing}; it is: {text[:1500]}")
    need(report.get("mac") == MANAGEMENT_MAC, f"the report comes from {report.get('mac')}")
    need(
        f"/report/{MANAGEMENT_MAC.replace(':', '-')}" in {r["path"] for r in web.reports},
        "{mac} in the address was not filled in",
    )
    need(report.get("log"), "the report has no part of the log")
    check_bundle(web.bundles[0])
    need(media.fingerprint(disk) == before, "the disk was written to")


def check_bundle(path: Path) -> None:
    """Check that a bundle can be unpacked and has content."""
    listing = run(["tar", "-tzf", path]).output.split()
    need([name for name in listing if not name.endswith("/")], f"the bundle {path.name} is empty")
