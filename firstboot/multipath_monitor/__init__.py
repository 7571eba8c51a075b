"""Paths to disks in a storage network: what multipathd says of them, and what is done when one goes or comes."""
