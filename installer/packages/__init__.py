"""Packages that a user adds: store, installation on the live system and on the target."""
