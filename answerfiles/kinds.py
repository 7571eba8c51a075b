"""The kinds of text that answers hold: names, addresses, keys. Each says what it allows when it refuses."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST_NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
INTERFACE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
VOLUME_GROUP = re.compile(r"[A-Za-z0-9_+][A-Za-z0-9_+.-]{0,63}")
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
SSH_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"
    r" AAAA[0-9A-Za-z+/]+={0,3}(?: .*)?"
)
LONGEST_HOST_NAME = 253


def refuse(kind: str, text: str) -> PydanticCustomError:
    """An error of a field; ``text`` says what is allowed."""
    return PydanticCustomError(kind, "{text}", {"text": text})


def whole_number_as_text(value: Any) -> Any:
    """YAML reads ``serial: 12345`` as a number; what was meant is the text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def host_name(value: str) -> str:
    """A host name as in RFC 1123, in lower case."""
    if len(value) > LONGEST_HOST_NAME or not HOST_NAME.fullmatch(value):
        raise refuse("host_name", "a host name has lower-case letters, digits, '-' and '.', at most 63 characters between dots")
    if value.replace(".", "").isdigit():
        raise refuse("host_name", "a host name has a letter in it")
    return value


def server(value: str) -> str:
    """A host name or an IP address."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return host_name(value)


def mac(value: str) -> str:
    """A MAC address in lower case with colons."""
    plain = value.lower().replace("-", ":")
    if not MAC.fullmatch(plain):
        raise refuse("mac", "a MAC address has six pairs of hexadecimal digits, as 52:54:00:12:34:56")
    if int(plain[:2], 16) & 1:
        raise refuse("mac", "the MAC address of a network card is no multicast address")
    return plain


def interface(value: str) -> str:
    """The name of a network interface that does not exist yet."""
    if not INTERFACE.fullmatch(value) or value == "lo":
        raise refuse("interface", "an interface's name starts with a letter and has at most 15 letters, digits, '-', '_' and '.'")
    return value


def volume_group(value: str) -> str:
    """A volume group's name as in lvm(8)."""
    if not VOLUME_GROUP.fullmatch(value) or value.startswith("."):
        raise refuse(
            "volume_group", "a volume group's name has letters, digits, '+', '_', '.' and '-', not '-' first, at most 64"
        )
    return value


def zone(value: str) -> str:
    """A time zone of the tz database; only the spelling is checked where that database is absent."""
    known = zoneinfo.available_timezones()
    if not ZONE.fullmatch(value) or (known and value not in known):
        raise PydanticCustomError("zone", "a time zone is named as in the tz database, e.g. Europe/Berlin or UTC")
    return value


def ssh_key(value: str) -> str:
    """A public key as in a line of ``authorized_keys``, without options."""
    line = value.strip()
    if "PRIVATE KEY" in value:
        raise refuse("ssh_key", "this is a private key; give the public one, the file that ends in .pub")
    if "\n" in line or not SSH_KEY.fullmatch(line):
        raise refuse("ssh_key", "a public SSH key is one line that starts with its type, as 'ssh-ed25519 AAAA... name'")
    return line


def device_path(value: str) -> str:
    """An absolute path below ``/dev``."""
    if not re.fullmatch(r"/dev/[\w./:+@-]+", value) or ".." in value.split("/"):
        raise refuse("device_path", "a disk's path starts with /dev/, as /dev/sda or /dev/disk/by-id/...")
    return value


def not_blank(value: str) -> str:
    """Some text, without blanks around it."""
    if not value.strip():
        raise refuse("blank", "text that is not empty")
    return value.strip()


def dns_server(value: str) -> str:
    """An IP address, in its shortest spelling."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise refuse("dns_server", "the IP address of a DNS server, as 192.0.2.53") from None


HostName = Annotated[str, AfterValidator(host_name)]
Server = Annotated[str, AfterValidator(server)]
Mac = Annotated[str, AfterValidator(mac)]
Interface = Annotated[str, AfterValidator(interface)]
VolumeGroupName = Annotated[str, BeforeValidator(whole_number_as_text), AfterValidator(volume_group)]
Zone = Annotated[str, AfterValidator(zone)]
SshKey = Annotated[str, AfterValidator(ssh_key)]
DevicePath = Annotated[str, AfterValidator(device_path)]
Name = Annotated[str, BeforeValidator(whole_number_as_text), AfterValidator(not_blank)]
DnsServer = Annotated[str, AfterValidator(dns_server)]
