"""Validated string types with user-facing error messages."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from answerfiles.checks import ssh_keys
from answerfiles.checks.addresses import unusable
from answerfiles.checks.device_paths import never_a_disk
from answerfiles.checks.image_fields import ZONE, key_map, zone
from answerfiles.checks.refusal import refuse
from answerfiles.checks.urls import authority_fault
from dom0kit.units import MIB, parse_bytes

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
VOLUME_GROUP = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,63}")
SSH_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" AAAA[0-9A-Za-z+/]+={0,3}(?: .*)?"
)
ISCSI_NAME = re.compile(r"iqn\.[0-9]{4}-[0-9]{2}\.[a-z0-9.-]+(?::\S+)?|eui\.[0-9a-f]{16}|naa\.[0-9a-f]{16,32}")
VOLUME_FOLDER = re.compile(r"(?:label:[^/\s]+|uuid:[0-9A-Za-z-]+)?/[!-~]*")
LONGEST_HOST_NAME = 253
LONGEST_OWN_NAME = 64
"""Characters: HOST_NAME_MAX of Linux; systemd refuses a longer name in /etc/hostname."""
NO_MAC = "00:00:00:00:00:00"
SMALLEST_SIZE = MIB
"""Bytes; a smaller disk or memory does not exist, and a number without a unit was written."""


def whole_number_as_text(value: Any) -> Any:
    """Return a whole number as text: YAML reads ``serial: 12345`` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def host_name(value: str) -> str:
    """Check a host name (RFC 1123); return it in lower case."""
    if len(value) > LONGEST_HOST_NAME or not HOST_NAME.fullmatch(value):
        raise refuse("host_name", "a host name of lower-case letters, digits, '-' and '.', at most 63 characters between dots")
    if value.replace(".", "").isdigit():
        raise refuse("host_name", "a host name with at least one letter")
    return value


def own_host_name(value: str) -> str:
    """Check the name of a host itself, which the kernel limits to 64 characters with its domain (gethostname(2))."""
    name = host_name(value)
    if len(name) > LONGEST_OWN_NAME:
        raise refuse("host_name", f"a host name of at most {LONGEST_OWN_NAME} characters with its domain; it has {len(name)}")
    if name.partition(".")[0] == "localhost":
        raise refuse("host_name", "a name of this host; localhost is every machine's name for itself")
    return name


def server(value: str) -> str:
    """Check a host name or an IP address."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return host_name(value)
    if reason := unusable(address):
        raise refuse("server", f"a host name, or the IP address of a server; {reason}")
    return str(address)


def is_address(value: str) -> bool:
    """Return whether a text is an IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def no_proxy(value: str) -> str:
    """Check a name, a domain with a dot in front, or an IP address."""
    return f".{host_name(value[1:])}" if value.startswith(".") else server(value)


def mac(value: str) -> str:
    """Check a MAC address; return it in lower case with colons."""
    plain = value.lower().replace("-", ":")
    if not MAC.fullmatch(plain):
        raise refuse("mac", "a MAC address of six pairs of hexadecimal digits, as 52:54:00:12:34:56")
    if int(plain[:2], 16) & 1:
        raise refuse("mac", "the MAC address of a network card, which is not a multicast address")
    if plain == NO_MAC:
        raise refuse("mac", "the MAC address of a network card, which is never all zero")
    return plain


def interface(value: str) -> str:
    """Check the name of a network interface to create."""
    if not INTERFACE.fullmatch(value) or value == "lo":
        raise refuse("interface", "a name of at most 15 letters, digits, '-', '_' and '.' that starts with a letter, not 'lo'")
    return value


def volume_group(value: str) -> str:
    """Check a volume group's name (lvm(8))."""
    if not VOLUME_GROUP.fullmatch(value) or value.startswith("."):
        raise refuse(
            "volume_group", "a name of at most 64 letters, digits, '+', '_', '.' and '-' that does not start with '-' or '.'"
        )
    return value


def ssh_key(value: str) -> str:
    """Check a public key as in a line of ``authorized_keys``, without options."""
    line = value.strip()
    if "PRIVATE KEY" in value:
        raise refuse("ssh_key", "a public SSH key, the content of the file that ends in .pub; this is a private key")
    if "\n" in line or not SSH_KEY.fullmatch(line):
        raise refuse("ssh_key", "a public SSH key: one line that starts with its type, as 'ssh-ed25519 AAAA... name'")
    kind, encoded = line.split()[:2]
    if reason := ssh_keys.fault(kind, encoded):
        raise refuse("ssh_key", f"a whole public SSH key; {reason}", "copy the whole line of the file that ends in .pub")
    return line


