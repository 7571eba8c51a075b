"""Make the host's networks on the first boot: netplan files, Open vSwitch rows, names of cards, and the wait for addresses."""
