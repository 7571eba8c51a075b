"""The page ``xenserver-answers.md``: what becomes of each element and attribute; every row is an example that is converted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from answerfiles.field_paths import dotted
from answerfiles.xenserver import codes
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.convert import Draft, carry_over
from answerfiles.yaml_writer import scalar
from reference_pages.page import renewed

BEGIN = "<!-- made by 'make docs' by converting the examples: begin -->"
END = "<!-- made by 'make docs' by converting the examples: end -->"
HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
BASE = {
    "primary-disk": "<primary-disk>/dev/disk/by-id/ata-A</primary-disk>",
    "admin-interface": '<admin-interface hwaddr="52:54:00:12:34:56" proto="dhcp"/>',
    "root-password": f'<root-password type="hash">{HASH}</root-password>',
    "hostname": "<hostname>xen1</hostname>",
}
STATIC = "<ipaddr>192.0.2.9</ipaddr><subnet>255.255.255.0</subnet><gateway>192.0.2.1</gateway>"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "The whole file": (
        '<installation mode="fresh">',
        '<installation mode="reinstall">',
        '<installation mode="upgrade">',
        "<upgrade>",
        "<restore>",
        '<installation sr-type="lvm">',
        '<installation sr-type="ext">',
        '<installation sr-type="largeblock">',
        '<installation srtype="ext">',
        '<installation gpgcheck="false">',
        '<installation repo-gpgcheck="false">',
        '<installation netinstall-gpg-check="true">',
        '<installation gpg-check="false" repo-gpg-check="false" netinstall-gpgcheck="false">',
    ),
    "Disks": (
        "<primary-disk>sda</primary-disk>",
        "<primary-disk>sda1</primary-disk>",
        "<primary-disk>iscsi:192.0.2.1::3260:0:iqn.2026-01.org.example:t1</primary-disk>",
        "<primary-disk>iscsi:@ibft</primary-disk>",
        '<primary-disk guest-storage="no">/dev/disk/by-id/ata-A</primary-disk>',
        '<primary-disk gueststorage="no">/dev/disk/by-id/ata-A</primary-disk>',
        '<primary-disk guest-storage="no">/dev/disk/by-id/ata-A</primary-disk><guest-disk>/dev/disk/by-id/ata-B</guest-disk>',
        '<primary-disk swraid="true">/dev/disk/by-id/ata-A,/dev/disk/by-id/ata-B</primary-disk>',
        '<primary-disk swraid="true">/dev/disk/by-id/ata-A,missing</primary-disk>',
        '<primary-disk sr-at-end="false">/dev/disk/by-id/ata-A</primary-disk>',
        '<primary-disk preserve-first-partition="true">/dev/disk/by-id/ata-A</primary-disk>',
        '<primary-disk preserve-first-partition="if-utility">/dev/disk/by-id/ata-A</primary-disk>',
        '<primary-disk preserve-first-partition="false">/dev/disk/by-id/ata-A</primary-disk>',
        '<primary-disk fs-type="ext3">/dev/disk/by-id/ata-A</primary-disk>',
        "<guest-disk>/dev/disk/by-id/ata-B</guest-disk>",
        "<guest-disks><guest-disk>/dev/disk/by-id/ata-B</guest-disk></guest-disks>",
        '<primary-disk>md127</primary-disk><raid device="md127"><disk>/dev/disk/by-id/ata-A</disk>'
        "<disk>/dev/disk/by-id/ata-B</disk></raid>",
        "<primary-disk>md127</primary-disk>",
        '<initial-partitions><partition number="1" size="64" id="222"/></initial-partitions>',
        "<zap-utility-partitions/>",
        '<existing-installation fs-type="ext4">sda</existing-installation>',
        "<backup-disk>sda</backup-disk>",
    ),
    "Network": (
        '<admin-interface name="eth0" proto="dhcp"/>',
        '<admin-interface name="eno1" proto="dhcp"/>',
        '<admin-interface name="bond0" proto="dhcp"/>',
        '<admin-interface name="eth0" hwaddr="52:54:00:12:34:56" proto="dhcp"/>',
        f'<admin-interface hwaddr="52:54:00:12:34:56" proto="static">{STATIC}</admin-interface>',
        '<admin-interface hwaddr="52:54:00:12:34:56" proto="static"><ip>192.0.2.9</ip>'
        "<subnet-mask>255.255.255.0</subnet-mask><gateway>192.0.2.1</gateway></admin-interface>",
        f'<admin-interface hwaddr="52:54:00:12:34:56" proto="dhcp">{STATIC}</admin-interface>',
        '<admin-interface hwaddr="52:54:00:12:34:56" proto="none" protov6="static"><ipv6>2001:db8::9/64</ipv6>'
        "<gatewayv6>fe80::1</gatewayv6></admin-interface>",
        '<admin-interface hwaddr="52:54:00:12:34:56" proto="dhcp" vlan="42"/>',
        '<admin-interface hwaddr="52:54:00:12:34:56" proto="dhcp" enabled="yes"/>',
        '<interface hwaddr="52:54:00:12:34:56" proto="dhcp" enabled="yes"/>',
        "<name-server>192.0.2.53</name-server>",
        "<nameserver>192.0.2.53</nameserver>",
        "<hostname>Xen1.Example.org</hostname>",
        "<hostname/>",
        "<network-backend>openvswitch</network-backend>",
        "<network-backend>bridge</network-backend>",
        '<fcoe-interface name="eth2"/>',
        '<fcoe-interface hwaddr="52:54:00:12:34:57"/>',
    ),
    "System": (
        "<root-password>a plain password</root-password>",
        '<root-password type="plaintext">a plain password</root-password>',
        '<root-password type="hash">!!</root-password>',
        "<timezone>Europe/Paris</timezone>",
        "<keymap>de</keymap>",
        "<ntp-server>ntp.example.org</ntp-server>",
        "<ntp-servers>ntp.example.org</ntp-servers>",
        '<ntp source="manual"><ntp-server>ntp.example.org</ntp-server></ntp>',
        '<ntp source="dhcp"/>',
        '<ntp source="default"/>',
        '<ntp source="none"/>',
        "<ssh-mode>off</ssh-mode>",
        "<ssh-mode>auto</ssh-mode>",
        '<service name="sshd" state="disabled"/>',
        '<bootloader location="mbr">grub2</bootloader>',
        '<bootloader location="partition">extlinux</bootloader>',
        '<bootloader write-boot-entry="false"/>',
    ),
    "Sources and scripts": (
        '<source type="local"/>',
        '<source type="url" gpgcheck="false" repo-gpgcheck="false">http://192.0.2.5/xcp-ng</source>',
        '<driver-source type="nfs">192.0.2.5:/drivers</driver-source>',
        '<script stage="installation-start" type="url">https://192.0.2.5/a.sh</script>',
        '<script stage="packages-installed" type="url">https://192.0.2.5/a.sh</script>',
        '<script stage="filesystem-populated" type="url">https://192.0.2.5/a.sh</script>',
        '<script stage="installation-complete" type="url">https://192.0.2.5/a.sh</script>',
        '<script stage="filesystem-populated" type="url">http://192.0.2.5/a.sh</script>',
        '<script stage="filesystem-populated" type="nfs">192.0.2.5:/a.sh</script>',
        '<script stage="filesystem-populated" type="url">file:///a.sh</script>',
        '<post-install-script type="url">https://192.0.2.5/a.sh</post-install-script>',
        "<install-failed-script>https://192.0.2.5/a.sh</install-failed-script>",
        "<ui-confirmation-prompt>true</ui-confirmation-prompt>",
        "<ui-confirmation-prompt>false</ui-confirmation-prompt>",
    ),
}


def example_file(example: str) -> str:
    """Return a whole file with the example in it, in place of what it stands for."""
    if root := re.match(r"<(installation|upgrade|restore)\b", example):
        return f"{example}{''.join(BASE.values())}</{root[1]}>"
    replaced = {"admin-interface" if name == "interface" else name for name in re.findall(r"<([\w-]+)", example)}
    kept = [text for name, text in BASE.items() if name not in replaced]
    return f"<installation>{''.join(kept)}{example}</installation>"


def flat(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Yield every value with its dotted path."""
    if isinstance(value, dict | list) and value:
        entries: Any = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in entries:
            yield from flat(inner, (*path, key))
    else:
        yield dotted(path), value


