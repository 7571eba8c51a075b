"""Files that install more than they name: one for two machines, and one of XCP-ng's as its documentation has it."""

from __future__ import annotations

from pathlib import Path

from qa.checks import host_checks
from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Credentials
from qa.install.answers import DISK_SERIAL, NTP, Values, answers, management, to_yaml
from qa.install.installed_disk import install_from_cd, run_installer
from qa.lab import access_log, netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.network_boot import Boot, Served, Tree, document_without, mac, render, serve
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.qemu_args import Drive

DOMAIN = "lab.example.org"
NAMES = {"52:54:00:77:02:01": "rack1-node1", "52:54:00:77:02:02": "rack1-node2"}
"""The names that the DHCP server has for two machines."""
XML_HOST = "xenserver-answers-pxe"
XML_BOOT = Boot("bios", rom=True)
SCRIPT = "post-install.sh"
MARK = "etc/post-install-ran"
XML = """<?xml version="1.0"?>
<installation srtype="ext">
  <primary-disk>sda</primary-disk>
  <guest-disk>sda</guest-disk>
  <keymap>us</keymap>
  <root-password>{password}</root-password>
  <source type="url">http://{server}/xcp-ng/</source>
  <post-install-script type="url">{script}</post-install-script>
  <admin-interface name="eth0" proto="dhcp" />
  <ntp-server>{ntp}</ntp-server>
  <timezone>Europe/Berlin</timezone>
  <hostname>XCP-from-xml</hostname>
</installation>
"""


def answers_for_any(credentials: Credentials, url: str) -> str:
    """Return answers for any machine, whose name the DHCP server knows; reports go to a web server at ``url``."""
    network = {"management": management(mac=None)}
    reports = {"webhook": {"url": f"{url}/report/{{host}}"}}
    return answers(credentials, host_name="dhcp", network=network, reports=reports)


def xml_answers(credentials: Credentials, url: str) -> str:
    """Return answers for XCP-ng with root's plain password, and a script at a web server at ``url``."""
    words = {"password": credentials.password, "server": netns_commands.ADDRESS, "ntp": NTP}
    return XML.format(**words, script=f"{url}/{SCRIPT}")


def xml_inventory(credentials: Credentials) -> Values:
    """Return the inventory that the tree of the machine with XML answers is rendered from."""
    machine: Values = {"mac": mac(XML_HOST), "host_name": f"{XML_HOST}.{DOMAIN}"}
    return {"defaults": document_without(credentials, "host_name", "network"), "hosts": {XML_HOST: machine}}


@scenario("host-name-dhcp", firmware="bios", minutes=16, tags={"network", "answers"}, lab=True)
def test_host_name_dhcp(scenario: Scenario, lab: Lab) -> None:
    """Install two machines with one file: each has the name that the DHCP server gives it, in plan, reports and host."""
    hosts = [f"{address},{name}" for address, name in NAMES.items()]
    lab.dhcp(f"option:domain-name,{DOMAIN}", hosts=hosts)
    files = scenario.work / "files"
    files.mkdir()
    web = lab.web("web", files=files)
    (files / "all.yaml").write_text(answers_for_any(scenario.settings.credentials, web.url))
    seen = {}
    for address, name in NAMES.items():
        disk = Drive(media.blank_disk(scenario.work / f"{name}.img"), serial=DISK_SERIAL, bootindex=0)
        machine_is: Values = {"nics": (lab.nic(address),), "netns": lab.namespace}
        wanted = f"{name}.{DOMAIN}"
        arguments = f"dom0kit.answers={web.url}/all.yaml"
        install_from_cd(scenario, [disk], "", arguments=arguments, name=f"install-{name}", **machine_is)
        with scenario.machine(name, scenario.spec(name, drives=(disk,), **machine_is)) as machine:
            console = wait_for_first_boot(scenario, machine)
            host_checks.check_identity(console, wanted)
            need(console.succeed("hostname --fqdn").strip() == wanted, f"the host does not know its full name, {wanted}")
            seen[name] = host_checks.identity(console)
    reported = {(event.get("host"), event.get("mac")) for event in web.events if event.get("event") == "finished"}
    expected = {(f"{name}.{DOMAIN}", address) for address, name in NAMES.items()}
    need(
        expected <= reported,
        f"the reports of the end are from {sorted(map(str, reported))}, not from {sorted(map(str, expected))}",
    )
    one, other = seen.values()
    same = [key for key in one if one[key] == other[key]]
    need(not same, f"the two hosts have the same: {', '.join(same)}")


