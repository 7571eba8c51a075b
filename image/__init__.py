"""Builds the dom0 image: Xen, a kernel, an initramfs and a squashfs, by diskimage-builder and mmdebstrap."""
