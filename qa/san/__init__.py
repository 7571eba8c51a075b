"""Test arrays for Fibre Channel and iSCSI, and hosts on them."""
