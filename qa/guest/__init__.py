"""Reach and check a booted system: SSH, host.json, live checks."""
