"""Signatures by the real ssh-keygen: what is accepted, and the sentence for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_store_samples import NEW, OLD, make_host, make_image, make_stager, names
from loop_devices import output

from dom0kit.errors import UserError
from dom0kit.linux.signatures import KEYS, sign, verify
from programs import dom0ctl
from upgrade.commands.images import check_signature
from upgrade.store.sources.any_source import open_source

DATA = b"a manifest\n"


def key(folder: Path, name: str) -> Path:
    """Make a key."""
    output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name)
    return folder / name


def command(private: Path, namespace: str = "dom0kit") -> list[str]:
    """Return the sign command of a key."""
    return ["ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(private)]


def accept(folder: Path, private: Path, options: str = "") -> Path:
    """Write a folder of keys that accepts one key."""
    folder.mkdir(parents=True, exist_ok=True)
    public = private.with_suffix(".pub").read_text()
    (folder / "allowed_signers").write_text(f'dom0kit namespaces="dom0kit"{options} {public}')
    return folder


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """Make the key that signs."""
    return key(tmp_path, "release")


def test_a_signature_is_accepted_and_always_the_same(private: Path, tmp_path: Path) -> None:
    signature = sign(DATA, command(private))
    assert signature == sign(DATA, command(private))
    keys = accept(tmp_path / "keys", private)
    shown = output("ssh-keygen", "-l", "-f", private.with_suffix(".pub"))
    assert verify(DATA, signature, keys, "x") in shown
    (keys / "revoked_keys").write_text("")
    assert verify(DATA, signature, keys, "x") in shown


def test_what_is_refused(private: Path, tmp_path: Path) -> None:
    signature = sign(DATA, command(private))
    keys = accept(tmp_path / "keys", private)

    def refused(data: bytes, found: bytes, sentence: str) -> None:
        with pytest.raises(UserError, match=sentence) as caught:
            verify(data, found, keys, "manifest.json of x")
        assert "\n" not in caught.value.message
        assert caught.value.hint

    refused(DATA, b"", "manifest.json of x is not signed")
    refused(DATA + b"!", signature, "has changed since it was signed")
    refused(DATA, b"no signature", "signature of manifest.json of x is damaged")
    refused(DATA, sign(DATA, command(private, "git")), "for another purpose")
    refused(DATA, sign(DATA, command(key(tmp_path, "other"))), r"key SHA256:\S+, which this host does not accept")
    (keys / "revoked_keys").write_text(private.with_suffix(".pub").read_text())
    refused(DATA, signature, "which was revoked")
    (keys / "revoked_keys").unlink()
    accept(keys, private, ',valid-before="20200101"')
    refused(DATA, signature, "which expired on 2020-01-01")
    accept(keys, private, ',valid-after="20990101"')
    refused(DATA, signature, "which is valid from 2099-01-01")


def test_a_sign_command_that_is_none(private: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="wrote no signature"):
        sign(DATA, ["cat"])
    with pytest.raises(UserError, match="ssh-keygen exited with"):
        sign(DATA, command(tmp_path / "absent"))


def test_a_host_with_keys_stages_only_what_they_signed(private: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_host(tmp_path / "host")
    image = make_image(tmp_path / "image")
    accept(store.root / KEYS, private)
    assert dom0ctl.main(["image", "stage", str(image), "--root", str(store.root)]) == 1
    assert f"manifest.json of {image} is not signed" in capsys.readouterr().err
    (image / "manifest.json.sig").write_bytes(sign((image / "manifest.json").read_bytes(), command(key(tmp_path, "other"))))
    assert dom0ctl.main(["image", "stage", str(image), "--root", str(store.root)]) == 1
    assert "which this host does not accept" in capsys.readouterr().err
    assert names(store) == [OLD]
    (image / "manifest.json.sig").write_bytes(sign((image / "manifest.json").read_bytes(), command(private)))
    stager = make_stager(store, settle=lambda folder: None, check_signature=check_signature(store.root))
    assert stager.stage(open_source(str(image))).manifest.name == NEW
