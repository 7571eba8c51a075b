"""The host and its pool: first-boot steps and commands."""
