"""Scenarios of boot from SAN."""
