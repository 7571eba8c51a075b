"""Readies a build machine: checks that it can work, installs Debian packages, makes the virtual environment.

Runs on the system's own python3 with nothing installed, so it uses the standard library and dom0kit alone.
"""
