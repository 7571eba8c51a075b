from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_runner import Call, FakeRunner

from dom0kit.errors import UserError
from dom0kit.linux import cpio
from pool import trial_guest
from pool.driver import JoiningHost
from pool.host_access import LocalHost, ManagedHost
from pool.xl import Xl
from pool.xl_guest import config

LDD = """	linux-vdso.so.1 (0x00007fdd243ac000)
	libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007fdd240d2000)
	/lib64/ld-linux-x86-64.so.2 (0x00007fdd243ae000)
"""
LIBRARIES = ("lib/x86_64-linux-gnu/libc.so.6", "lib64/ld-linux-x86-64.so.2")


@pytest.fixture
def host(tmp_path: Path) -> LocalHost:
    files = {"usr/bin/busybox": b"busybox", **dict.fromkeys(LIBRARIES, b"library")}
    for module in trial_guest.MODULES:
        files[f"usr/lib/modules/6.12/kernel/{module}.xz"] = lzma.compress(b"module " + module.encode())
    for name, data in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return LocalHost(tmp_path, FakeRunner({"ldd": LDD}))


def test_the_guest_is_made_of_what_the_host_has(host: LocalHost) -> None:
    found = cpio.read(gzip.decompress(trial_guest.build(host, "6.12").read_bytes()))
    assert found["lib64/ld-linux-x86-64.so.2"] == b"library"
    assert found["modules/0-xen-netfront.ko"] == b"module drivers/net/xen-netfront.ko"
    assert found["bin/busybox"] == b"busybox"
    assert b"poweroff -f" in found["sbin/poweroff"]


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".zst", lambda data: b"zstd" + data)])
def test_modules_may_be_compressed_in_every_way_that_kmod_knows(
    host: LocalHost, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    for module in trial_guest.MODULES:
        path = host.path(f"usr/lib/modules/6.12/kernel/{module}")
        path.with_name(path.name + ".xz").unlink()
        path.with_name(path.name + suffix).write_bytes(pack(b"module " + module.encode()))

    def zstd(call: Call) -> str:
        Path(call.argv[-2]).write_bytes(Path(call.argv[-1]).read_bytes().removeprefix(b"zstd"))
        return ""

    access = LocalHost(host.root, FakeRunner({"ldd": LDD, "zstd": zstd}))
    found = cpio.read(gzip.decompress(trial_guest.build(access, "6.12").read_bytes()))
    assert found["modules/1-xen-blkfront.ko"] == b"module drivers/block/xen-blkfront.ko"


def test_the_same_host_makes_the_same_guest_and_makes_it_once(host: LocalHost) -> None:
    first = trial_guest.build(host, "6.12").read_bytes()
    host.path("usr/bin/busybox").write_bytes(b"another")
    assert trial_guest.build(host, "6.12").read_bytes() == first
    host.path(trial_guest.INITRAMFS.lstrip("/")).unlink()
    assert trial_guest.build(host, "6.12").read_bytes() != first


def test_another_kernel_makes_another_guest(host: LocalHost) -> None:
    trial_guest.build(host, "6.12")
    with pytest.raises(UserError, match=r"xen-netfront\.ko does not exist"):
        trial_guest.build(host, "6.13")


def test_arguments_have_no_comma() -> None:
    assert "," not in trial_guest.arguments("g", "10.0.0.1/24")
    assert "guest.address" not in trial_guest.arguments("g", None)


def test_the_guest_of_xl_alone() -> None:
    text = config("g", ManagedHost("h", "10.0.0.1", "xenbr0.77", "xenbr0", 77), "169.254.1.2/30")
    assert 'vif = ["bridge=xenbr0.77,script=vif-openvswitch"]' in text
    assert 'cmdline = "console=hvc0 quiet guest.name=g guest.address=169.254.1.2/30"' in text


def test_xl_knows_no_pool() -> None:
    assert Xl().status().role == "alone"
    assert not Xl().preflight(JoiningHost("h", (), "", "", "")).accepted
    for act in (Xl().create, Xl().leave):
        with pytest.raises(UserError, match="does not support pools"):
            act()


def test_the_guests_scripts_are_busyboxs() -> None:
    for text in (trial_guest.INIT, trial_guest.LEASE, trial_guest.POWEROFF, trial_guest.REBOOT):
        assert text.startswith("#!/bin/busybox sh\n")
