"""A power cut right after the first log-in does not damage the host."""

from __future__ import annotations

import json

from qa import timeouts
from qa.checks import host_checks
from qa.install.installed_disk import InstalledDisks, own_copy
from qa.metadata import scenario
from qa.scenario import Scenario


@scenario("power-cut-after-install", firmware="bios", minutes=8, stage="installed-bios", tags={"install", "power"})
def test_power_cut_after_install(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """Cut the power after the first log-in: name, machine-id, keys and addresses stay, and no unit fails."""
    target = own_copy(scenario, installed_disks.get(scenario, "bios"))
    password = scenario.settings.credentials.password
    with target.boot("before") as machine:
        with scenario.phase("first boot"):
            machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        console = machine.console()
        console.login("root", password)
        before = host_checks.identity(console)
        machine.screenshot("before-the-cut")
        machine.crash()
    with target.boot("after") as machine:
        console = machine.console()
        with scenario.phase("boot after the cut"):
            console.login("root", password, limit=timeouts.BOOT)
            target.ssh.wait_for_login()
        console.wait_for_boot()
        after = host_checks.identity(console)
        host_checks.check_services(console)
        host_checks.check_xen(console)
        scenario.diagnose("journal.txt", target.ssh, "journalctl -b --no-pager -o short-monotonic")
    scenario.keep("identity.json", json.dumps({"before": before, "after": after}, indent=2))
    changed = [name for name in before if before[name] != after[name]]
    host_checks.need(not changed, f"the power cut changed: {', '.join(changed)}; see identity.json")
