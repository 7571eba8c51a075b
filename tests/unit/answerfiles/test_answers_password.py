"""Hashes come from the system's libcrypt, and the model takes them."""

from __future__ import annotations

import ctypes
import io

import pytest

from answerfiles import password as module
from answerfiles.password import ask_password, make_hash, weakness
from answerfiles.secret import PasswordHash
from dom0kit.errors import UserError
from programs.build_machine import main

GOOD = "correct horse"


def crypt(text: str, setting: str) -> str:
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return str(library.crypt(text.encode(), setting.encode()), "ascii")


def test_hash_is_taken_by_the_model_and_by_crypt() -> None:
    made = make_hash(GOOD)
    assert made.startswith("$y$")
    assert PasswordHash.is_valid(made)
    assert crypt(GOOD, made) == made
    assert crypt("correct horsf", made) != made
    assert make_hash(GOOD) != made


def test_sha512_where_yescrypt_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "METHODS", (b"$nonsense$", b"$6$"))
    made = make_hash("pässwörter")
    assert made.startswith("$6$")
    assert crypt("pässwörter", made) == made


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("        ", "empty"),
        ("abc\x07defgh", "cannot be typed"),
        ("\ud800bcdefghi", "cannot be typed"),
        ("short7!", "7 characters, it needs 8"),
        ("a" * 600, "longer than 511"),
        ("abababab", "fewer than four"),
        ("8237465917", "digits alone"),
        ("Password123!", "tries first"),
        ("XenServer", "tries first"),
    ],
)
def test_weak(text: str, reason: str) -> None:
    assert reason in weakness(text)
    with pytest.raises(UserError, match=reason):
        make_hash(text)


def test_good() -> None:
    assert weakness(GOOD) == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_asked_twice_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    assert ask_password(lambda prompt: GOOD) == GOOD
    words = iter([GOOD, "correct house"])
    with pytest.raises(UserError, match="differ"):
        ask_password(lambda prompt: next(words))
    with pytest.raises(UserError, match="it needs 8"):
        ask_password(lambda prompt: "short7!")


def test_command_reads_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{GOOD}\nmore\n"))
    assert main(["answers", "hash-password"]) == 0
    made = capsys.readouterr().out
    assert made.count("\n") == 1
    assert crypt(GOOD, made.strip()) == made.strip()
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["answers", "hash-password"]) == 1
    assert "empty" in capsys.readouterr().err
