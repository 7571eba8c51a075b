"""Scans of a run for what nobody asserted: failure messages on consoles, secrets in artifacts."""
