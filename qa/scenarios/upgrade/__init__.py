"""Scenarios of image versions: a host that is upgraded, and that returns by itself."""
