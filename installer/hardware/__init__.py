"""Probe disks, network cards and firmware of the machine."""
