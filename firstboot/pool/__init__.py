"""The host and its pool: first boot's steps, and what is done by hand."""
