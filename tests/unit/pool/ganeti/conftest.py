"""Fixtures of the tests of Ganeti pools."""

from ganeti_samples import commands, in_pool, member, place

__all__ = ["commands", "in_pool", "member", "place"]
