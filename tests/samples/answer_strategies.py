"""Answers of the whole model as plain values, drawn by hypothesis; and the machine that they fit."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from dom0kit.units import human_bytes
from pool.join.token import JoinToken

MOST = min(60, settings().max_examples)
MODEST = settings(derandomize=True, database=None, deadline=None, max_examples=MOST, suppress_health_check=[HealthCheck.too_slow])
"""The same examples in every run, and none of them kept."""

HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPnBRbMEdnMNvxD5eUDkqi+QJrcrngSFVQw4sCbJyCwE me"
DIGEST = "0123456789abcdef" * 4
JOIN_TOKEN = JoinToken(
    bytes.fromhex("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"), bytes(32), ("192.0.2.10",)
).write()
"""A token whose form is right: the plan reads it. Its host key is the generator of P-256 (SEC 2, 2.4.2)."""
REFERENCES = {"env:TOKEN": "resolved", "file:/run/token": "resolved", "env:JOIN_TOKEN": JOIN_TOKEN}
Values = dict[str, Any]

label = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
host = st.lists(label, min_size=1, max_size=3).map(".".join)
word = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Z", "C"]), min_size=1, max_size=12)
secret = st.one_of(word, st.sampled_from(["env:TOKEN", "file:/run/token"]))
join_token = st.sampled_from([JOIN_TOKEN, "env:JOIN_TOKEN"])
ip4 = st.integers(1, 253).map(lambda n: f"192.0.2.{n}")
ip6 = st.integers(1, 0xFFFF).map(lambda n: f"2001:db8::{n:x}")
address = ip4 | ip6
size = st.integers(2**30, 2**50).map(lambda n: n // 2**20 * 2**20) | st.sampled_from(["400 GB", "1.5 TiB", "2tb"])


def some(required: dict[str, st.SearchStrategy[Any]], optional: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Values]:
    """Draw a mapping with all of the first and any of the second."""
    return st.fixed_dictionaries(required, optional=optional)


def mac(number: int) -> str:
    """Return the MAC address of a machine's card by its number."""
    return f"52:54:00:00:{number // 256:02x}:{number % 256:02x}"


@st.composite
def ipv4(draw: st.DrawFn) -> Any:
    """Draw a keyword, or an address with a gateway inside its network."""
    if draw(st.booleans()):
        return draw(st.sampled_from(["dhcp"]))
    own = draw(st.integers(2, 250))
    return {"address": f"192.0.2.{own}/24", **draw(some({}, {"gateway": st.just("192.0.2.1")}))}


ipv6 = st.sampled_from(["none", "autoconf", "dhcp"]) | some(
    {"address": st.integers(2, 0xFFFF).map(lambda n: f"2001:db8::{n:x}/64")},
    {"gateway": st.sampled_from(["fe80::1", "2001:db8::1"])},
)
route = st.sampled_from([("198.51.100.0/24", "192.0.2.1"), ("2001:db8:1::/48", "2001:db8::1")]).flatmap(
    lambda pair: some({"to": st.just(pair[0]), "via": st.just(pair[1])}, {"metric": st.integers(0, 2**32 - 1)})
)
chap = some({"user": word, "secret": secret}, {}) | some(
    {"user": word, "secret": secret, "target_user": word, "target_secret": word}, {}
).filter(lambda both: both["secret"] != both["target_secret"])
portal = some(
    {"address": address | host},
    {"port": st.integers(1, 65535), "target": st.just("iqn.2026-01.org.example:a"), "chap": chap},
)
script = some(
    {"stage": st.sampled_from(["start", "planned", "written", "complete", "first-boot", "failed"])},
    {"timeout": st.integers(1, 86400)},
).flatmap(
    lambda base: st.sampled_from(
        [
            {**base, "content": "#!/bin/sh\nexit 0\n"},
            {**base, "url": "https://192.0.2.1/a"},
            {**base, "url": "http://192.0.2.1/a", "sha256": DIGEST},
        ]
    )
)
time_server = host.map("ntp.{}".format) | address
ntp_source = some({"server": time_server}, {"prefer": st.booleans(), "min_poll": st.integers(-7, 24)}) | some(
    {"pool": host}, {"max_sources": st.integers(1, 16), "nts": st.just(False)}
)
pool = st.one_of(
    some({}, {"toolstack": st.sampled_from(["ganeti", "xapi", "xl"])}),
    some(
        {"create": some({"name": host.map("pool.{}".format)}, {"address": st.just("192.0.2.254")})},
        {"toolstack": st.sampled_from(["ganeti", "xapi"])},
    ),
    some({"join": st.fixed_dictionaries({"token": join_token})}, {"toolstack": st.just("ganeti")}),
    st.fixed_dictionaries(
        {
            "toolstack": st.just("xapi"),
            "join": st.fixed_dictionaries(
                {"address": address | host, "user": word, "password": secret, "fingerprint": st.just(DIGEST)}
            ),
        }
    ),
)
root = st.sampled_from(
    [
        {"password_hash": HASH},
        {"ssh_keys": [KEY]},
        {"password_hash": HASH, "ssh_keys": [KEY, KEY]},
        {"ssh_keys": [KEY], "lock": True},
        {"ask": True},
        {"ask": True, "ssh_keys": [KEY]},
    ]
)

