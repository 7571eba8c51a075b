"""What a start of a system does not need is not started in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firstboot.steps.steps import STEPS

ELEMENTS = Path(__file__).parents[3] / "image/elements"
FIRSTBOOT = ELEMENTS / "dom0-firstboot/tree/etc/systemd/system"
XEN = ELEMENTS / "dom0-xen/tree/etc/systemd/system"
NOT_IN_INSTALLER = "ConditionKernelCommandLine=!dom0kit.mode=install"


@pytest.mark.parametrize("unit", ["ovs-", "ovsdb-server", "openvswitch-switch", "smartmontools", "cron", "lvm2-monitor"])
def test_the_installer_starts_no_daemon_of_hosts(unit: str) -> None:
    # systemd reads the drop-ins of "ovs-.service.d" for each unit whose name begins so.
    assert NOT_IN_INSTALLER in (FIRSTBOOT / f"{unit}.service.d/50-dom0kit.conf").read_text().splitlines()


def test_a_slow_dmeventd_is_asked_again_and_is_no_failed_unit() -> None:
    lines = (FIRSTBOOT / "lvm2-monitor.service.d/50-dom0kit.conf").read_text().splitlines()
    assert lines[-2:] == ["ExecStart=", "ExecStart=/usr/lib/dom0kit/bin/monitor-volumes"]
    assert not any(line.startswith("Restart=") for line in lines)


def test_the_store_in_uefi_variables_is_for_machines_with_uefi() -> None:
    folder = ELEMENTS / "dom0-base/tree/etc/systemd/system/modprobe@efi_pstore.service.d"
    assert "ConditionPathExists=/sys/firmware/efi" in (folder / "10-dom0kit.conf").read_text().splitlines()


def test_modules_that_are_there_are_not_asked_for() -> None:
    base = ELEMENTS / "dom0-base"
    folder = base / "tree/etc/systemd/system/modprobe@.service.d"
    assert "ConditionPathExists=!/sys/module/%I" in (folder / "10-dom0kit.conf").read_text().splitlines()
    text = (base / "install.d/10-base").read_text()
    assert "systemctl mask modprobe@drm.service systemd-networkd-persistent-storage.service\n" in text


def test_xens_daemons_are_for_xen() -> None:
    assert "ConditionPathExists=/sys/hypervisor/type" in (XEN / "xen.service.d/10-dom0kit.conf").read_text().splitlines()


def test_kvm_is_not_loaded_unasked() -> None:
    assert "kvm_amd kvm_intel >/etc/modprobe.d/dom0kit-kvm.conf" in (ELEMENTS / "dom0-xen/install.d/20-xen").read_text()


def test_chrony_starts_once_with_the_time_servers_of_the_answers() -> None:
    assert "After=dom0kit-firstboot.service" in (FIRSTBOOT / "chrony.service.d/50-dom0kit.conf").read_text().splitlines()
    assert next(step.early for step in STEPS if step.name == "time")


def test_modules_for_guests_are_loaded_on_xen_alone() -> None:
    assert not (ELEMENTS / "dom0-xen/tree/etc/modules-load.d").exists()
    assert "systemctl enable dom0kit-xen-modules.service\n" in (ELEMENTS / "dom0-xen/install.d/20-xen").read_text()
    lines = (XEN / "dom0kit-xen-modules.service").read_text().splitlines()
    assert "ConditionPathExists=/sys/hypervisor/type" in lines
    assert any(line.startswith("ExecStart=-/usr/sbin/modprobe --all xen-evtchn ") for line in lines)


def test_the_root_keeps_the_modules_that_the_initramfs_copied_under_their_names() -> None:
    """A host's own drivers bring the root's index of modules into the initramfs."""
    steps = sorted(path.name for path in ELEMENTS.glob("*/post-install.d/*"))
    assert steps.index("90-initramfs") < steps.index("95-same-modules") == len(steps) - 1
    packing = [path.name for path in ELEMENTS.glob("*/*.d/*") if re.search(r"\b(xz|zstd) ", path.read_text())]
    assert packing == ["21-modules"]


@pytest.mark.parametrize("name", ["fstab", "getty", "sysv", "rc-local", "run", "debug", "tpm2"])
def test_generators_that_may_find_something_stay(name: str) -> None:
    text = (ELEMENTS / "dom0-base/install.d/10-base").read_text()
    masked = text.partition("for generator in ")[2].partition(";")[0].split()
    assert "gpt-auto" in masked
    assert name not in masked


def test_names_are_asked_of_name_servers_alone() -> None:
    lines = (ELEMENTS / "dom0-base/tree/etc/systemd/resolved.conf.d/50-dom0kit.conf").read_text().splitlines()
    assert {"[Resolve]", "LLMNR=no", "MulticastDNS=no"} <= set(lines)


def test_the_ssh_server_forwards_no_displays_and_limits_who_does_not_log_in() -> None:
    lines = (ELEMENTS / "dom0-firstboot/tree/etc/ssh/sshd_config.d/60-dom0kit.conf").read_text().splitlines()
    assert {"X11Forwarding no", "LoginGraceTime 120", "PerSourceMaxStartups 20"} <= set(lines)


def test_the_firewall_is_loaded_before_the_network() -> None:
    lines = (FIRSTBOOT / "dom0kit-firewall.service").read_text().splitlines()
    assert {"Before=network-pre.target", "Wants=network-pre.target", "DefaultDependencies=no"} <= set(lines)
    assert "dom0kit-firewall.service" in (ELEMENTS / "dom0-firstboot/install.d/30-units").read_text()
