"""Bring up multipath and iSCSI before disks are probed."""
