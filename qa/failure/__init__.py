"""The exceptions that end a scenario; the modules of this package explain a failure."""

from __future__ import annotations

EXPLANATION_JSON, EXPLANATION_TEXT = "failure.json", "failure.txt"
"""Names of the explanation's files among the artifacts of a failed scenario."""


class ScenarioFailed(AssertionError):
    """The product or the machine did not behave as the scenario requires; the text shows the evidence."""


class TimedOut(ScenarioFailed):
    """A condition did not come true within its limit of machine time; see :func:`qa.vm.polling.poll`."""


class MachineStarved(ScenarioFailed):
    """The emulators got too little processor time for a result about the product."""
