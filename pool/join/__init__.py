"""Joining a pool: tokens, admission check, queue, transport."""
