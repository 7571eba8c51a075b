"""The one way in which a scenario fails."""

from __future__ import annotations


class ScenarioFailed(AssertionError):
    """The product or the machine did not do what the scenario asks for; the text says what and shows the evidence."""
