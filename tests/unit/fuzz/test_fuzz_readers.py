"""Readers of what comes from outside, with damaged and random inputs: no exception but the documented ones.

``make fuzz`` gives each 100,000 inputs (FUZZ_EXAMPLES); FUZZ_SEED makes other ones.
"""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pycdlib
import pytest
from damaged_inputs import inputs

from answerfiles.checking.files import Source, check_source
from answerfiles.checking.recognition import kind_of
from answerfiles.inventory.sources import parse_inventory
from answerfiles.lab_server import log_watcher
from answerfiles.lab_server.answer_access import parse_leases
from answerfiles.lab_server.receiver_http import body_length
from answerfiles.lab_server.report_receiver import Refused, parse_event
from answerfiles.reader import parse_answers
from dom0kit.errors import UserError
from dom0kit.linux import boot_choice, cpio
from dom0kit.untrusted.values import read_json
from firstboot.multipath_monitor import uevents
from installer.answer_source.source import parse_cmdline
from installer.hardware import ibft
from installer.hardware.facts_json import facts_from_json
from installer.hardware.installations import parse_installation, system_places
from installer.model.image_manifest import NAMES
from installer.model.image_manifest import parse_manifest as parse_image_manifest
from installer.tui.operations.dhcp_lease import parse_lease
from iso import gpt
from iso.layout import BOOT_HYBRID, PATHS
from iso.layout import parse_manifest as parse_iso_manifest
from iso.verify import read_listing
from pool.driver import JoiningHost
from pool.join.client import parse_queued
from pool.join.messages import answer_from_json, host_from_json, host_to_json, problem_from_json
from pool.join.queue import Queue
from pool.join.request_signing import Purpose, read_request
from pool.join.token import read_token
from pool.xapi.rpc_codec import WireFormatError, XenApiError, json_answer, xml_answer
from upgrade.choice import fat
from upgrade.state import packages
from upgrade.store.packages import changed_packages
from upgrade.store.sources import iso9660
from upgrade.store.sources.any_source import open_source
from upgrade.store.sources.web import image_id

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
SEED = os.environ.get("FUZZ_SEED", "1")
HOST = JoiningHost("h1", ("192.0.2.20",), "0.1.0", "ganeti 3.1.0", "u1")
TOKEN = "d0k1-" + "QUJD" * 30
YAML = b"version: 1\nhost_name: xen1\ntarget: {disk: {size: {at_least: 16 GB}}}\nnetwork: {management: {nic: first}}\n"
INVENTORY = b"defaults: {version: 1}\nhosts:\n  xen1: {mac: '52:54:00:00:00:01', host_name: '{{ host.name }}'}\n"
XML = b'<?xml version="1.0"?><installation><primary-disk>sda</primary-disk><keymap>us</keymap></installation>'
RPC = (
    b"<?xml version='1.0'?><methodResponse><params><param><value><struct>"
    b"<member><name>Status</name><value>Success</value></member></struct></value></param></params></methodResponse>"
)
IBFT = ("ip-addr", "subnet-mask", "prefix-len", "vlan", "gateway", "mac", "port", "target-name", "chap-name", "chap-secret")
MACHINES = Path(__file__).parents[2] / "machines"
FACTS = min(MACHINES.glob("*.json"), key=lambda path: path.stat().st_size).read_bytes()
NONCE = Purpose("0" * 32, "QUJD", "join")
REQUEST = json.dumps({"request": json.dumps({"host": host_to_json(HOST, 1.0)}), "signature": "x"}).encode()
FILES = {name: {"size": 10, "sha256": "0" * 64} for name in (*NAMES, *PATHS, BOOT_HYBRID)}
MANIFEST = {
    "format": 1,
    "product": "dom0kit",
    "version": "0.1.0",
    "id": "0123456789abcdef",
    "epoch": 1760000000,
    "files": FILES,
    "names": {"zones": ["UTC"], "old_zones": {"GB": "Europe/London"}, "layouts": {"us": ["intl"]}},
    "packages": {"xen": "4.20"},
}
EVENT = b'{"event": "failed", "source": "installer", "state": "failed", "text": "x", "list": [1, 2.5], "ok": true}'
LEASES = b"1760000000 52:54:00:00:00:01 10.77.0.100 xen1 01:52\n0 52:54:00:00:00:02 10.77.0.101 * *\n"
LOG = (
    b"dnsmasq-dhcp[9]: 12 DHCPACK(br0) 10.77.0.100 52:54:00:00:00:01 xen1\ndnsmasq-tftp[9]: sent /srv/a to 10.77.0.100\n"
    b"dnsmasq-dhcp[9]: PXE(br0) 10.77.0.1 52:54:00:00:00:01 boot/a\n"
    b"2026-01-01T00:00:00+00:00 10.77.0.100 GET /answers/xen1.00000000000000000000000000000000.yaml 200 512 0.001\n"
)
CMDLINE = (
    b"BOOT_IMAGE=/xen dom0kit.answers=http://192.0.2.1/{mac}.yaml dom0kit.trust=sha256:" + b"0" * 64 + b" dom0kit.plan-only=1 "
    b"BOOTIF=01-52-54-00-00-00-01 dom0kit.armed=new-0123456789abcdef dom0kit.network-timeout=60"
)
LEASE = b"ADDRESS=192.0.2.7\nNETMASK=255.255.255.0\nROUTER=192.0.2.1\nDNS=192.0.2.1\nDOMAINNAME=example.org\nHOSTNAME=xen1\n"
UEVENT = b"change@/devices/virtual/block/dm-0\0ACTION=change\0SUBSYSTEM=block\0DEVNAME=dm-0\0DM_ACTION=PATH_FAILED\0"
INSTALLED = b'{"host_name": "xen1", "machine": "u1", "install_id": "1", "version": "0.1.0"}'
PARTITIONS = b"2048 dom0kit-esp\n4096 dom0kit-system\n8192\n"
BOOT_SECTOR = bytes(11) + b"\x00\x02\x08\x20\x00\x02" + bytes(19) + b"\x00\x10\x00\x00" + bytes(470) + b"\x55\xaa"
TABLE = gpt.Table(uuid.UUID(int=1), 4096, (gpt.Partition(gpt.EFI_SYSTEM, uuid.UUID(int=2), 40, 80, "a"),))
GPT = gpt.header(TABLE) + gpt.entries(TABLE)
CHOICE = boot_choice.to_bytes(boot_choice.Choice(uuid.UUID(int=5), 3, "0.1.0-01234567", "0.2.0-89abcdef", 1))


