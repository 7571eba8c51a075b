"""Choose scenarios, plan them by the resources of this machine, run each in a process of its own, keep the history."""
