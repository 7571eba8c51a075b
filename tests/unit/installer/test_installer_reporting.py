"""What leaves the machine: to whom, and never a secret (each sink is looked at)."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from fake_runner import Call, Ended, FakeRunner
from installer_samples import HASH, answers, facts, manifest_text

from answerfiles.secret import secret_paths
from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, Response, Trust
from dom0kit.machine_identity import Identity
from dom0kit.redact import Redactor
from installer import after_failure as after_failures
from installer import session as sessions
from installer import unattended as entry
from installer.answer_source.source import Fetched
from installer.hardware.nics import Link
from installer.reporting import make_reports, refuse_references
from installer.session import Session, guarded, open_session

TOKEN, CHAP = "tok-SECRET-12345678", "chap-SECRET-9876"
MORE = f"""
reports: {{webhook: {{url: "https://hook.example/{{host}}/{{mac}}", token: {TOKEN}}}}}
san: {{iscsi: {{portals: [{{address: 10.9.9.9, chap: {{user: u, secret: {CHAP}}}}}]}}}}
scripts:
  - {{stage: start, content: "#!/bin/sh\\necho {CHAP}"}}
  - {{stage: failed, content: "#!/bin/sh\\necho {TOKEN}"}}
"""
TEXT = (
    "version: 1\nhost_name: xen1\ntarget: {disk: {serial: DISK1}}\non_failure: reboot\n"
    f'root: {{password_hash: "{HASH}"}}\n{MORE}'
)
CMDLINE = "dom0kit.answers=http://files.example/{mac}?key=query-SECRET dom0kit.report=http://boot.example/r"


class Posts:
    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes, dict[str, str], Trust]] = []

    def __call__(self, method: str, url: str, *, trust: Trust, body: bytes, headers: dict[str, str], **_: Any) -> Response:
        self.calls.append((url, body, headers, trust))
        return Response(204, b"")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, headers, _ in self.calls if headers["Content-Type"] == "application/json"]

    def bundle(self) -> dict[str, str]:
        data = next(body for _, body, headers, _ in self.calls if headers["Content-Type"] == "application/gzip")
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            files = {entry.name.partition("/")[2]: tar.extractfile(entry) for entry in tar}
            return {name: file.read().decode() for name, file in files.items() if file}


def leaky_script(call: Call) -> Ended:
    Path(call.argv[-1]).write_text(f"said {CHAP} {TOKEN} {HASH}\n")
    return Ended(seconds=0.1)


def leaky() -> FakeRunner:
    """Return commands that print secrets, as a careless script does."""
    secret = lambda call: f"{call.argv[0]} {CHAP} {TOKEN} $6$other$abcdefghijklmn\n"  # noqa: E731
    return FakeRunner({"timeout": leaky_script, "ip -json": "[]", "": secret})


def a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, posts: Posts) -> Session:
    monkeypatch.setattr(sessions, "VIRTIO_PORT", tmp_path / "port")
    (tmp_path / "port").touch()
    monkeypatch.setattr(sessions, "CMDLINE", tmp_path / "cmdline")
    (tmp_path / "cmdline").write_text(CMDLINE)
    (tmp_path / "manifest.json").write_text(manifest_text())
    monkeypatch.setattr(entry, "read_links", lambda runner: [Link("eth0", "52:54:00:12:34:56", True, ("10.0.0.5",))])
    monkeypatch.setattr(entry, "read_identity", lambda mac: Identity(mac, "u1", "s1"))
    monkeypatch.setattr(sessions, "collect", lambda loops: facts())
    session = open_session(io.StringIO(), tmp_path / "logs", image=tmp_path)
    session.commands.runner = leaky()
    session.reports.webhook._post = posts
    return session


def everything(tmp_path: Path, session: Session, posts: Posts) -> str:
    """Every sink's whole content."""
    assert isinstance(session.out, io.StringIO)
    files = "".join(path.read_text() for path in (tmp_path / "logs").iterdir()) + (tmp_path / "port").read_text()
    bodies = "".join(json.dumps(event) for event in posts.events())
    return session.out.getvalue() + files + bodies + json.dumps(posts.bundle(), ensure_ascii=False)


