"""Drives the installer's screens as an operator does: reads what is shown, presses keys, takes pictures."""
