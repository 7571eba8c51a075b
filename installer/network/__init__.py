"""Network sessions that the installer opens for a while."""
