"""An inventory of several files, of exports of Ansible and NetBox, and what it refers to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from answerfiles.inventory.check import check_inventory
from answerfiles.inventory.render import Rendered, Site, render_hosts
from answerfiles.inventory.sources import read_inventory
from answerfiles.inventory.templating import host_values

SITE = Site("http://192.0.2.1", b"k" * 32)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlUM8C2kPpbXNVsdnkSbbCZTqAmcBJdrALy1vzwzMXL ops"
KEY2 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl bak"
BASE = f'defaults:\n  target: {{disk: {{serial: D1}}}}\n  root: {{ssh_keys: ["{KEY}"]}}\n'


def write(folder: Path, **files: Any) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent="\t"))
    return folder / "inv.yaml"


def problems(path: Path) -> list[str]:
    _, found = check_inventory(path.read_text(), path)
    return [problem.render(str(path)).replace(f"{path.parent}/", "") for problem in found]


def rendered(path: Path) -> dict[str, Rendered]:
    return {made.host.name: made for made in render_hosts(read_inventory(path), SITE)}


def test_included_files_folders_and_patterns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        inv_yaml="include: [base.yaml, 'racks/*.yaml', more]\nhosts: {a: {serial: A, groups: [g]}}\n",
        base_yaml=BASE + "groups: {g: {keyboard: de}}\n",
        racks__r1_yaml="hosts: {c: {serial: C, groups: [h]}}\ngroups: {h: {keyboard: fr}}\n",
        more__b_yaml="include: ../base.yaml\nhosts: {b: {serial: B, groups: [g]}}\n",
    )
    assert problems(path) == []
    made = rendered(path)
    assert list(made) == ["a", "c", "b"]
    assert [host.host.index for host in made.values()] == [0, 1, 2]
    assert "keyboard: fr" in made["c"].answers
    assert "keyboard: de" in made["b"].answers


def test_hosts_folder_is_read_and_faults_are_in_its_files(tmp_path: Path) -> None:
    path = write(tmp_path, inv_yaml=BASE)
    folder = tmp_path / "hosts.d"
    folder.mkdir()
    (folder / "a.yaml").write_text('hosts:\n  a: {mac: "52:54:00:00:00:01", keyboard: 5}\n')
    (folder / "b.yaml").write_text('hosts:\n  b: {mac: "52:54:00:00:00:01"}\n')
    (folder / ".c.yaml").write_text("nonsense")
    assert problems(path) == [
        "hosts.d/a.yaml:2:43: host a: keyboard: found 5; allowed: a key map's name, as us or de",
        "hosts.d/b.yaml:2:12: hosts.b.mac: found '52:54:00:00:00:01'; the host a has the same mac (hosts.d/a.yaml:2:12)",
    ]


def test_one_host_in_two_files_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        inv_yaml=BASE + "include: [a.yaml, absent.yaml, empty, 'x*.yaml', 5]\nhosts: {a: {serial: A}}\n",
        a_yaml="include: inv.yaml\ndefaults: {target: {disk: {serial: D2}}}\nhosts: {a: {serial: B}}\n",
    )
    (tmp_path / "empty").mkdir()
    found = problems(path)
    assert [line for line in found if line.startswith("a.yaml")] == [
        "a.yaml:2:28: defaults.target.disk.serial: it is also at inv.yaml:2:19; allowed: once",
        "a.yaml:3:9: hosts.a: it is also at inv.yaml:5:9; allowed: once",
    ]
    assert "inv.yaml:4:19: include: found 'absent.yaml'; no file has this name" in found
    assert "inv.yaml:4:32: include: found 'empty'; a folder without .yaml or .yml or .json files" in found
    assert any(line.startswith("inv.yaml:4:50: include[4]: found 5") for line in found)


def test_keys_and_scripts_from_files(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        inv_yaml=BASE.replace(f'"{KEY}"', "file:ops.pub")
        + "  scripts: [{stage: first-boot, content: file:post.sh}]\nhosts: {a: {serial: A}}\n",
    )
    assert [line.partition("found")[0] for line in problems(path)] == [
        "inv.yaml:3:21: host a: root.ssh_keys[0]: ",
        "inv.yaml:4:42: host a: scripts[0].content: ",
    ]
    (tmp_path / "ops.pub").write_text(f"# ours\n{KEY}\n\n{KEY2}\n")
    (tmp_path / "post.sh").write_text("#!/bin/sh\necho done\n")
    assert problems(path) == []
    text = rendered(path)["a"].answers
    assert f"    - {KEY}\n    - {KEY2}\n" in text
    assert "content: |\n" in text
    (tmp_path / "ops.pub").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    (found,) = problems(path)
    assert "ops.pub is a private key" in found


ANSIBLE = {
    "_meta": {
        "hostvars": {
            "Xen1": {"ansible_host": "192.0.2.11", "dom0kit_mac": "52:54:00:00:00:01", "motd": "{{ not ours }}"},
            "xen2": {"ansible_host": "192.0.2.12", "dom0kit": {"serial": "S2", "keyboard": "fr"}},
            "web": {"ansible_host": "192.0.2.99"},
        }
    },
    "all": {"children": ["ungrouped", "xen"]},
    "xen": {"children": ["berlin"], "hosts": ["xen2"]},
    "berlin": {"hosts": ["Xen1"], "vars": {"dom0kit": {"time": {"zone": "Europe/Berlin"}}}},
}


def test_ansible(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        inv_yaml=BASE
        + "  network: {management: {ipv4: {address: '{{ vars.ansible_host }}/24'}}}\n"
        + "include: ansible.json\ngroups: {xen: {keyboard: de}}\n",
        ansible_json=ANSIBLE,
    )
    assert problems(path) == []
    made = rendered(path)
    assert list(made) == ["xen1", "xen2"]
    assert made["xen1"].host.groups == ("xen", "berlin")
    assert 'address: "192.0.2.11/24"' in made["xen1"].answers
    assert "zone: Europe/Berlin" in made["xen1"].answers
    assert "keyboard: de" in made["xen1"].answers
    assert "keyboard: fr" in made["xen2"].answers
    wrong = json.loads(json.dumps(ANSIBLE).replace('"fr"', '"5 "').replace("52:54", "zz"))
    write(tmp_path, ansible_json=wrong)
    assert [line.partition(": found")[0] for line in problems(path)] == [
        "ansible.json:6:20: hosts.xen1.mac",
        "ansible.json:13:18: host xen2: keyboard",
    ]


def test_netbox(tmp_path: Path) -> None:
    devices = [
        {
            "id": i,
            "name": f"XEN {i}",
            "device_type": {"slug": "r640"},
            "role": {"slug": "hypervisor"},
            "site": {"slug": "berlin"},
            "serial": f"SN{i}",
            "primary_ip4": {"address": f"192.0.2.{10 + i}/24"},
            "tags": [{"slug": "thin"}],
            "config_context": {"dom0kit": {"keyboard": "fr"}, "ntp": ["x"]} if i else {},
        }
        for i in range(2)
    ]
    interfaces = [
        {"name": "eno1", "device": {"name": "XEN 0"}, "mac_address": "52:54:00:00:00:01", "mgmt_only": False},
        {"name": "eno2", "device": {"name": "XEN 0"}, "mac_address": "52:54:00:00:00:02", "mgmt_only": False},
        {"name": "idrac", "device": {"name": "XEN 0"}, "mac_address": "52:54:00:00:00:03", "mgmt_only": True},
        {"name": "lo", "device": {"name": "XEN 1"}, "mac_address": None},
    ]
    path = write(
        tmp_path,
        inv_yaml=BASE
        + "  network: {management: {ipv4: {address: '{{ vars.netbox.primary_ip4.address }}'}}}\n"
        + "include: [devices.json, interfaces.json]\ngroups: {thin: {guests: {thin: true}}}\n",
        devices_json={"count": 2, "next": None, "results": devices},
        interfaces_json=interfaces,
    )
    assert problems(path) == []
    made = rendered(path)
    assert made["xen-0"].host.macs == ("52:54:00:00:00:01", "52:54:00:00:00:02")
    assert made["xen-0"].host.serial == "SN0"
    assert made["xen-1"].host.groups == ("berlin", "hypervisor", "thin")
    assert "keyboard: fr" in made["xen-1"].answers
    assert "thin: true" in made["xen-1"].answers
    assert 'address: "192.0.2.11/24"' in made["xen-1"].answers


@pytest.mark.parametrize(
    "text", ['{"_meta": {"hostvars": 5}}', '{"_meta": {"hostvars": {"a": 5}}, "x": 5}', "[]", '{"results": [5]}']
)
def test_exports_of_another_form_are_errors(text: str, tmp_path: Path) -> None:
    path = tmp_path / "inv.json"
    path.write_text(text)
    assert problems(path)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("address('192.0.2.0/24', 10 + host.index)", "192.0.2.10/24"),
        ("address('192.0.2.77/24', -2)", "192.0.2.254/24"),
        ("'2001:db8::/64' | address(16)", "2001:db8::10/64"),
        ("'192.0.2.10/24' | ipaddr('address')", "192.0.2.10"),
        ("'192.0.2.10/24' | ipaddr('network')", "192.0.2.0"),
        ("'192.0.2.10/24' | ipaddr('netmask')", "255.255.255.0"),
        ("'192.0.2.10/24' | ipaddr('prefix')", 24),
        ("'192.0.2.10/24' | ipaddr(1)", "192.0.2.1/24"),
        ("'192.0.2.10/24' | ipaddr", "192.0.2.10/24"),
        ("'192.0.2.0/24' | nthhost(3)", "192.0.2.3"),
        ("'192.0.2.10' | ipmath(5)", "192.0.2.15"),
        ("'10.0.0.0/8' | ipsubnet(16, 3)", "10.3.0.0/16"),
        ("'10.0.0.0/8' | ipsubnet(16, -1) | ipaddr('last_usable')", "10.255.255.254"),
    ],
)
def test_functions_of_addresses(expression: str, result: Any, tmp_path: Path) -> None:
    host = f'{{serial: A, vars: {{x: "{{{{ {expression} }}}}"}}, keyboard: "k{{{{ vars.x }}}}"}}'
    inventory = read_inventory(write(tmp_path, inv_yaml=f"{BASE}hosts: {{a: {host}}}\n"))
    values, _ = host_values(inventory, inventory.hosts[0], [])
    assert values["keyboard"] == f"k{result}"


@pytest.mark.parametrize(
    "expression",
    [
        "address('192.0.2.0/30', 4)",
        "address('192.0.2.0/24', 0)",
        "address('192.0.2.0/24', 'x')",
        "address(5, 1)",
        "'x' | ipaddr",
        "'192.0.2.0/24' | ipaddr('nonsense')",
        "'192.0.2.0/24' | ipsubnet(8)",
        "'192.0.2.0/24' | ipsubnet(26, 4)",
        "'255.255.255.255' | ipmath(1)",
        "address()",
    ],
)
def test_functions_that_fail_are_errors_with_a_place(expression: str, tmp_path: Path) -> None:
    path = write(tmp_path, inv_yaml=BASE + f'hosts: {{a: {{serial: A, keyboard: "{{{{ {expression} }}}}"}}}}\n')
    (found,) = problems(path)
    assert found.startswith("inv.yaml:4:34: host a: keyboard: ")
    assert "cannot be computed" in found
