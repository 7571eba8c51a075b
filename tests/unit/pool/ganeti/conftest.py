"""Fixtures of the tests of Ganeti pools."""

from ganeti_samples import access, commands, in_pool, own

__all__ = ["access", "commands", "in_pool", "own"]
