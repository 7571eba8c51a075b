"""What is one host's own in its initramfs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.linux import cpio, host_initramfs

SAN = Path(__file__).resolve().parents[4] / "image/elements/dom0-san/tree"
WWID = "35000c50015ea71ad"
IMAGE = b"\x28\xb5\x2f\xfd an initramfs of odd size"


def good() -> dict[str, bytes]:
    files = host_initramfs.collect(SAN)
    files[host_initramfs.WWIDS] = host_initramfs.wwids_text([WWID], files[host_initramfs.WWIDS].decode()).encode()
    return files


def put(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_the_images_own_files_are_right_but_for_the_wwids() -> None:
    files = host_initramfs.collect(SAN)
    assert host_initramfs.problems(files, []) == []
    assert host_initramfs.problems(files, [WWID]) == [f"/etc/multipath/wwids does not name {WWID}"]
    assert host_initramfs.problems(good(), [WWID]) == []


@pytest.mark.parametrize("name", [host_initramfs.MULTIPATH_CONF, host_initramfs.BINDINGS, host_initramfs.WWIDS])
@pytest.mark.parametrize("empty", [True, False])
def test_what_is_missing_or_empty_is_a_problem(name: str, empty: bool) -> None:
    files = good()
    files[name] = b""
    if not empty:
        del files[name]
    assert len(host_initramfs.problems(files, [WWID])) == 1


def test_a_header_of_one_line_is_a_problem() -> None:
    files = good() | {host_initramfs.BINDINGS: b"# Multipath bindings, Version : 1.0\n"}
    assert host_initramfs.problems(files, [WWID]) == ["/etc/multipath/bindings has 1 lines of its header, not 7"]


def test_a_wwid_that_only_begins_alike_is_another_one() -> None:
    assert host_initramfs.problems(good(), [WWID[:-1]])


def test_wwids_are_added_once() -> None:
    text = host_initramfs.wwids_text(["b", "a", "b"], "# header\n/a/\n")
    assert text == "# header\n/a/\n/b/\n"


def test_the_host_hides_the_image(tmp_path: Path) -> None:
    host, image = tmp_path / "host", tmp_path / "image"
    put(host, host_initramfs.WWIDS, "/1/\n")
    put(image, host_initramfs.WWIDS, "")
    put(image, host_initramfs.MULTIPATH_CONF, "defaults {}\n")
    put(image, "etc/multipath/conf.d/array.conf", "x")
    put(image, "etc/multipath/conf.d/notes.txt", "x")
    found = host_initramfs.collect(host, image)
    assert found == {
        host_initramfs.WWIDS: b"/1/\n",
        host_initramfs.MULTIPATH_CONF: b"defaults {}\n",
        "etc/multipath/conf.d/array.conf": b"x",
    }


def test_the_initiator_belongs_to_hosts_that_log_in(tmp_path: Path) -> None:
    put(tmp_path, host_initramfs.INITIATOR, "InitiatorName=iqn.x\n")
    assert host_initramfs.INITIATOR not in host_initramfs.collect(tmp_path)
    put(tmp_path, host_initramfs.ISCSI, "")
    assert host_initramfs.INITIATOR in host_initramfs.collect(tmp_path)


def test_it_is_written_read_and_replaced(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd.img"
    initrd.write_bytes(IMAGE)
    size, digest = len(IMAGE), hashlib.sha256(IMAGE).hexdigest()
    assert host_initramfs.read(initrd, size) == {}
    for files in (good(), {"etc/a": b"1"}):
        written = host_initramfs.write(initrd, size, digest, host_initramfs.make(files, 0))
        data = initrd.read_bytes()
        assert data.startswith(IMAGE)
        assert data[size:].lstrip(b"\0").startswith(cpio.MAGIC)
        assert (len(data) - len(data[size:].lstrip(b"\0"))) % 4 == 0
        assert (written.size, written.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert host_initramfs.read(initrd, size) == files
    assert initrd.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [initrd]


def test_of_lvms_list_the_entries_count() -> None:
    entry = b"IDTYPE=mpath_uuid IDNAME=part4-mpath-1 DEVNAME=/dev/mapper/1-part4 PVID=x\n"
    one = {host_initramfs.LVM_DEVICES: b"HOSTNAME=installer\n" + entry, host_initramfs.WWIDS: b"1"}
    assert host_initramfs.differing(one, one | {host_initramfs.LVM_DEVICES: b"HOSTNAME=xen1\nVERSION=1.1.2\n" + entry}) == []
    assert host_initramfs.differing(one, one | {host_initramfs.LVM_DEVICES: b""}) == [host_initramfs.LVM_DEVICES]
    assert host_initramfs.differing(one, {}) == [host_initramfs.LVM_DEVICES, host_initramfs.WWIDS]
    assert host_initramfs.differing(one, one | {host_initramfs.WWIDS: b"2"}) == [host_initramfs.WWIDS]


@pytest.mark.parametrize("there", [IMAGE[:-1], IMAGE[:-1] + b"!"])
def test_another_initramfs_than_the_images_is_left_alone(tmp_path: Path, there: bytes) -> None:
    initrd = tmp_path / "initrd.img"
    initrd.write_bytes(there)
    with pytest.raises(UserError, match="does not begin with the image's initramfs"):
        host_initramfs.write(initrd, len(IMAGE), hashlib.sha256(IMAGE).hexdigest(), b"")
    assert initrd.read_bytes() == there
    assert list(tmp_path.iterdir()) == [initrd]


def test_a_damaged_part_is_told(tmp_path: Path) -> None:
    initrd = tmp_path / "initrd.img"
    initrd.write_bytes(IMAGE + b"not an archive")
    with pytest.raises(UserError, match="damaged"):
        host_initramfs.read(initrd, len(IMAGE))
