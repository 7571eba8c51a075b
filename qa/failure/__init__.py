"""The two ways in which a scenario ends without success; the modules in here explain a failure."""

from __future__ import annotations

EXPLANATION_JSON, EXPLANATION_TEXT = "failure.json", "failure.txt"
"""What a failed scenario leaves among its artifacts to explain itself."""


class ScenarioFailed(AssertionError):
    """The product or the machine did not do what the scenario asks for; the text says what and shows the evidence."""


class TimedOut(ScenarioFailed):
    """A condition did not come true within its limit of machine time; see :func:`qa.vm.polling.poll`."""


class MachineStarved(ScenarioFailed):
    """The emulators got so little processor time that the scenario says nothing about the product."""
