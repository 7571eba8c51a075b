"""The parts of ``host.json`` that are read without the answers' model, whose import takes seconds at boot.

The keys are those of :mod:`answerfiles.model` as JSON; a unit test compares them. All may be absent: files that an older
dom0kit wrote, or that an administrator changed, are read as they are.
"""

from __future__ import annotations

from typing import Any, Required, TypedDict


class StaticJson(TypedDict, total=False):
    """A static address."""

    address: str
    gateway: str | None


class VlanJson(TypedDict, total=False):
    """An additional VLAN with addresses of the host."""

    vlan: int | None
    ipv4: StaticJson | str
    ipv6: StaticJson | str


class ManagementJson(TypedDict, total=False):
    """The management network."""

    bridge: str
    mac: str | None
    vlan: int | None
    bond: dict[str, Any] | None
    ipv4: StaticJson | str
    ipv6: StaticJson | str
    dns: list[str]
    vlans: list[VlanJson]


class BridgeJson(TypedDict, total=False):
    """An additional bridge."""

    name: str
    vlan: int | None
    ipv4: StaticJson | str
    ipv6: StaticJson | str
    vlans: list[VlanJson]
    bond: dict[str, Any] | None


class NetworkJson(TypedDict, total=False):
    """All networks of the host."""

    management: ManagementJson
    bridges: list[BridgeJson]


class GuestsJson(TypedDict, total=False):
    """The space for guests."""

    volume_group: str


class PoolJson(TypedDict, total=False):
    """Toolstack and pool."""

    toolstack: str
    create: dict[str, Any] | None
    join: dict[str, Any] | None


class WebhookJson(TypedDict, total=False):
    """Where events are sent."""

    url: str
    token: str | None
    fingerprint: str | None


class ReportsJson(TypedDict, total=False):
    """The recipients of events."""

    webhook: WebhookJson | None


class ProxyJson(TypedDict, total=False):
    """An HTTP proxy."""

    url: Required[str]
    except_for: list[str]


class HostJson(TypedDict, total=False):
    """The whole file."""

    host_name: str
    ssh: str
    network: NetworkJson
    guests: GuestsJson | str
    pool: PoolJson
    reports: ReportsJson
    proxy: ProxyJson | None
    scripts: list[dict[str, Any]]
