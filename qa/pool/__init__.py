"""What scenarios about pools need."""
