"""Signatures by the real ssh-keygen: what is accepted, and the sentence for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_store_samples import NEW, OLD, make_host, make_image, make_stager, names
from loop_devices import output

from dom0kit.errors import UserError
from dom0kit.events import Reporter
from dom0kit.linux.signatures import KEYS, sign, verify
from image import recipe
from image.signing.keys import write_keys
from image.signing.signer import Signer, find_signer, sign_manifest
from pipeline.checksums import write_sums
from programs import build_machine, dom0ctl
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
    refused(DATA, sign(DATA, command(key(tmp_path, "other"))), r"key SHA256:\S+, which is not among the accepted keys")
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
    assert "which is not among the accepted keys" in capsys.readouterr().err
    assert names(store) == [OLD]
    (image / "manifest.json.sig").write_bytes(sign((image / "manifest.json").read_bytes(), command(private)))
    stager = make_stager(store, settle=lambda folder: None, check_signature=check_signature(store.root))
    assert stager.stage(open_source(str(image))).manifest.name == NEW


OPENPGP = Path(__file__).resolve().parents[1] / "samples/openpgp"


def test_signatures_of_openpgp(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()

    def check(ring: str, signature: str, data: bytes = DATA) -> str:
        (keys / "openpgp.gpg").write_bytes((OPENPGP / f"{ring}.gpg").read_bytes())
        return verify(data, (OPENPGP / f"{signature}.sig").read_bytes(), keys, "x")

    assert check("accepted", "accepted") == "B3FB9C869A21B3226B8172E3B15FC6E5BF0864D5"
    for ring, signature, data, sentence in (
        ("accepted", "accepted", DATA + b"!", "x has changed since it was signed"),
        ("accepted", "other", DATA, r"key D3A3\w+, which is not among the accepted keys"),
        ("revoked", "accepted", DATA, "which was revoked"),
        ("expired", "late", DATA, "which expired on 2020-02-01"),
    ):
        with pytest.raises(UserError, match=sentence):
            check(ring, signature, data)
    with pytest.raises(UserError, match="the signature of x is damaged"):
        verify(DATA, b"-----BEGIN PGP SIGNATURE-----\nxx\n", keys, "x")
    (keys / "openpgp.gpg").unlink()
    with pytest.raises(UserError, match="not among the accepted keys"):
        verify(DATA, (OPENPGP / "accepted.sig").read_bytes(), keys, "x")


def signer_of(folder: Path, settings: str = "") -> Signer | None:
    """Return how a recipe with these settings signs."""
    folder.mkdir(exist_ok=True)
    text = recipe.DEFAULT_RECIPE.read_text().partition("[signing]")[0]
    (folder / "recipe.toml").write_text(f"{text}[signing]\n{settings}\n")
    return find_signer(recipe.load(folder / "recipe.toml"), folder, make=True)


def test_the_development_key_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert find_signer(recipe.load(), tmp_path, make=False) is None
    first, again = signer_of(tmp_path / "recipe"), signer_of(tmp_path / "recipe")
    assert first is not None
    assert again is not None
    assert (first.fresh, again.fresh) == (True, False)
    assert first.keys_hash() == again.keys_hash()
    assert str(tmp_path / "config/dom0kit/development-key") in first.sentence()
    assert sorted(path.name for path in (tmp_path / "config/dom0kit").iterdir()) == ["development-key", "development-key.pub"]
    write_keys(first.keys, tmp_path / "keys")
    assert verify(DATA, first.sign(DATA, "x", tmp_path / "cache"), tmp_path / "keys", "x").startswith("SHA256:")


def test_a_file_is_signed_once(private: Path, tmp_path: Path) -> None:
    accept(tmp_path / "keys", private)
    script = f"echo >>{tmp_path}/signed; exec ssh-keygen -q -Y sign -n dom0kit -f {private}"
    (tmp_path / "sign").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "sign").chmod(0o755)
    signer = signer_of(tmp_path, 'command = "./sign"\nkeys = "keys"')
    assert signer is not None
    assert signer.sign(DATA, "x", tmp_path / "cache") == signer.sign(DATA, "x", tmp_path / "cache")
    signer.sign(DATA + b"!", "x", tmp_path / "cache")
    assert (tmp_path / "signed").read_text() == "\n\n"


def test_a_signer_that_the_image_does_not_accept(private: Path, tmp_path: Path) -> None:
    accept(tmp_path / "keys", key(tmp_path, "other"))
    signer = signer_of(tmp_path, f'key = "{private.name}"\nkeys = "keys"')
    assert signer is not None
    notes: list[str] = []
    signer.sign(DATA, "x", None, notes.append)
    assert "hosts that run this image refuse what this key signs" in notes[0]
    (tmp_path / "keys/revoked_keys").write_text(private.with_suffix(".pub").read_text())
    accept(tmp_path / "keys", private)
    signer = signer_of(tmp_path, f'key = "{private.name}"\nkeys = "keys"')
    assert signer is not None
    with pytest.raises(UserError, match="which was revoked"):
        signer.sign(DATA, "x", None)


def test_rotation(private: Path, tmp_path: Path) -> None:
    """An image that the old key signed accepts the new one, too; the host with it stages what the new one signed."""
    new = key(tmp_path, "new")
    store = make_host(tmp_path / "host")
    accept(store.root / KEYS, private)
    image = make_image(tmp_path / "image")
    stager = make_stager(store, settle=lambda folder: None, check_signature=check_signature(store.root))

    def sign_image(by: Path) -> None:
        (image / "manifest.json.sig").write_bytes(sign((image / "manifest.json").read_bytes(), command(by)))

    sign_image(new)
    with pytest.raises(UserError, match="not among the accepted keys"):
        stager.stage(open_source(str(image)))
    sign_image(private)
    # What the host runs after its upgrade to an image that the old key signed.
    both = (store.root / KEYS / "allowed_signers").read_text()
    accept(store.root / KEYS, new)
    with (store.root / KEYS / "allowed_signers").open("a") as file:
        file.write(both)
    sign_image(new)
    assert stager.stage(open_source(str(image))).manifest.name == NEW


def test_verify_says_what_was_checked(private: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signer = signer_of(tmp_path, f'key = "{private.name}"')
    assert signer is not None
    keys = accept(tmp_path / "keys", private)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a.iso").write_bytes(b"abc")
    sums = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (folder / "a.iso.json").write_text(f'{{"size": 3, "sha256": "{sums}", "volume_id": "V"}}')
    assert write_sums(folder, signer, tmp_path / "cache", Reporter("build"))

    def run_verify(*arguments: str) -> tuple[int, str, str]:
        code = build_machine.main(["verify", *arguments, str(folder / "SHA256SUMS")])
        return code, *capsys.readouterr()

    code, out, _ = run_verify("--keys", str(keys))
    assert code == 0
    assert "ok           SHA256SUMS is signed by the key SHA256:" in out
    assert "ok           a.iso is what SHA256SUMS lists" in out
    (folder / "a.iso").write_bytes(b"abd")
    code, out, error = run_verify("--keys", str(keys))
    assert code == 1
    assert "a.iso has changed" in error
    (folder / "SHA256SUMS.sig").unlink()
    code, out, error = run_verify("--keys", str(keys))
    assert (code, "SHA256SUMS is not signed" in error) == (1, True)
    image = tmp_path / "image"
    image.mkdir()
    (image / "manifest.json").write_bytes(DATA)
    sign_manifest(signer, image, tmp_path / "cache")
    assert verify(DATA, (image / "manifest.json.sig").read_bytes(), keys, "x")
    (folder / "SHA256SUMS").write_text("0" * 64 + "  a.iso.json\n")
    (folder / "a.iso.json").write_text("{}")
    assert not write_sums(folder, signer, tmp_path / "cache", Reporter("build"))
