"""Scenarios of the text-mode installer."""