def an_iso() -> bytes:
    """Return a small ISO."""
    made = pycdlib.PyCdlib()
    made.new(interchange_level=3, rock_ridge="1.09")
    made.add_fp(io.BytesIO(b"content"), 7, "/FILE.;1", rr_name="file")
    made.add_directory("/DOM0KIT", rr_name="dom0kit")
    made.add_fp(io.BytesIO(b"{}"), 2, "/DOM0KIT/MANIFEST.JSON;1", rr_name="manifest.json")
    out = io.BytesIO()
    made.write_fp(out)
    made.close()
    return out.getvalue()


def read_iso(data: bytes) -> None:
    read_listing(io.BytesIO(data), Path("x.iso"))


def text(read: Callable[[str], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes for a reader of a text, as files are decoded that are not checked."""
    return lambda data: read(data.decode("utf-8", "replace"))


def check(data: bytes) -> None:
    content = data.decode("utf-8", "replace")
    check_source(Source(Path("/nowhere/i.yaml"), "i.yaml", content, kind_of(content)))


def read_stick(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(data)
        file.flush()
        source = open_source(file.name)
        with source.open("manifest.json", 2, 0) as reader:
            reader.read_into(memoryview(bytearray(100)))


def find_folder(data: bytes) -> None:
    iso9660.find(io.BytesIO(data), "DOM0KIT")


def read_log(data: bytes) -> None:
    names = log_watcher.Names({"xen1": {"mac": "52:54:00:00:00:01"}}, Path("/srv"))
    for line in data.decode(errors="replace").splitlines():
        for shown in (log_watcher.dnsmasq_line(line, names), log_watcher.access_line(line, names)):
            assert shown is None or shown


def read_event(data: bytes) -> None:
    shown = log_watcher.event_line("xen1", parse_event(data))
    assert shown is None or shown.isprintable()


def read_signed(data: bytes) -> None:
    read_request(data, NONCE, lambda key, text, signature: True)


def read_changes(found: str) -> None:
    # A manifest with other characters in a version is refused.
    old, _, new = re.sub(r"[^0-9A-Za-z.+~: -]", "", found).partition(" ")
    old, new = old[:256], new[:256]
    for one, other in ((old, new), (new, old), (old, old)):
        assert packages.compare(one, other) == -packages.compare(other, one)
        for change in changed_packages({"xen": one}, {"xen": other}):
            assert change.kind


def read_parts(data: bytes) -> None:
    fat.first_sector(fat.geometry(data[:512].ljust(512, b"\0")), data[512:].decode("latin-1"))


def read_firmware(data: bytes) -> None:
    parts = data.split(b"\0")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        root = Path(folder) / ibft.FOLDER
        for name in ("initiator", "ethernet0", "target0"):
            (root / name).mkdir(parents=True)
            for number, field in enumerate(IBFT):
                (root / name / field).write_bytes(parts[number % len(parts)])
        ibft.read_ibft(Path(folder))


def read_queue(data: bytes) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        (Path(folder) / f"00000001-{'a' * 16}.waiting").write_bytes(data)
        (Path(folder) / "times.json").write_bytes(data)
        queue = Queue(Path(folder))
        queue.seconds_each()
        queue.take(1e9)


def read_messages(data: bytes) -> None:
    value = read_json(data)
    problem_from_json(value)
    answer_from_json(value)
    host_from_json(value)


TARGETS: dict[str, tuple[Callable[[bytes], object], bytes, tuple[type[Exception], ...]]] = {
    "token": (lambda data: read_token(data.decode("latin-1")), TOKEN.encode(), (UserError,)),
    "wire": (read_messages, json.dumps(host_to_json(HOST, 1.0)).encode(), (ValueError,)),
    "signed-request": (read_signed, REQUEST, (ValueError,)),
    "queue": (read_queue, json.dumps(host_to_json(HOST, 1.0)).encode(), ()),
    "queued": (lambda data: parse_queued(read_json(data)), b'{"place": 3, "seconds": 60.5, "again": 5}', (ValueError,)),
    "xml-rpc": (xml_answer, RPC, (WireFormatError, XenApiError)),
    "json-rpc": (json_answer, b'{"result": {"a": [1, 2]}, "id": 1}', (WireFormatError, XenApiError)),
    "answers-xml": (text(partial(parse_answers, file="a.xml", warn=lambda problem: None)), XML, (UserError,)),
    "answers-yaml": (text(partial(parse_answers, file="a.yaml", warn=lambda problem: None)), YAML, (UserError,)),
    "check-xml": (check, XML, ()),
    "check-answers": (check, YAML, ()),
    "check-inventory": (check, INVENTORY, ()),
    "inventory": (text(lambda found: parse_inventory(found, Path("/nowhere/i.yaml"))), INVENTORY, (UserError,)),
    "command-line": (text(parse_cmdline), CMDLINE, (UserError,)),
    "facts": (lambda data: facts_from_json(read_json(data)), FACTS, (UserError, ValueError)),
    "report": (read_event, EVENT, (Refused,)),
    "report-length": (lambda data: body_length(data.decode("latin-1"), 100), b"55", ()),
    "server-logs": (read_log, LOG, ()),
    "leases": (text(lambda found: parse_leases(found, 1.0)), LEASES, ()),
    "lease": (text(parse_lease), LEASE, ()),
    "ibft": (read_firmware, b"192.0.2.1\x00255.255.255.0\x0024\x0042", ()),
    "uevent": (lambda data: uevents.concerns_paths(uevents.parse(data)), UEVENT, ()),
    "installed": (text(lambda found: parse_installation("/dev/sda", "0.1.0", found, found)), INSTALLED, ()),
    "partitions": (text(lambda found: system_places("/dev/sda", found)), PARTITIONS, ()),
    "gpt": (lambda data: gpt.parse(data[:512].ljust(512), data[512:].ljust(16384), 4096), GPT, (gpt.GptError,)),
    "fat": (read_parts, BOOT_SECTOR + b"file <6-7>", (UserError,)),
    "boot-choice": (boot_choice.parse, CHOICE, (UserError,)),
    "cpio": (cpio.read, cpio.archive({"etc/a": "b", "etc/c": b"d" * 50}, 0), (ValueError,)),
    "iso": (read_iso, an_iso(), (UserError,)),
    "iso-find": (find_folder, an_iso(), (iso9660.NotIso,)),
    "image-source": (read_stick, an_iso(), (UserError,)),
    "image-manifest": (text(parse_image_manifest), json.dumps(MANIFEST).encode(), (UserError,)),
    "image-id": (lambda data: image_id(data, "http://a"), json.dumps(MANIFEST).encode(), (UserError,)),
    "image-changes": (text(read_changes), b"0.1.0-01234567 1:4.20.0-1+deb13u1 2:4.20.1~rc2-1", ()),
    "iso-manifest": (lambda data: parse_iso_manifest(data, "m"), json.dumps(MANIFEST).encode(), (UserError,)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", TARGETS)
def test_only_the_documented_exceptions(name: str) -> None:
    read, sample, documented = TARGETS[name]
    for number, data in enumerate(inputs(sample, EXAMPLES, f"{SEED} {name}")):
        try:
            read(data)
        except documented:
            pass
        except Exception as error:
            error.add_note(f"{name} with FUZZ_SEED={SEED}, input {number}: {data!r}")
            raise


def test_inputs_are_the_same_for_a_seed() -> None:
    one, other = (list(inputs(YAML, 200, "1")) for _ in range(2))
    assert one == other
    assert one != list(inputs(YAML, 200, "2"))
    assert len(set(one)) > 180


@pytest.mark.parametrize("number", [b"-0000080", b"+0000001", b"0x000001", b"1_000000", b"       1"])
def test_numbers_of_a_cpio_header_are_hexadecimal_digits(number: bytes) -> None:
    data = cpio.archive({"a": "b"}, 0)
    with pytest.raises(ValueError, match="numbers"):
        cpio.read(data[:54] + number + data[62:])


def test_deep_replies_of_a_pool_are_refused() -> None:
    deep = b"<array><data><value>" * 5000 + b"x" + b"</value></data></array>" * 5000
    with pytest.raises(WireFormatError):
        xml_answer(
            b"<?xml version='1.0'?><methodResponse><params><param><value>" + deep + b"</value></param></params></methodResponse>"
        )
    with pytest.raises(WireFormatError):
        json_answer(b'{"result": ' + b"[" * 50000 + b"]" * 50000 + b"}")
