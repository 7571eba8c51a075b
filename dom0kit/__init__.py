"""What all packages of dom0kit share: errors, processes, files, events, HTTP and units.

This package uses the standard library alone and runs on Python 3.11 to 3.13, on build hosts as well as on the
installed host.
"""

__version__ = "0.1.0"