# What a plan refuses although the answers are valid: other modes, and secrets that 'render' has not put in.
REFUSED_BY_THE_PLAN: tuple[str, ...] = ("modes", "references")


def resolved(value: Any) -> Any:
    """Return the same answers with every reference replaced, as ``answers render`` does."""
    if isinstance(value, dict):
        return {key: resolved(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [resolved(inner) for inner in value]
    return REFERENCES.get(value, value) if isinstance(value, str) else value


@st.composite
def machine_answers(draw: st.DrawFn, without: tuple[str, ...] = ()) -> tuple[Values, list[Values], list[str]]:
    """Answers that fit a machine, with its disks (keyword arguments) and the MAC addresses of its cards.

    :param without: features that are left out.
    """
    count = draw(st.integers(1, 4))
    disks = [_disk(number) for number in range(count)]
    mirrored = "mirror" not in without and count > 1 and draw(st.booleans())
    full = "selectors" not in without
    if mirrored:
        target: Values = {"mirror": [draw(selector(disks[0], full)), draw(selector(disks[1], full))]}
    else:
        target = {"disk": draw(selector(disks[0], full))}
    target |= draw(some({}, {"wipe": st.booleans()}))
    rest = [] if "further-disks" in without else disks[2 if mirrored else 1 :]
    guests = draw(st.just("none") | some({}, {"volume_group": st.sampled_from(["guests", "vg+1"]), "thin": st.booleans()}))
    if isinstance(guests, dict) and rest and draw(st.booleans()):
        guests["disks"] = [draw(selector(disk, full)) for disk in rest]
    network, cards = draw(networks(without))
    chosen = draw(
        some(
            {"host_name": host | st.sampled_from(["x{mac}", "x{mac}.example.org"]), "root": root},
            {
                "time": some(
                    {},
                    {"zone": st.sampled_from(["UTC", "Europe/Berlin"]), "ntp": st.lists(time_server | ntp_source, max_size=2)},
                ),
                "keyboard": st.sampled_from(["us", "de", "fr-latin1"]),
                "ssh": st.sampled_from(["on", "off"]),
                "proxy": some({"url": st.just("http://192.0.2.9:3128")}, {"except_for": st.lists(address | host, max_size=2)}),
                "dom0": some({}, {"memory": st.sampled_from(["2 GiB", 2**30]), "cpus": st.integers(1, 8)}),
                "serial_console": st.just("none")
                | some({}, {"port": st.sampled_from(["com1", "com2"]), "speed": st.sampled_from([9600, 115200])}),
                "finish": st.sampled_from(["reboot", "poweroff", "halt", "wait"]),
                "on_failure": st.sampled_from(["wait", "reboot", "poweroff", "halt"]),
                "scripts": st.lists(script, max_size=3),
                "pool": pool,
                "san": san(),
                "reports": reports(),
                "mode": st.just("install"),
            },
        )
    )
    if not {"password_hash", "ask"} & set(chosen["root"]):
        chosen.pop("ssh", None)  # without SSH no log-in is possible
    if "multipath" not in without and not mirrored and "disks" not in guests and draw(st.booleans()):
        # The array's disk comes twice, and once more as the map that stands for both.
        number = disks[0]["wwn"].removeprefix("0x")
        there = f"/dev/mapper/3{number}"
        paths = [{**disks[0], "path": path, "aliases": (), "transport": "fc", "map": there} for path in ("/dev/sdx", "/dev/sdy")]
        disks = [*paths, {**disks[0], "path": there, "kind": "mpath", "aliases": (), "paths": ("/dev/sdx", "/dev/sdy")}]
        target = {**target, "disk": {"wwn": f"naa.{number}", "multipath": "required"}}
        chosen["san"] = {**chosen.get("san", {}), "multipath": "required"}
    if "references" in without:
        chosen = resolved(chosen)
    return {"version": 1, "target": target, "guests": guests, "network": network, **chosen}, disks, cards


def san() -> st.SearchStrategy[Values]:
    """Storage networks; maps are not required, the machine has none."""
    nic = some({"mac": st.just("52:54:00:aa:00:01"), "address": st.just("10.1.0.2/24")}, {"vlan": st.integers(1, 4094)})
    iscsi = some(
        {},
        {
            "initiator": st.just("iqn.2026-01.org.example:h"),
            "portals": st.lists(portal, max_size=2, unique_by=lambda found: found["address"]),
            "nics": st.lists(nic, max_size=1),
        },
    )
    down = some({}, {"queue_seconds": st.integers(0, 86400), "forever": st.booleans()})
    return some({}, {"multipath": st.just("auto"), "all_paths_down": down, "iscsi": iscsi})


def reports() -> st.SearchStrategy[Values]:
    """Draw the settings of reports."""
    return some(
        {}, {"webhook": some({"url": st.just("https://192.0.2.1/{host}")}, {"token": secret, "fingerprint": st.just(DIGEST)})}
    )


def _disk(number: int) -> Values:
    return {
        "path": f"/dev/sd{'abcdefgh'[number]}",
        "kind": "disk",
        "size": (100 + number) * 2**30,
        "model": f"ACME {number}",
        "serial": f"DISK{number}",
        "wwn": f"0x5000c5000000000{number}",
        "transport": "sata",
        "rotational": False,
        "aliases": (f"/dev/disk/by-id/ata-ACME_{number}",),
    }


def selector(disk: Values, full: bool) -> st.SearchStrategy[Values]:
    """Draw a selector that matches this disk of the machine and no other."""
    own = [
        {"serial": disk["serial"]},
        {"wwn": disk["wwn"].replace("0x", "naa.")},
        {"path": disk["path"]},
        {"path": disk["aliases"][0]},
    ]
    more: list[Values] = [
        {"model": disk["model"]},
        {"size": {"at_least": disk["size"], "at_most": human_bytes(disk["size"])}},
        {"serial": disk["serial"], "transport": "sata", "rotational": False, "model": "ACME*", "size": {"at_most": "1 TB"}},
    ]
    return st.sampled_from(own + (more if full else []))


@st.composite
def vlan_ports(draw: st.DrawFn, net: int, taken: int | None, mtu: int | None) -> list[Values]:
    """Draw additional VLANs of an uplink, with addresses in networks of their own."""
    numbers = draw(st.lists(st.integers(1, 4094).filter(lambda number: number != taken), max_size=2, unique=True))
    return [
        {
            "vlan": number,
            "ipv4": draw(st.sampled_from(["dhcp", {"address": f"10.{100 + 2 * net + i}.0.5/24"}])),
            **draw(some({}, {"ipv6": st.sampled_from(["none", "autoconf"]), "mtu": st.integers(1280, min(mtu or 9216, 9216))})),
        }
        for i, number in enumerate(numbers)
    ]


@st.composite
def networks(draw: st.DrawFn, without: tuple[str, ...]) -> tuple[Values, list[str]]:
    """Networks, and the MAC addresses of the machine that they fit."""
    cards: list[str] = []

    def card() -> str:
        cards.append(mac(len(cards)))
        return cards[-1]

    def uplink() -> Values:
        kinds = ["mac"] if "selectors" in without else ["mac", "nic"]
        kind = draw(st.sampled_from(kinds if "bonds" in without else [*kinds, "bond"]))
        if kind == "bond":
            nics = [{"mac": card()} for _ in range(draw(st.integers(2, 3)))]
            mode = {
                "mode": st.sampled_from(["active-backup", "balance-slb", "lacp"]),
                "lacp_rate": st.sampled_from(["slow", "fast"]),
            }
            return {"bond": {"nics": nics, **draw(some({}, mode))}}
        if kind == "nic":
            own = card()
            return {"nic": draw(st.sampled_from([{"mac": own}, {"name": f"eth{len(cards) - 1}"}]))}
        return {"mac": card()}

    management = draw(
        some(
            {"ipv4": ipv4()},
            {
                "ipv6": ipv6,
                "vlan": st.integers(1, 4094),
                "dns": st.lists(address, max_size=2),
                "search": st.lists(host, max_size=2),
                "routes": st.lists(route, max_size=2, unique_by=lambda found: found["to"]),
                "mtu": st.integers(1280, 9216),
                "bridge": st.just("br-lan"),
            },
        )
    )
    management |= uplink()
    management |= draw(some({}, {"vlans": vlan_ports(1, management.get("vlan"), management.get("mtu"))}))
    # What excludes each other is refused: a rate without LACP, routes without an address of their family or its network.
    bond = management.get("bond", {})
    if bond.get("mode") != "lacp":
        bond.pop("lacp_rate", None)
    if management["ipv4"] != "dhcp" or management.get("ipv6", "none") not in ("dhcp", "autoconf"):
        management.pop("routes", None)
    network: Values = {"management": management}
    if "bridges" not in without:
        extra = draw(st.integers(0, 2))
        network["bridges"] = [
            {
                "name": f"guest{number}",
                **(uplink() if draw(st.booleans()) else {}),
                **draw(some({}, {"mtu": st.integers(1280, 9216)})),
                **draw(some({}, {"ipv4": st.sampled_from(["dhcp", {"address": f"10.{number}.0.5/24"}])})),
                **draw(some({}, {"vlans": vlan_ports(10 + number, None, None)})),
            }
            for number in range(extra)
        ]
        for bridge in network["bridges"]:
            if bridge.get("bond", {}).get("mode") != "lacp":
                bridge.get("bond", {}).pop("lacp_rate", None)
            for port in bridge.get("vlans", ()):
                if port.get("mtu", 0) > bridge.get("mtu", 9216):
                    port.pop("mtu")
    return network, cards
