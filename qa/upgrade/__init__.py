"""Hosts that are upgraded: another image on a medium, boots into it, and images that are broken in a certain way."""
