"""Measurements: builds, rendering, and what a boot costs."""
