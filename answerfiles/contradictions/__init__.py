"""Answers that no machine can satisfy, found without one."""