def test_no_secret_in_any_sink_when_a_step_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = Posts()
    session = a_session(tmp_path, monkeypatch, posts)
    got = Fetched(
        TEXT, "http://files.example/x", "http://files.example/x?key=query-SECRET", Identity("52:54:00:12:34:56", "u1", "s1")
    )
    monkeypatch.setattr(entry, "fetch", lambda *arguments: got)

    def broken(*_: Any) -> None:
        session.commands(["iscsiadm", "--value", CHAP])
        raise UserError(f"log-in with {CHAP} failed", f"look at {TOKEN}")

    monkeypatch.setattr(sessions.work, "apply", broken)
    assert guarded(session, lambda: entry.unattended(session, CMDLINE)) == 1
    text = everything(tmp_path, session, posts)
    for secret in (CHAP, TOKEN, HASH, "$6$other$", "query-SECRET"):
        assert secret not in text, secret
    last = posts.events()[-1]
    assert last["event"] == "step"
    failed = next(event for event in posts.events() if event["event"] == "failed")
    assert failed["text"] == "log-in with ******** failed"
    assert (failed["host"], failed["mac"], failed["uuid"], failed["serial"]) == ("xen1", "52:54:00:12:34:56", "u1", "s1")
    assert "iscsiadm" in failed["log"]
    assert len(failed["log"].splitlines()) <= 50
    assert set(posts.bundle()) >= {
        "installer.log",
        "installer-events.jsonl",
        "facts.json",
        "plan.json",
        "dmesg.txt",
        "cmdline.txt",
    }
    assert "script 2 (failed): exit code 0" in posts.bundle()["installer.log"]
    # Until the answers are known, reports go where the kernel's command line says; the answers take over.
    assert posts.calls[-1][0] == "https://hook.example/xen1/52-54-00-12-34-56"
    assert posts.calls[-1][2]["Authorization"] == f"Bearer {TOKEN}"
    assert session.on_failure == "reboot"


def test_invalid_answers_are_reported_with_all_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = Posts()
    session = a_session(tmp_path, monkeypatch, posts)
    bad = f"version: 1\nhost_nam: x\nroot: {{password: hunter2-plain, lokc: 1}}\nreports: {{webhook: {{token: {TOKEN}}}}}\n"
    monkeypatch.setattr(entry, "fetch", lambda *arguments: Fetched(bad, "http://files.example/a.yaml"))
    assert guarded(session, lambda: entry.unattended(session, CMDLINE)) == 1
    failed = next(event for event in posts.events() if event["event"] == "failed")
    for words in ("a.yaml:2:1: host_nam", "did you mean 'host_name'", "root.lokc", "reports.webhook.url: missing"):
        assert words in failed["details"]
    assert {url for url, *_ in posts.calls} == {"http://boot.example/r"}
    assert "installer.log" in posts.bundle()
    text = everything(tmp_path, session, posts)
    assert "hunter2-plain" not in text
    assert TOKEN not in text


def test_an_invalid_command_line_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = Posts()
    session = a_session(tmp_path, monkeypatch, posts)
    assert (
        guarded(session, lambda: entry.unattended(session, "dom0kit.answers=ftp://x dom0kit.report=http://boot.example/r")) == 1
    )
    assert posts.events()[-1]["event"] == "failed"
    assert posts.bundle()


def test_without_a_target_nothing_is_collected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = a_session(tmp_path, monkeypatch, Posts())
    monkeypatch.setattr(session.commands, "runner", lambda *a, **k: pytest.fail("ran a command"))
    assert guarded(session, lambda: entry.unattended(session, "dom0kit.answers=ftp://x")) == 1


def test_trust_of_servers() -> None:
    pin, ca = Trust(fingerprint="ab" * 32), Trust(ca="PEM")
    reports = make_reports(Redactor(), lambda text: None, Identity())
    reports.add_server("https://files.example:8443/{mac}")
    reports.trust = pin
    assert reports.trust_for("https://files.example:8443/x") == pin
    assert reports.trust_for("https://files.example/x") == SYSTEM
    reports.trust = ca
    assert reports.trust_for("https://other.example/x") == Trust(ca="PEM", system=True)
    given = answers(more=f'reports: {{webhook: {{url: "https://x/", fingerprint: "{"cd" * 32}"}}}}')
    reports.adopt(given)
    assert reports.webhook._target is not None
    assert reports.webhook._target.trust == Trust(fingerprint="cd" * 32)


def test_secrets_of_the_model_and_references() -> None:
    given = answers(more=MORE)
    assert {secret.reveal() for _, secret in secret_paths(given)} == {HASH, TOKEN, CHAP}
    refuse_references(given)
    given = answers(more="reports: {webhook: {url: 'https://x/', token: 'env:HOOK'}}")
    with pytest.raises(UserError, match="env:HOOK") as caught:
        refuse_references(given)
    assert "answers render" in caught.value.hint


def test_what_comes_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = FakeRunner()
    posts = Posts()
    session = a_session(tmp_path, monkeypatch, posts)
    session.commands.runner = runner
    monkeypatch.setattr(after_failures, "FAILURE_NOTE", tmp_path / "failed")
    monkeypatch.setattr(after_failures, "MEDIUM", str(tmp_path / "none"))
    after_failures.after_failure(session)
    assert runner.calls == []
    monkeypatch.setattr(after_failures, "MEDIUM", str(tmp_path))
    session.failure = "no disk"
    after_failures.after_failure(session)
    assert runner.words[0][0] == "systemd-run"
    assert "The installation failed: no disk" in (tmp_path / "failed").read_text()
    session.on_failure = "poweroff"
    after_failures.after_failure(session)
    assert runner.calls[1] == "systemctl poweroff"