def device_path(value: str) -> str:
    """Check an absolute path below ``/dev``."""
    if not re.fullmatch(r"/dev/[\w./:+@-]+", value, re.ASCII) or ".." in value.split("/"):
        raise refuse("device_path", "a disk's path that starts with /dev/, as /dev/sda or /dev/disk/by-id/...")
    if what := never_a_disk(value):
        raise refuse("device_path", f"the path of a whole disk; this is {what}", "see 'dom0kit facts' for disks and their paths")
    return value


def not_blank(value: str) -> str:
    """Check that a text is not empty; return it without surrounding blanks."""
    if not value.strip():
        raise refuse("blank", "text that is not empty")
    return value.strip()


def dns_server(value: str) -> str:
    """Check an IP address; return it in its shortest form."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise refuse("dns_server", "the IP address of a DNS server, as 192.0.2.53") from None
    if reason := unusable(address):
        raise refuse("dns_server", f"the IP address of a DNS server, as 192.0.2.53; {reason}")
    return str(address)


def size(value: Any) -> Any:
    """Return the bytes of a number, or of a text with a unit such as 400 GB or 1.5 TiB."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise refuse("size", "a size, as 400 GB or 1 TiB")
    unit = isinstance(value, int) or re.search(r"[A-Za-z]\s*$", value) is not None
    try:
        number = value if isinstance(value, int) else parse_bytes(value)
    except ValueError as error:
        raise refuse("size", f"a size, as 400 GB or 1 TiB; {error}") from None
    if not 0 < number < 2**63:
        raise refuse("size", "a size above 0 and below 8 EiB")
    if not unit or number < SMALLEST_SIZE:
        meant = str(value).strip()
        # A large number without a unit is memory in MiB more often than a disk.
        small = f"{meant} MiB, " if number >= 512 else ""
        hint = f"write {small}{meant} GB or {meant} GiB" if re.fullmatch(r"[\d.]+", meant) else "write a larger size"
        raise refuse("size", "a size of at least 1 MiB with its unit, as 400 GB or 1 TiB", hint)
    return number


def url(value: str) -> str:
    """Check a URL of http or https without user and password."""
    if not re.fullmatch(r"https?://[^\s/?#@]+(?:[/?][^\s#]*)?", value):
        raise refuse("url", "a URL that starts with http:// or https://, without user, password and blanks")
    if reason := authority_fault(value):
        raise refuse("url", f"a URL of http or https; {reason}")
    return value


def volume_folder(value: str) -> str:
    """Check a folder on a volume named by its label or UUID, or on the boot medium."""
    if not VOLUME_FOLDER.fullmatch(value) or ".." in value.split("/"):
        raise refuse("volume_folder", "a folder, as label:DRIVERS/ or uuid:1234-ABCD/debs, or /debs on the boot medium")
    return value


def digest(value: str) -> str:
    """Check 64 hexadecimal digits; return them in lower case without colons, which openssl writes between bytes."""
    plain = value.lower().removeprefix("sha256:").replace(":", "")
    if not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise refuse("digest", "a SHA-256 of 64 hexadecimal digits")
    return plain


def iqn(value: str) -> str:
    """Check an iSCSI name (RFC 3720)."""
    if len(value) > 223 or not ISCSI_NAME.fullmatch(value):
        raise refuse("iqn", "an iSCSI name, as iqn.2026-01.org.example:host1, eui. or naa. with hexadecimal digits")
    return value


def ip_text(value: Any) -> Any:
    """Reject numbers and zones, which the ipaddress module accepts as addresses."""
    if isinstance(value, int | bytes) or (isinstance(value, str) and "%" in value):
        raise refuse("ip", "an IP address as text, without a zone")
    return value


def any_address(value: Any) -> Any:
    """Check an IPv4 or IPv6 address."""
    try:
        return ipaddress.ip_address(ip_text(value))
    except ValueError:
        raise refuse("ip", "an IP address, as 192.0.2.1 or 2001:db8::1") from None


def any_network(value: Any) -> Any:
    """Check an IPv4 or IPv6 network."""
    try:
        return ipaddress.ip_network(ip_text(value))
    except ValueError as error:
        inside = "has host bits" in str(error)
        more = f"; {value!r} is an address inside {ipaddress.ip_network(value, strict=False)}" if inside else ""
        raise refuse("network", f"a network, as 198.51.100.0/24 or 2001:db8:1::/48{more}") from None


