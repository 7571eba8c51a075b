"""Pools in the laboratory."""
