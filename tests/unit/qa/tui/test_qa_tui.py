"""Keys, screens and pictures of the operator who drives the installer, without a machine."""

from __future__ import annotations

import random
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dom0kit.units import MIB
from qa.errors import ScenarioFailed
from qa.guest import host_json
from qa.tui import keys, navigation_checks
from qa.tui.operator import Operator
from qa.tui.screenshots import Picture, likeness, read_ppm, write_png
from qa.tui.terminal_emulator import Screen

FRAME = b"\x1b[2;2H\x0elqqu\x0f Pool \x0etqqk\x0f\x1b[3;2H\x0ex\x0f one host, with\x1b[4;2H\x0ex\x0f two disks"
FRAME += b"\x1b[6;4H<Next>   <Back>"


def test_keys_of_a_keyboard() -> None:
    assert [keys.qcode_of(c) for c in "aZ7 :/@"] == ["a", "shift-z", "7", "spc", "shift-semicolon", "slash", "shift-2"]
    events = keys.key_events("shift-a")
    assert [(e["data"]["key"]["data"], e["data"]["down"]) for e in events] == [
        ("shift", True),
        ("a", True),
        ("a", False),
        ("shift", False),
    ]
    assert keys.QCODES.keys() == keys.SERIAL.keys()
    for character in map(chr, range(33, 127)):
        assert keys.qcode_of(character)


def test_a_screen_with_lines_drawn_in_the_second_character_set() -> None:
    screen = Screen()
    screen.feed(FRAME)
    assert screen.titles == ("Pool",)
    assert "one host, with two disks" in screen.flat
    screen.feed(b"\x1b[6;14H")
    assert screen.on("Back")
    assert not screen.on("Next")
    assert screen.span("<Back>") == (5, 12, 18)
    assert screen.line.strip() == "<Next>   <Back>"


def test_a_screen_survives_what_a_boot_says() -> None:
    screen = Screen()
    screen.feed(b"\x1b[?6n\x1b%G\x1b[2J\x1bc\x1b(B\x1b)0")
    screen.feed(FRAME)
    assert screen.titles == ("Pool",)


def unpack(png: bytes) -> tuple[int, int, int, bytes, bytes]:
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert kind == 3
    place = png.index(b"PLTE")
    palette = png[place + 4 : place + 4 + struct.unpack(">I", png[place - 4 : place])[0]]
    place = png.index(b"IDAT")
    data = zlib.decompress(png[place + 4 : place + 4 + struct.unpack(">I", png[place - 4 : place])[0]])
    return width, height, depth, palette, data


def test_a_screen_survives_lines_drawn_by_firmware() -> None:
    screen = Screen()
    # The second byte is a raised three in Latin-1 and no digit of a number.
    screen.feed(b"\x9b0\xb3\xb3m\x1b[2J\x1b[HGRUB")
    assert screen.rows[0].rstrip() == "GRUB"


