"""Multipath monitor.

Watch the paths to disks in a storage network, and report lost and returned ones.
"""
