"""Real servers for a lab: dnsmasq (DHCP, TFTP), nginx (HTTP, HTTPS) and the receiver of reports, with generated settings.

Production serves the same tree with its own servers.
"""