def test_a_picture_with_a_palette() -> None:
    red, blue = b"\xff\0\0", b"\0\0\xff"
    picture = read_ppm(b"P6\n3 2\n255\n" + red + red + blue + blue + red + red)
    width, height, depth, palette, data = unpack(write_png(picture))
    assert (width, height, depth, palette) == (3, 2, 4, red + blue)
    assert data == b"\0\x00\x10" + b"\0\x10\x00"
    with pytest.raises(ValueError, match="truncated"):
        read_ppm(b"P6\n3 2\n255\n" + red)
    many = b"".join(struct.pack(">BBB", i % 256, i // 256, 0) for i in range(300))
    with pytest.raises(ValueError, match="300 colours"):
        write_png(Picture(300, 1, many))


def drawn(rows: list[str], wide: int = 8, high: int = 16) -> Picture:
    shapes: dict[str, list[list[bool]]] = {" ": [[False] * wide for _ in range(high)]}
    for character in sorted(set("".join(rows)) - {" "}):
        noise = random.Random(character)
        shapes[character] = [[y > 0 and noise.random() < 0.5 for _ in range(wide)] for y in range(high)]
    lines = []
    for number, row in enumerate(rows):
        paper, ink = (b"\0\0\xaa", b"\xff\xff\xff") if number % 2 else (b"\xaa\0\0", b"\xff\xff\x55")
        lines += [b"".join(ink if dot else paper for c in row for dot in shapes[c][y]) for y in range(high)]
    return Picture(wide * len(rows[0]), high * len(rows), b"".join(lines))


def test_a_picture_shows_a_text_or_not() -> None:
    rows = ["the quick brown fox ", "jumps over lazy dogs", "and the fox is quick"]
    picture = drawn(rows)
    assert likeness(picture, rows) == 1
    assert likeness(picture, [rows[1], rows[0], rows[2]]) < 0.6
    assert likeness(picture, ["the quick brown fox ", *rows[1:2], "and the dog is quick"]) < 0.98
    assert likeness(picture, ["x" * 200]) == 0


class Guest:
    """A form with two fields that echoes what is typed: a machine's channels, and what sits behind them."""

    def __init__(self) -> None:
        self.watchers: list[Callable[[bytes], None]] = []
        self.closed = False
        self.sent = b""
        self.waiting: list[bytes] = [b"\x1b[2;2H\x0elqu\x0f Name \x0etqk\x0f\x1b[4;2HHost ____\x1b[5;2HMore ____\x1b[4;7H"]
        self.field = 0

    def send_console(self, data: bytes) -> None:
        assert len(data) <= 12
        self.sent += data
        if data == b"\t":
            self.field = 1 - self.field
            self.waiting.append(f"\x1b[{4 + self.field};7H".encode())
        elif data == b"\x15":
            self.waiting.append(f"\x1b[{4 + self.field};7H____\x1b[{4 + self.field};7H".encode())
        else:
            self.waiting.append(data)

    def pump(self, seconds: float) -> bool:
        time.sleep(min(seconds, 0.02))
        while self.waiting:
            piece = self.waiting.pop(0)
            for watcher in self.watchers:
                watcher(piece)
        return True


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setattr("qa.tui.operator.QUIET", 0.03)
    monkeypatch.setattr("qa.tui.operator.ANSWER", 0.5)
    guest = Guest()
    machine: Any = SimpleNamespace(channels=guest, sleep=guest.pump, rest=guest.pump)
    return Operator(machine)


def test_a_person_fills_a_form(operator: Operator) -> None:
    assert operator.wait_for_screen("Other", "Name") == "Name"
    operator.fill("More", "a long name of xen1")
    assert "More a long name of xen1" in operator.screen.text
    assert operator.screen.line.startswith(" More")
    operator.fill("Host", "xen2")
    assert "Host xen2" in operator.screen.text


def test_a_person_says_what_is_on_the_screen_instead(operator: Operator) -> None:
    with pytest.raises(ScenarioFailed, match=r"(?s)no screen 'Pool'.*Host ____"):
        operator.wait_for_screen("Pool", limit=0.5)
    with pytest.raises(ScenarioFailed, match="Tab does not lead to <Next>"):
        operator.go_to_button("Next")


def test_what_was_typed_is_compared_but_for_passwords() -> None:
    first = "┤ Administrator ├\n│ Choose the password of 'root'.\n│ Password   ****__ │\n│ SSH key    abc │"
    again = "┤ Administrator ├\n│ A password is set. │\n│ Password   ______ │\n│ SSH key    abc │"
    navigation_checks.compare({"a": first}, {"Administrator": again})
    with pytest.raises(ScenarioFailed, match="is lost"):
        navigation_checks.compare({"a": first}, {"Administrator": again.replace("abc", "___")})
    with pytest.raises(ScenarioFailed, match="the password is forgotten"):
        navigation_checks.compare({"a": first}, {"Administrator": first})
    with pytest.raises(ScenarioFailed, match="was left out"):
        navigation_checks.compare({"a": first}, {})


def test_differences_of_two_hosts() -> None:
    one = {"id": 1, "network": {"dns": ["a", "b"]}, "name": "x"}
    assert host_json.differences(one, {**one, "id": 2}, ("id",)) == []
    assert host_json.differences(one, {**one, "network": {"dns": ["a", "c"]}}) == [".network.dns[1]"]
    assert host_json.differences(one, {"id": 1, "name": "x"}) == [".network"]


def test_a_part_of_a_sparse_disk_is_copied(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(8 * MIB)
        file.seek(3 * MIB)
        file.write(b"here")
    found = host_json.copy_out(disk, tmp_path / "part", 2 * MIB, 4 * MIB)
    data = found.read_bytes()
    assert len(data) == 4 * MIB
    assert data[MIB : MIB + 4] == b"here"
    assert found.stat().st_blocks * 512 < MIB
