"""Explain a failed scenario: its step, the evidence of every machine, the difference to the last good run."""
