"""PCI addresses of network cards in the form in which they are compared (pure)."""

from __future__ import annotations


def plain_slot(text: str) -> str:
    """Return a PCI address with its domain, in lower case."""
    lower = text.lower()
    return lower if lower.count(":") > 1 else f"0000:{lower}"
