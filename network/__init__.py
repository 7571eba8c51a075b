"""The host's networks: one model, and renderers for netplan, systemd-networkd, Open vSwitch and the initramfs."""
