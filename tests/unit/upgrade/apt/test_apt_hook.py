"""The hooks of apt: what they refuse and what they explain."""

from __future__ import annotations

import io
import json

import pytest
from fake_runner import FakeRunner

from upgrade.apt import hook
from upgrade.apt.boot_packages import boot_packages

VERSION_3 = """VERSION 3
APT::Architecture=amd64

htop 3.4.1-5 amd64 none < 3.5-1 amd64 none /var/cache/apt/archives/htop_3.5-1_amd64.deb
linux-image-amd64 6.12.118-1 amd64 none < 6.12.120-1 amd64 none /var/cache/apt/archives/linux-image-amd64_6.12.120-1_amd64.deb
grub-common 2.12-9 amd64 none > - - none **REMOVE**
xen-hypervisor-common 4.20 amd64 none = 4.20 amd64 none **CONFIGURE**
"""
POLICY = """linux-image-amd64:
  Installed: 6.12.118-1
  Candidate: 6.12.120-1
  Version table:
grub-common:
  Installed: 2.12-9
  Candidate: 2.12-9
memtest86+:
  Installed: (none)
  Candidate: 7
"""


class Channel(io.StringIO):
    """What apt sends; what the hook answers is kept apart."""

    def __init__(self, *messages: dict[str, object]) -> None:
        super().__init__("".join(f"{json.dumps(message)}\n\n" for message in messages))
        self.answers = ""

    def write(self, text: str) -> int:
        self.answers += text
        return len(text)


def statistics(command: str, *packages: tuple[str, str]) -> dict[str, object]:
    found = [{"name": name, "mode": mode} for name, mode in packages]
    return {"jsonrpc": "2.0", "method": hook.STATISTICS, "params": {"command": command, "packages": found}}


def explained(*messages: dict[str, object], runner: FakeRunner | None = None) -> str:
    output = io.StringIO()
    hook.explain(Channel(*messages), output, runner or FakeRunner())
    return output.getvalue()


def test_kernels_xen_microcode_and_boot_loaders_are_of_the_image() -> None:
    names = [
        "linux-image-6.12.118+deb13-amd64",
        "linux-headers-amd64",
        "xen-hypervisor-4.20-amd64",
        "xen-utils-4.20",
        "openssh-server",
    ]
    names += ["intel-microcode", "grub2-common", "initramfs-tools-core", "dracut-install"]
    assert boot_packages(names) == [
        "grub2-common", "initramfs-tools-core", "intel-microcode", "linux-image-6.12.118+deb13-amd64", "xen-hypervisor-4.20-amd64"
    ]  # fmt: skip


def test_a_change_of_a_boot_package_is_refused_and_said_in_one_sentence() -> None:
    errors = io.StringIO()
    assert hook.refuse(io.StringIO(VERSION_3), errors) == 1
    (line,) = errors.getvalue().splitlines()
    assert line.startswith("dom0kit: grub-common, linux-image-amd64: this host boots their files from the image")
    assert "dom0ctl image stage" in line


@pytest.mark.parametrize("text", ["", "VERSION 3\n", "\n".join(VERSION_3.splitlines()[:4]), VERSION_3.partition("htop")[0]])
def test_other_packages_pass(text: str) -> None:
    assert hook.refuse(io.StringIO(text), io.StringIO()) == 0


def test_the_protocol_is_greeted_and_ended() -> None:
    hello: dict[str, object] = {"method": "org.debian.apt.hooks.hello", "id": 0, "params": {"versions": ["0.1", "0.2"]}}
    channel = Channel(
        hello, {"method": "org.debian.apt.hooks.bye", "params": {}}, statistics("install", ("grub-common", "upgrade"))
    )
    output = io.StringIO()
    hook.explain(channel, output, FakeRunner())
    assert json.loads(channel.answers) == {"jsonrpc": "2.0", "id": 0, "result": {"version": "0.2"}}
    assert output.getvalue() == "", "nothing comes after the end"


def test_what_is_to_be_installed_is_explained() -> None:
    assert explained(statistics("install", ("linux-image-99-amd64", "install"), ("htop", "upgrade"))) == (
        "\nlinux-image-99-amd64: this host boots its files from the image, where apt cannot change them; "
        "stage a newer image: dom0ctl image stage SOURCE\n"
    )
    assert explained(statistics("install", ("htop", "upgrade"), ("grub-common", "keep"))) == ""


def test_what_an_upgrade_keeps_back_is_explained() -> None:
    outputs = {"apt-mark showhold": "linux-image-amd64\ngrub-common\nmemtest86+\nhtop\n", "apt-cache policy": POLICY}
    text = explained(statistics("upgrade", ("htop", "upgrade")), runner=FakeRunner(dict(outputs)))
    assert text.startswith("\nlinux-image-amd64: this host boots its files")
    runner = FakeRunner(dict(outputs))
    assert explained(statistics("install", ("htop", "upgrade")), runner=runner) == ""
    assert runner.calls == [], "only an upgrade keeps packages back"
    assert explained(statistics("dist-upgrade"), runner=FakeRunner({"apt-mark": "htop\n"})) == ""
