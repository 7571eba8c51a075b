"""Nothing that makes one machine itself is in an image."""

from __future__ import annotations

from pathlib import Path

from image.identity_audit import identities, unlocked_accounts


def make(tree: Path, path: str, text: str) -> None:
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)


def test_a_clean_tree(tmp_path: Path) -> None:
    make(tmp_path, "etc/machine-id", "")
    make(tmp_path, "etc/iscsi/initiatorname.iscsi", "# InitiatorName=iqn.x would be one\nGenerateName=yes\n")
    make(tmp_path, "etc/shadow", "root:!*:20000:0:99999:7:::\ndaemon:*:20000::::::\n_chrony:!:20000::::::\n")
    assert identities(tmp_path) == []


def test_every_identity_is_found(tmp_path: Path) -> None:
    make(tmp_path, "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    make(tmp_path, "etc/ssh/ssh_host_ed25519_key", "x")
    make(tmp_path, "etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:1\n")
    make(tmp_path, "var/lib/systemd/random-seed", "x")
    make(tmp_path, "root/.ssh/authorized_keys", "x")
    make(tmp_path, "etc/shadow", "root::20000:0:99999:7:::\n")
    assert len(identities(tmp_path)) == 6


def test_an_empty_password_opens_an_account() -> None:
    text = "a::1\nb:$6$x$y:1\nc:!$6$x$y:1\n"
    assert unlocked_accounts(text) == [
        "a has a password or needs none",
        "b has a password or needs none",
    ]
