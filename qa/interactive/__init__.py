"""Stop a scenario and look at its machines: at a failure, or at a chosen step from a Python prompt."""
