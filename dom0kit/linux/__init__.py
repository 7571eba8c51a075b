"""Interfaces of the Linux storage stack: udev, multipathd, device-mapper maps, initramfs archives."""
