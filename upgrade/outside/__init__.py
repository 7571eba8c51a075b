"""Change a host from outside, by the installer: the host does not run, and its disks are opened here."""
