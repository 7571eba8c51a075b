"""Execute a plan: partitions, RAID, file systems, image copy, host configuration."""
