"""The nftables rules of an installed host, made from the list of its listeners (pure).

The image's build writes them to ``/usr/lib/dom0kit/firewall.nft``: ``python3 -m firstboot.firewall.ruleset``. The script
``/usr/lib/dom0kit/bin/firewall`` loads them and fills the sets of members.
"""

from __future__ import annotations

from collections.abc import Sequence

from firstboot.firewall.listeners import EVERYONE, LISTENERS, MEMBERS, Listener

TABLE = "inet dom0kit"
DROP_INS = "/etc/dom0kit/firewall.d"
"""Where administrators put rules of their own, in files that end in ``.nft``."""
RULES = """\
# What may reach this host. Do not change this file, put rules into {drop_ins}/*.nft:
# see docs/reference/ports.md. Guests are not affected, their packets do not pass dom0's IP stack.
table {table}
delete table {table}
table {table} {{
\tset members4 {{
\t\ttype ipv4_addr
\t}}
\tset members6 {{
\t\ttype ipv6_addr
\t}}
\tchain input {{
\t\ttype filter hook input priority filter; policy drop;
\t\tiif "lo" accept
\t\t# Only a first segment opens a connection. Others are accepted without a state: sessions of the initramfs, which the
\t\t# root file system may lie on, began before these rules.
\t\ttcp flags & (syn | ack) != syn accept
\t\tct state established,related accept
\t\tmeta l4proto {{ icmp, ipv6-icmp, igmp }} accept
\t\tudp sport 67 udp dport 68 accept
\t\tip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
\t\tinclude "{drop_ins}/*.nft"
{accepted}
\t\tmeta pkttype != host drop
\t\tmeta l4proto tcp reject with tcp reset
\t\treject with icmpx port-unreachable
\t}}
}}
"""


def ruleset(listeners: Sequence[Listener] = LISTENERS) -> str:
    """Return the rules as nft(8) reads them. Loading them replaces those of an earlier version in one transaction."""
    lines = []
    for protocol in ("tcp", "udp"):
        for reach, sources in ((EVERYONE, ("",)), (MEMBERS, ("ip saddr @members4 ", "ip6 saddr @members6 "))):
            ports = [x.ports for x in listeners if x.protocol == protocol and x.reach == reach and not x.client]
            if ports:
                lines += [f"\t\t{source}{protocol} dport {{ {', '.join(ports)} }} accept" for source in sources]
    return RULES.format(table=TABLE, drop_ins=DROP_INS, accepted="\n".join(lines))


if __name__ == "__main__":
    print(ruleset(), end="")
