"""Readers of what comes from outside, with damaged and random inputs: no exception but the documented ones.

``make fuzz`` gives each 100,000 inputs (FUZZ_EXAMPLES).
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pycdlib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from answerfiles.inventory.sources import parse_inventory
from answerfiles.reader import parse_answers
from dom0kit.errors import UserError
from dom0kit.linux import cpio
from dom0kit.untrusted.values import read_json
from installer.hardware import ibft
from installer.model.image_manifest import parse_manifest as parse_image_manifest
from iso.layout import parse_manifest as parse_iso_manifest
from iso.verify import read_listing
from pool.driver import JoiningHost
from pool.join.messages import answer_from_json, host_from_json, host_to_json, problem_from_json
from pool.join.queue import Queue
from pool.join.token import read_token
from pool.xapi.rpc_codec import WireFormatError, XenApiError, json_answer, xml_answer

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "250"))
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


def an_iso() -> bytes:
    """Return a small ISO."""
    made = pycdlib.PyCdlib()
    made.new(rock_ridge="1.09")
    made.add_fp(io.BytesIO(b"content"), 7, "/FILE.;1", rr_name="file")
    made.add_directory("/A", rr_name="a")
    out = io.BytesIO()
    made.write_fp(out)
    made.close()
    return out.getvalue()


def read_iso(data: bytes) -> None:
    read_listing(io.BytesIO(data), Path("x.iso"))


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
    "queue": (read_queue, json.dumps(host_to_json(HOST, 1.0)).encode(), ()),
    "xml-rpc": (xml_answer, RPC, (WireFormatError, XenApiError)),
    "json-rpc": (json_answer, b'{"result": {"a": [1, 2]}, "id": 1}', (WireFormatError, XenApiError)),
    "answers-xml": (lambda data: parse_answers(data.decode("latin-1"), "a.xml"), XML, (UserError,)),
    "answers-yaml": (lambda data: parse_answers(data.decode("latin-1"), "a.yaml"), YAML, (UserError,)),
    "inventory": (lambda data: parse_inventory(data.decode("latin-1"), Path("/nowhere/i.yaml")), INVENTORY, (UserError,)),
    "ibft": (read_firmware, b"192.0.2.1\x00255.255.255.0\x0024\x0042", ()),
    "cpio": (cpio.read, cpio.archive({"etc/a": "b", "etc/c": b"d" * 50}, 0), (ValueError,)),
    "iso": (read_iso, an_iso(), (UserError,)),
    "image-manifest": (lambda data: parse_image_manifest(data.decode("latin-1")), b'{"format": 1, "files": {}}', (UserError,)),
    "iso-manifest": (lambda data: parse_iso_manifest(data, "m"), b'{"format": 1, "id": "0", "files": {}}', (UserError,)),
}
EDITS = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 3), st.binary(max_size=6)), max_size=6)


def damaged(sample: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return a sample with places overwritten, extended, removed or cut off."""
    data = bytearray(sample)
    for number, kind, piece in edits:
        place = number % (len(data) + 1)
        if kind == 0:
            data[place : place + len(piece)] = piece
        elif kind == 1:
            data[place:place] = piece
        elif kind == 2:
            del data[place : place + 1 + len(piece)]
        else:
            del data[place:]
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_only_the_documented_exceptions(name: str) -> None:
    read, sample, documented = TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(EDITS.map(lambda edits: damaged(sample, edits)), st.binary(max_size=300)))
    def holds(data: bytes) -> None:
        with suppress(*documented):
            read(data)

    holds()


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
