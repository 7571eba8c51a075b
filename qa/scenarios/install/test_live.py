"""The live dom0 under Xen, from the CD."""

from __future__ import annotations

from qa.checks import host_checks
from qa.checks.live_checks import open_live_shell
from qa.metadata import scenario
from qa.scenario import Scenario


@scenario("live-xen", firmware="bios", minutes=3, tags={"install", "live"})
def test_live_xen(scenario: Scenario) -> None:
    """Boot to a root shell without a log-in on Xen's console, in a working dom0."""
    drives = (scenario.cd(0), scenario.stick("live-xen"))
    with scenario.machine("live", scenario.spec("live", drives=drives)) as machine:
        console = machine.console()
        open_live_shell(scenario, console)
        host_checks.check_xen(console)
        host_checks.check_no_failed_unit(console)
        scenario.keep("xl-info.txt", console.succeed("xl info"))
