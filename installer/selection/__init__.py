"""Match disks and network cards to the selectors of an answer file (pure)."""
