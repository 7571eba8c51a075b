"""The host's networks: what the answers become as netplan text, Open vSwitch database rows and card names."""
