"""The kinds of text that answers hold: what each takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from answerfiles import field_types


def value(kind: Any, text: Any) -> Any:
    return TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize(
    ("kind", "text", "result"),
    [
        (field_types.HostName, "a-b.example.org", "a-b.example.org"),
        (field_types.Server, "2001:DB8::1", "2001:db8::1"),
        (field_types.Server, "ntp.example.org", "ntp.example.org"),
        (field_types.Mac, "52-54-00-12-34-5A", "52:54:00:12:34:5a"),
        (field_types.Interface, "bond0.100", "bond0.100"),
        (field_types.VolumeGroupName, 42, "42"),
        (field_types.Zone, "Europe/Berlin", "Europe/Berlin"),
        (field_types.DevicePath, "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1"),
        (field_types.Name, 7, "7"),
        (field_types.Name, " x ", "x"),
        (field_types.Size, "1.5 TiB", 1649267441664),
        (field_types.Size, 5_000_000, 5_000_000),
        (field_types.Url, "http://[::1]:80/a?b=c", "http://[::1]:80/a?b=c"),
        (field_types.Sha256, "SHA256:" + "AB:" * 31 + "AB", "ab" * 32),
        (field_types.Iqn, "iqn.2026-01.org.example:a", "iqn.2026-01.org.example:a"),
        (field_types.Iqn, "eui.0123456789abcdef", "eui.0123456789abcdef"),
        (field_types.KeyMap, "fr-latin1", "fr-latin1"),
        (field_types.Flag, True, True),
    ],
)
def test_taken(kind: Any, text: Any, result: Any) -> None:
    assert value(kind, text) == result


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (field_types.HostName, "a" * 64),
        (field_types.HostName, ".".join(["a" * 63] * 5)),
        (field_types.HostName, "1.2.3"),
        (field_types.HostName, "a\n"),
        (field_types.Server, "1.2.3.4.5"),
        (field_types.Mac, "33:33:00:00:00:01"),
        (field_types.Mac, "52:54:00:12:34"),
        (field_types.Interface, "lo"),
        (field_types.Interface, "a" * 16),
        (field_types.VolumeGroupName, "-a"),
        (field_types.VolumeGroupName, True),
        (field_types.Zone, "../etc/passwd"),
        (field_types.SshKey, "ssh-rsa AAAAx\nssh-rsa AAAAy"),
        (field_types.DevicePath, "/dev/../etc/passwd"),
        (field_types.DevicePath, "/dev/sda b"),
        (field_types.Name, ""),
        (field_types.Size, "0"),
        (field_types.Size, True),
        (field_types.Size, "9 EiB"),
        (field_types.Size, "1 parsec"),
        (field_types.Url, "https://user:x@example.org/"),
        (field_types.Url, "ftp://example.org/"),
        (field_types.Url, "https://example.org/a b"),
        (field_types.Sha256, "ab" * 31),
        (field_types.Iqn, "iqn.2026.org"),
        (field_types.KeyMap, "../us"),
        (field_types.IpAddress, "fe80::1%eth0"),
        (field_types.IpAddress, 1),
        (field_types.IpNetwork, "10.0.0.1/8"),
        (field_types.Ip4, 1),
        (field_types.Ip6, "1.2.3.4"),
        (field_types.Vlan, True),
        (field_types.Port, "80"),
        (field_types.Flag, "yes"),
        (field_types.Flag, 1),
    ],
)
def test_refused(kind: Any, text: Any) -> None:
    with pytest.raises(ValidationError):
        value(kind, text)