def xml_tree(scenario: Scenario, text: str) -> Tree:
    """Return a network-boot tree for one machine whose answers are an XML file in place of YAML."""
    folder = scenario.settings.public / f"{scenario.name}.tree"
    file = scenario.work / "inventory.yaml"
    file.write_text(to_yaml(xml_inventory(scenario.settings.credentials)))
    render(scenario.settings, file, folder)
    place = folder / "answers" / f"{XML_HOST}.yaml"
    mode = place.stat().st_mode & 0o777
    place.write_text(text)
    place.chmod(mode)
    return Tree(folder, file)


def write_script(files: Path) -> None:
    """Write a script as XCP-ng's documentation has it, for the system that was installed."""
    files.mkdir()
    (files / SCRIPT).write_text(f'#!/bin/sh\necho "stage $DOM0KIT_STAGE" >"$DOM0KIT_ROOT/{MARK}"\n')


@scenario("xenserver-answers-pxe", firmware="bios", minutes=10, tags={"network", "pxe", "answers"}, lab=True, needs=("nginx",))
def test_xenserver_answers_pxe(scenario: Scenario, lab: Lab) -> None:
    """Install by PXE with an XML file for XCP-ng: plain password, script by http, capitals in the name; the script runs."""
    files = scenario.work / "files"
    write_script(files)
    web = lab.web("scripts", files=files)
    text = xml_answers(scenario.settings.credentials, web.url)
    served = serve(lab, scenario, xml_tree(scenario, text), XML_BOOT)
    nic = lab.nic(mac(XML_HOST), rom=True, bootindex=0)
    path = media.blank_disk(scenario.work / "disk.img")
    install_disk = Drive(path, "scsi", serial=DISK_SERIAL, bootindex=1)
    spec = scenario.spec("install", nics=(nic,), drives=(install_disk,), netns=lab.namespace)
    with scenario.machine("install", spec) as machine:
        run_installer(machine, scenario)
    check_fetched(served, web.requests)
    spec = scenario.spec(
        "host",
        nics=(lab.nic(mac(XML_HOST)),),
        drives=(Drive(path, "scsi", serial=DISK_SERIAL, bootindex=0),),
        netns=lab.namespace,
    )
    with scenario.machine("host", spec) as machine:
        console = wait_for_first_boot(scenario, machine)
        host_checks.check_xen(console)
        host_checks.check_identity(console, "xcp-from-xml")
        host_checks.check_services(console)
        mark = console.succeed(f"cat /{MARK}").strip()
        need(mark == "stage written", f"the post-install script left {mark!r}")
        sources = console.succeed("cat /etc/chrony/sources.d/dom0kit.sources")
        need(NTP in sources, f"the time server of the file is not used: {sources!r}")
        kept = console.succeed("jq -r .root.password_hash /etc/dom0kit/host.json").strip()
        need(kept.startswith("$"), "the host does not have the password as a hash alone")
        need(lab.reaches(host_checks.addresses(console)[0]), "the host does not answer to ping")


def check_fetched(served: Served, requests: list[access_log.Request]) -> None:
    """Check that the machine booted from the network, and fetched the file and its script."""
    need(access_log.fetched(served.requests, "/dom0.squashfs"), "dom0.squashfs was not fetched: the machine did not boot by PXE")
    # nginx writes down the file that it sends.
    need(access_log.fetched(served.requests, f"/granted/{XML_HOST}.yaml"), "the XML file was not fetched")
    need(access_log.fetched(requests, f"/{SCRIPT}"), "the post-install script was not fetched")
