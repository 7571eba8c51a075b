"""What a start of a system does not need is not started in it."""

from __future__ import annotations

from pathlib import Path

import pytest

ELEMENTS = Path(__file__).parents[2] / "image/elements"
FIRSTBOOT = ELEMENTS / "dom0-firstboot/tree/etc/systemd/system"
XEN = ELEMENTS / "dom0-xen/tree/etc/systemd/system"
NOT_IN_INSTALLER = "ConditionKernelCommandLine=!dom0kit.mode=install"


@pytest.mark.parametrize("unit", ["ovs-", "ovsdb-server", "openvswitch-switch", "smartmontools", "cron"])
def test_the_installer_starts_no_daemon_of_hosts(unit: str) -> None:
    # systemd reads the drop-ins of "ovs-.service.d" for each unit whose name begins so.
    assert NOT_IN_INSTALLER in (FIRSTBOOT / f"{unit}.service.d/50-dom0kit.conf").read_text().splitlines()


def test_modules_for_guests_are_loaded_on_xen_alone() -> None:
    assert not (ELEMENTS / "dom0-xen/tree/etc/modules-load.d").exists()
    assert (XEN / "sysinit.target.wants/dom0kit-xen-modules.service").resolve() == XEN / "dom0kit-xen-modules.service"
    lines = (XEN / "dom0kit-xen-modules.service").read_text().splitlines()
    assert "ConditionPathExists=/sys/hypervisor/type" in lines
    assert any(line.startswith("ExecStart=-/usr/sbin/modprobe --all xen-evtchn ") for line in lines)
