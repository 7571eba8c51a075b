"""The host's management network: one model, and its renderers."""
