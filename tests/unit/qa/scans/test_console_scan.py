"""The scan of console text."""

from __future__ import annotations

import re

import pytest

from qa.scans.console_scan import Allowed, Cleaner, findings, strip_ansi


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)", "kernel panic"),
        ("(XEN) Panic on CPU 0:", "Xen panic"),
        ("(XEN) Hardware Dom0 crashed: rebooting machine in 5 seconds.", "dom0 crash"),
        ("[   12.0] Oops: general protection fault, probably for non-canonical address", "kernel oops"),
        ("[   12.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]", "soft lockup"),
        ("[   12.0] BUG: kernel NULL pointer dereference, address: 0000000000000000", "kernel bug"),
        ("[   40.2] xl[812]: segfault at 0 ip 00007f error 4 in libc.so.6", "segfault"),
        ("[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.", "failed unit"),
        ("[DEPEND] Dependency failed for local-fs.target", "failed unit"),
        ("Give root password for maintenance", "maintenance shell"),
        ("(initramfs) ", "maintenance shell"),
        ("grub rescue> ", "boot loader"),
        ("Traceback (most recent call last):", "traceback"),
        ("[    9.1] EXT4-fs error (device vda3): ext4_lookup:1855", "file system error"),
    ],
)
def test_symptom(line: str, kind: str) -> None:
    """Every kind of symptom is found, with its line's number."""
    found = findings(f"a quiet line\n{line}\nanother\n")
    assert [(f.kind, f.number) for f in found] == [(kind, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "[    0.0] Command line: console=ttyS0 panic=-1",
        "[  OK  ] Started ssh.service - OpenBSD Secure Shell server.",
        "(XEN) Xen version 4.20.0 (Debian 4.20.0-1)",
        "[    1.0] DEBUG: this is no BUG",
        "[    1.0] Run /init as init process",
        "[    5.0] blk_update_request: I/O error, dev sr0, sector 0",
        "xen1 login: ",
    ],
)
def test_quiet_line(line: str) -> None:
    """What good machines print is no finding."""
    assert findings(line) == []


def test_allowed_line_needs_no_apology() -> None:
    """An entry of the allowlist takes its lines out, and no other ones."""
    allowed = (Allowed(re.compile("frobnicate"), "known and harmless"),)
    text = "[FAILED] Failed to start frobnicate.service\n[FAILED] Failed to start ssh.service\n"
    assert [f.line for f in findings(text, allowed)] == ["[FAILED] Failed to start ssh.service"]


def test_what_grub_asks_over_http_may_be_missing() -> None:
    """Only the files whose absence is an answer."""
    assert findings("error: file `/armed/xen1.cfg' not found.") == []
    assert findings("error: file `/boot/hosts/mac-52-54-00-00-00-01.cfg' not found.") == []
    assert findings("error: file `/images/0/vmlinuz' not found.")[0].fatal


def test_only_hopeless_symptoms_are_fatal() -> None:
    """After a panic nothing is worth waiting for; after a failed unit the log-in may still come."""
    assert findings("Kernel panic - not syncing: x")[0].fatal
    assert not findings("[FAILED] Failed to start x")[0].fatal


def test_strip_ansi() -> None:
    """Colours, cursor movements, titles and questions to the terminal go; line ends become one line feed."""
    text = "[\x1b[0;32m  OK  \x1b[0m] Started\r\n\x1b]0;title\x07a\x1bPq+$\x1b\\b\x1b(Bc\x07\x1b[6n\r\nd"
    assert strip_ansi(text) == "[  OK  ] Started\nabc\nd"


def test_carriage_returns_in_pieces() -> None:
    """A terminal that sends two of them, cut between them, makes no blank line."""
    cleaner = Cleaner()
    assert "".join(cleaner.feed(piece) for piece in ("one\r", "\r", "\ntwo\r\r", "\n")) == "one\ntwo\n"


@pytest.mark.parametrize("cut", range(1, 30))
def test_cleaner_in_pieces(cut: int) -> None:
    """Wherever the stream is cut, the text is the same."""
    text = "x\x1b[0;32mOK\x1b[0m\r\n\x1bP+q544e\x1b\\y\x1b]0;t\x07z\r\n"
    cleaner = Cleaner()
    assert cleaner.feed(text[:cut]) + cleaner.feed(text[cut:]) == "xOK\nyz\n"
