"""QEMU scenarios against an ISO: machines, lab networks, checks, scheduling, reports."""
