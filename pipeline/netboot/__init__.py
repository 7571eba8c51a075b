"""Network boot trees made from an ISO."""