def row(example: str, plain: dict[str, Any]) -> str:
    """Return the table's row for an example: what it has that the base has not, and what is said about it."""
    draft: Draft = carry_over(example_file(example), "f")
    values = {path: value for path, value in flat(draft.value) if plain.get(path, Notes) != value}
    answers = [f"`{path}: {_shown(path, value)}`" for path, value in values.items()]
    said = [f"warning: {note.text}" for note in draft.warnings]
    said += [f"**error**: {todo.text}{f'; {todo.hint}' if todo.hint else ''}" for _, todo in draft.todos]
    said = list(dict.fromkeys(said))
    if draft.todos:
        answers = []
    return f"| `{example}` | {'<br>'.join(answers) or '-'} | {_cell('<br>'.join(said)) or '-'} |"


def _shown(path: str, value: Any) -> str:
    return "a hash of it" if path == "root.password_hash" else scalar(value)


def _cell(text: str) -> str:
    escaped = re.sub(r"<(?!br>)", "&lt;", text.replace("|", "\\|"))
    return escaped.replace("$1", "`$1`").replace("$DOM0KIT_TARGET", "`$DOM0KIT_TARGET`")


def tables() -> str:
    """Return all tables, and those of the codes."""
    plain = dict(flat(carry_over(f"<installation>{''.join(BASE.values())}</installation>", "f").value))
    lines: list[str] = []
    for title, examples in EXAMPLES.items():
        lines += [f"### {title}", "", "| file | answers | message |", "|---|---|---|"]
        lines += [*(row(example, plain) for example in examples), ""]
    for title, table in (("Codes of errors", codes.ERRORS), ("Codes of warnings", codes.WARNINGS)):
        lines += [f"### {title}", "", "| code | meaning |", "|---|---|"]
        lines += [*(f"| `{code}` | {meaning} |" for code, meaning in table.items()), ""]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with its tables renewed; the text around them stays.

    :raises UserError: when the page has no place for them.
    """
    return renewed(text, BEGIN, tables(), END, "tables")
