"""Pools in lab networks: real hosts, and doubles of pool servers."""
