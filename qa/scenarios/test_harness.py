"""The harness itself: a scenario in which the kernel panics must fail."""

from __future__ import annotations

import pytest

from qa import patience
from qa.command import DirectKernel
from qa.failure import ScenarioFailed
from qa.host import need
from qa.scenario import Scenario


@pytest.mark.parametrize("scenario", ["harness-sees-panic"], ids=["harness-sees-panic"], indirect=True)
def test_harness_sees_panic(scenario: Scenario) -> None:
    """The built kernel without a root file system: the wait ends at once, the scan finds it, the judgement fails."""
    kernel = DirectKernel(scenario.settings.kernel, "console=ttyS0 panic=-1")
    spec = scenario.spec("panic", kernel=kernel, nics=())
    with scenario.machine("panic", spec) as machine:
        with scenario.phase("panic"), pytest.raises(ScenarioFailed, match="kernel panic"):
            machine.wait_event("installer", limit=patience.BOOT)
        machine.channels.judging = False
        need(machine.wait_end() == "guest-reset", "panic=-1 must end the machine by a reset")
    need("kernel panic" in {finding.kind for _, finding in scenario.seen()}, "the scan does not find the panic")
    with pytest.raises(ScenarioFailed, match="kernel panic"):
        scenario.judge()
    scenario.expected.add("kernel panic")  # from here on it is what this scenario asked for
