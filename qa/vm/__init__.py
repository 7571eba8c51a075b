"""Virtual machines under QEMU: command line, channels, serial console, machine time."""