@dataclass(frozen=True)
class Kind:
    """How the reference page and the schema describe a type.

    :param text: what it is, in a few words, with an example.
    :param schema: its JSON Schema; None for pydantic's.
    """

    text: str
    schema: Mapping[str, Any] | None = field(default=None, hash=False)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the type's JSON Schema; pydantic calls this."""
        return dict(self.schema) if self.schema is not None else handler(schema)


def _text(pattern: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern})$", **more}


_WORD = {"type": ["string", "integer"]}
_SIZE = {"anyOf": [{"type": "integer", "minimum": SMALLEST_SIZE}, _text(r"\s*\d+(?:\.\d+)?\s*[KMGTPEkmgtpe]?[iI]?[bB]\s*")]}
_MAC = _text("[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}")
_DIGEST = _text("(?:[sS][hH][aA]256:)?[0-9A-Fa-f]{2}(?::?[0-9A-Fa-f]{2}){31}")

HostName = Annotated[str, AfterValidator(host_name), Kind("a host name, as xen1.example.org", _text(HOST_NAME.pattern))]
Server = Annotated[str, AfterValidator(server), Kind("a host name or an IP address")]
NoProxy = Annotated[str, AfterValidator(no_proxy), Kind("a name, .domain or IP address")]
Mac = Annotated[str, AfterValidator(mac), Kind("a MAC address, as 52:54:00:12:34:56", _MAC)]
Interface = Annotated[str, AfterValidator(interface), Kind("an interface's name, as eno1", _text(INTERFACE.pattern))]
VolumeGroupName = Annotated[
    str, BeforeValidator(whole_number_as_text), AfterValidator(volume_group), Kind("a volume group's name", _WORD)
]
Zone = Annotated[str, AfterValidator(zone), Kind("a time zone, as Europe/Berlin", _text(ZONE.pattern))]
SshKey = Annotated[str, AfterValidator(ssh_key), Kind("a public SSH key, one line")]
DevicePath = Annotated[str, AfterValidator(device_path), Kind("a path below /dev", _text(r"/dev/[\w./:+@-]+"))]
Name = Annotated[str, BeforeValidator(whole_number_as_text), AfterValidator(not_blank), Kind("text", _WORD)]
DnsServer = Annotated[str, AfterValidator(dns_server), Kind("an IP address")]
Size = Annotated[int, BeforeValidator(size), Kind("a size, as 400 GB or 1 TiB", _SIZE)]
Url = Annotated[str, AfterValidator(url), Kind("a URL of http or https", _text(r"https?://[^\s/?#@]+(?:[/?][^\s#]*)?"))]
VolumeFolder = Annotated[str, AfterValidator(volume_folder), Kind("a folder, as label:DRIVERS/", _text(VOLUME_FOLDER.pattern))]
Sha256 = Annotated[str, AfterValidator(digest), Kind("a SHA-256, 64 hexadecimal digits", _DIGEST)]
Fingerprint = Annotated[str, AfterValidator(digest), Kind("a SHA-256, 64 hexadecimal digits", _DIGEST)]
Iqn = Annotated[str, AfterValidator(iqn), Kind("an iSCSI name, as iqn.2026-01.org.example:host1", _text(ISCSI_NAME.pattern))]
KeyMap = Annotated[str, AfterValidator(key_map), Kind("a key map's name, as us or de")]
Ip4 = Annotated[ipaddress.IPv4Address, BeforeValidator(ip_text), Kind("an IPv4 address, as 192.0.2.1")]
Ip6 = Annotated[ipaddress.IPv6Address, BeforeValidator(ip_text), Kind("an IPv6 address, as 2001:db8::1")]
IpAddress = Annotated[
    ipaddress.IPv4Address | ipaddress.IPv6Address,
    BeforeValidator(any_address),
    Kind("an IP address, as 192.0.2.1 or 2001:db8::1"),
]
IpNetwork = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    BeforeValidator(any_network),
    Kind("a network, as 198.51.100.0/24 or 2001:db8:1::/48"),
]
Vlan = Annotated[int, Field(strict=True, ge=1, le=4094)]
Mtu = Annotated[int, Field(strict=True, ge=576, le=9216)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Flag = Annotated[bool, Field(strict=True)]
"""``true`` or ``false``; pydantic alone would take ``yes`` and ``1`` too, and true for the number 1."""
