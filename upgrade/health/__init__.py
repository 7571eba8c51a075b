"""Health of a host after a boot: checks, the wait for them, and what becomes of an image that was tried in vain."""
