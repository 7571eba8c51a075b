"""Checks of a booted host or live system: layout, services, console messages, secrets in artifacts."""
