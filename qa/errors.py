"""The exceptions that end a scenario."""

from __future__ import annotations


class ScenarioFailed(AssertionError):
    """The product or the machine did not behave as the scenario requires; the text shows the evidence."""


class TimedOut(ScenarioFailed):
    """A condition did not come true within its limit of machine time; see :func:`qa.vm.polling.poll`."""


class MachineStarved(ScenarioFailed):
    """The emulators got too little processor time for a result about the product."""
