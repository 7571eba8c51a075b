"""The firewall of an installed host: its listeners, the nftables rules made from them, ``dom0ctl ports``."""
