"""Scans of a run for what no scenario asserts: failure messages on consoles, secrets in artifacts."""
