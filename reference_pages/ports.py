"""The page ``ports.md``, generated from the list of listeners."""

from __future__ import annotations

from firstboot.firewall.listeners import LISTENERS
from firstboot.firewall.ruleset import DROP_INS
from reference_pages.page import cell

HEAD = """# Ports and firewall

<!-- made by 'make docs' from firstboot/firewall/listeners.py -->

An installed host listens on these ports and no others. `dom0ctl ports` shows which of them are in use, and
programs that were added.

| port | protocol | program | open to | for | listens |
|---|---|---|---|---|---|
"""
REST = f"""
## The firewall

`dom0kit-firewall.service` loads the rules before the network is configured, by nftables into the table
`inet dom0kit`. It is on by default.

- *Everyone* and *pool members* in the table are what it accepts; *this host* means loopback. Everything else
  is rejected: TCP with a reset, the rest with "port unreachable". Broadcast and multicast are dropped.
- ICMP, ICMPv6 and IGMP are accepted, and the answers to what the host itself began.
- It filters the first segment of a TCP connection. Connections that exist stay, such as those of a root
  file system on iSCSI.
- Pool members are the addresses in Ganeti's files on the host (`ssconf_node_primary_ips`,
  `ssconf_node_secondary_ips`, `ssconf_master_ip`). The sets `members4` and `members6` are renewed when Ganeti
  writes these files, which it does on all hosts when a host joins or leaves, and before the node daemon
  starts, so that the master reaches a host that joins. In no pool they are empty.
- Packets of guests do not pass it: the bridges are Open vSwitch's. Packets that are routed by dom0 do not
  either; the host forwards none unless an administrator enables it.
- The live system, the installer and the rescue system have no firewall; they listen on SSH alone, and
  only with `dom0kit.ssh`.

## Rules of your own

Put files that end in `.nft` into `{DROP_INS}`. They hold rules of nft(8), a line each, and are read in
the order of their names, before the image's own `accept`:

```
ip saddr 192.0.2.0/24 tcp dport 5080 accept      # the remote API from a network of administrators
tcp dport 9100 accept                            # a program that was installed in addition
ip saddr != 192.0.2.0/24 tcp dport 22 reject     # SSH only from there; hosts that join need it, too
```

```
systemctl reload dom0kit-firewall                # load them
systemctl status dom0kit-firewall                # messages about wrong rules
systemctl disable --now dom0kit-firewall         # no firewall
```

A file that nft(8) cannot read leaves out all additional rules: the rules of the image are loaded without
them, and the unit fails. With the toolstack `xapi` the image has a file of its own there, which opens ports 80 and 443.
"""


def page() -> str:
    """Return the page: the table of listeners, and what the firewall does."""
    lines = [
        f"| {x.ports} | {x.protocol} | {cell(x.name)} | {x.reach} | {cell(x.purpose)} | {cell(x.when)} |\n" for x in LISTENERS
    ]
    return HEAD + "".join(lines) + REST
