"""Checks of values and of whole answers beyond their types: what no machine can satisfy is refused offline."""
