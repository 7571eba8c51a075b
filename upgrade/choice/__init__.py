"""Which image the boot loader starts."""
