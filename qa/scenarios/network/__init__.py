"""Scenarios of network boot and host networks."""
