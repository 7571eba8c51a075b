"""Text-mode installer: screens that collect answers for the same engine as unattended installations."""
