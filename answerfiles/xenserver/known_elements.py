"""The elements and attributes of XenServer's answer files, old and new, and those that mean nothing here.

Sources: the documentation of XenServer 4 to 8 and of XCP-ng 7 to 8.3, and what their installers read.
"""

from __future__ import annotations

from dataclasses import dataclass

ROOTS = ("installation", "upgrade", "restore")
CHECKED = "packages are not fetched, and the image is always checked"


@dataclass(frozen=True)
class Attribute:
    """An attribute.

    :param old: names that earlier versions, or their documentation, had for it.
    :param ignored: why it has no meaning here; "" when it has.
    """

    name: str
    old: tuple[str, ...] = ()
    ignored: str = ""


@dataclass(frozen=True)
class Term:
    """What one element may have.

    :param children: what may be inside; an element has either children or text.
    :param text: whether there is a text.
    :param repeat: whether it may be there more than once.
    :param old: names that earlier versions, or their documentation, had for it.
    :param ignored: why it has no meaning here, with all that is in it; "" when it has.
    :param wrapper: whether it only groups its children, which belong to the element around it.
    """

    attributes: tuple[Attribute, ...] = ()
    children: tuple[str, ...] = ()
    text: bool = True
    repeat: bool = False
    old: tuple[str, ...] = ()
    ignored: str = ""
    wrapper: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """Return an attribute by its name or an old one."""
        return next((a for a in self.attributes if name == a.name or name in a.old), None)

    def attribute_names(self) -> list[str]:
        """Return the names of the attributes that mean something."""
        return [a.name for a in self.attributes if not a.ignored]


def _attributes(*names: str) -> tuple[Attribute, ...]:
    return tuple(Attribute(name) for name in names)


CHECKS = (
    Attribute("gpgcheck", ("gpg-check",)),
    Attribute("repo-gpgcheck", ("repo-gpg-check",)),
    Attribute("netinstall-gpg-check", ("netinstall-gpgcheck",)),
)
SOURCE = (*_attributes("type"), *CHECKS)
CARD = (
    *_attributes("name", "hwaddr", "proto", "protov6", "vlan"),
    Attribute("enabled", ignored="the management interface is always enabled"),
)
ADDRESS = ("ipaddr", "subnet", "gateway", "ipv6", "gatewayv6")

TERMS: dict[str, Term] = {
    "source": Term(SOURCE, repeat=True),
    "driver-source": Term(SOURCE, repeat=True),
    "script": Term(_attributes("stage", "type"), repeat=True),
    "post-install-script": Term((Attribute("type"), Attribute("stage", ignored="it has one stage only")), repeat=True),
    "install-failed-script": Term((Attribute("type"), Attribute("stage", ignored="it has one stage only")), repeat=True),
    "ui-confirmation-prompt": Term(),
    "primary-disk": Term(
        (
            Attribute("guest-storage", ("gueststorage",)),
            *_attributes("sr-at-end", "swraid", "preserve-first-partition", "fs-type"),
        ),
    ),
    "guest-disk": Term(repeat=True),
    "guest-disks": Term(children=("guest-disk",), text=False, repeat=True, wrapper=True),
    "admin-interface": Term(CARD, ADDRESS, text=False),
    "interface": Term(
        (*_attributes("name", "hwaddr", "proto", "protov6", "vlan"), Attribute("enabled")), ADDRESS, text=False, repeat=True
    ),
    "ipaddr": Term(old=("ip",)),
    "subnet": Term(old=("subnet-mask",)),
    "gateway": Term(),
    "ipv6": Term(),
    "gatewayv6": Term(),
    "root-password": Term(_attributes("type")),
    "name-server": Term(repeat=True, old=("nameserver",)),
    "hostname": Term(),
    "timezone": Term(),
    "keymap": Term(),
    "ntp": Term(_attributes("source"), ("ntp-server",), text=False),
    "ntp-server": Term(repeat=True, old=("ntp-servers",)),
    "ssh-mode": Term(),
    "service": Term(_attributes("name", "state"), text=False, repeat=True),
    "bootloader": Term(_attributes("location", "write-boot-entry")),
    "existing-installation": Term(_attributes("fs-type")),
    "backup-disk": Term(),
    "raid": Term(_attributes("device"), ("disk",), text=False, repeat=True),
    "disk": Term(repeat=True),
    "fcoe-interface": Term(_attributes("name", "hwaddr"), repeat=True),
    "network-backend": Term(),
    "initial-partitions": Term(ignored="it prepared disks for tests of XenServer itself; the disk is erased as a whole"),
    "zap-utility-partitions": Term(ignored="the disk is erased as a whole anyway"),
}
INNER = frozenset(child for term in TERMS.values() if not term.wrapper for child in term.children) - {"ntp-server"}
ROOT = Term(
    (Attribute("mode"), Attribute("sr-type", ("srtype",)), *CHECKS),
    tuple(name for name in TERMS if name not in INNER),
    text=False,
)
OLD = {old: name for name, term in TERMS.items() for old in term.old}
"""Today's names of elements, by old ones."""
