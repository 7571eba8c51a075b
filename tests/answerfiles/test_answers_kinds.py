"""The kinds of text that answers hold: what each takes, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from answerfiles import kinds


def value(kind: Any, text: Any) -> Any:
    return TypeAdapter(kind).validate_python(text)


@pytest.mark.parametrize(
    ("kind", "text", "result"),
    [
        (kinds.HostName, "a-b.example.org", "a-b.example.org"),
        (kinds.Server, "2001:DB8::1", "2001:db8::1"),
        (kinds.Server, "ntp.example.org", "ntp.example.org"),
        (kinds.Mac, "52-54-00-12-34-5A", "52:54:00:12:34:5a"),
        (kinds.Interface, "bond0.100", "bond0.100"),
        (kinds.VolumeGroupName, 42, "42"),
        (kinds.Zone, "Europe/Berlin", "Europe/Berlin"),
        (kinds.DevicePath, "/dev/disk/by-path/pci-0000:00:1f.2-ata-1", "/dev/disk/by-path/pci-0000:00:1f.2-ata-1"),
        (kinds.Name, 7, "7"),
        (kinds.Name, " x ", "x"),
        (kinds.Size, "1.5 TiB", 1649267441664),
        (kinds.Size, 5, 5),
        (kinds.Url, "http://[::1]:80/a?b=c", "http://[::1]:80/a?b=c"),
        (kinds.Sha256, "SHA256:" + "AB:" * 31 + "AB", "ab" * 32),
        (kinds.Iqn, "iqn.2026-01.org.example:a", "iqn.2026-01.org.example:a"),
        (kinds.Iqn, "eui.0123456789abcdef", "eui.0123456789abcdef"),
        (kinds.KeyMap, "fr-latin1", "fr-latin1"),
        (kinds.Flag, True, True),
    ],
)
def test_taken(kind: Any, text: Any, result: Any) -> None:
    assert value(kind, text) == result


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kinds.HostName, "a" * 64),
        (kinds.HostName, ".".join(["a" * 63] * 5)),
        (kinds.HostName, "1.2.3"),
        (kinds.HostName, "a\n"),
        (kinds.Server, "1.2.3.4.5"),
        (kinds.Mac, "33:33:00:00:00:01"),
        (kinds.Mac, "52:54:00:12:34"),
        (kinds.Interface, "lo"),
        (kinds.Interface, "a" * 16),
        (kinds.VolumeGroupName, "-a"),
        (kinds.VolumeGroupName, True),
        (kinds.Zone, "../etc/passwd"),
        (kinds.SshKey, "ssh-rsa AAAAx\nssh-rsa AAAAy"),
        (kinds.DevicePath, "/dev/../etc/passwd"),
        (kinds.DevicePath, "/dev/sda b"),
        (kinds.Name, ""),
        (kinds.Size, "0"),
        (kinds.Size, True),
        (kinds.Size, "9 EiB"),
        (kinds.Size, "1 parsec"),
        (kinds.Url, "https://user:x@example.org/"),
        (kinds.Url, "ftp://example.org/"),
        (kinds.Url, "https://example.org/a b"),
        (kinds.Sha256, "ab" * 31),
        (kinds.Iqn, "iqn.2026.org"),
        (kinds.KeyMap, "../us"),
        (kinds.IpAddress, "fe80::1%eth0"),
        (kinds.IpAddress, 1),
        (kinds.IpNetwork, "10.0.0.1/8"),
        (kinds.Ip4, 1),
        (kinds.Ip6, "1.2.3.4"),
        (kinds.Vlan, True),
        (kinds.Port, "80"),
        (kinds.Flag, "yes"),
        (kinds.Flag, 1),
    ],
)
def test_refused(kind: Any, text: Any) -> None:
    with pytest.raises(ValidationError):
        value(kind, text)
