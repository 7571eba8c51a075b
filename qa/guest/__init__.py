"""Access to a booted system and its checks: ssh, host.json, live checks."""
