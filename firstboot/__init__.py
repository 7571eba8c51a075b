"""First boot of an installed host: ordered steps, their records and retries, status and console."""
