"""Scenarios of installations, first boot, disks, media."""
