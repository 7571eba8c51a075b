"""Drives the installer's screens as a person does: reads what is shown, presses keys, takes pictures."""
