"""Scenarios of the harness itself."""
