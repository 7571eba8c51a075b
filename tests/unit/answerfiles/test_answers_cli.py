"""``dom0kit answers convert``: results on standard output or in a file, warnings on standard error, exit codes that are real."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from answerfiles.reader import read_answers
from programs.build_machine import main

XML = Path(__file__).parent / "xenserver/samples/dhcp.xml"


def test_convert_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["answers", "convert", str(XML)]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("warning: ") == 3
    (tmp_path / "a.yaml").write_text(captured.out)
    assert read_answers(tmp_path / "a.yaml") == read_answers(XML)


def test_convert_writes_a_file_that_only_its_owner_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "a.yaml"
    assert main(["answers", "convert", str(XML), "-o", str(made)]) == 0
    assert made.stat().st_mode & 0o777 == 0o600
    assert read_answers(made) == read_answers(XML)
    assert "converted, 3 warnings" in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert main(["answers", "convert", str(XML), "-o", str(tmp_path / "file" / "a.yaml")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_convert_always_writes_what_it_could(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xml").write_text("<installation><hostname>xen1</hostname><primary-disk>SDA</primary-disk></installation>")
    assert main(["answers", "convert", str(tmp_path / "a.xml"), "-o", str(tmp_path / "b.yaml")]) == 3
    text = (tmp_path / "b.yaml").read_text()
    assert "host_name: xen1" in text
    assert "# TODO line 1, primary-disk: found 'SDA'; no name of a disk; write sda" in text
    assert "a.xml:1:1: installation: admin-interface is missing" in capsys.readouterr().err


def test_convert_refuses_what_is_no_xml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\n")
    (tmp_path / "broken.xml").write_text("<installation>")
    assert main(["answers", "convert", str(tmp_path / "a.yaml")]) == 1
    assert "is not XML" in capsys.readouterr().err
    assert main(["answers", "convert", str(tmp_path / "broken.xml"), "-o", str(tmp_path / "b.yaml")]) == 1
    assert "broken.xml:1:15: this is not XML" in capsys.readouterr().err
    assert not (tmp_path / "b.yaml").exists()
    assert main(["answers", "convert", str(tmp_path / "broken.xml"), "-o", str(tmp_path / "broken.xml")]) == 1
    assert "over itself" in capsys.readouterr().err
    assert (tmp_path / "broken.xml").read_text() == "<installation>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with answer files under several names, and other files."""
    source = tmp_path / "in"
    (source / "rack2").mkdir(parents=True)
    for name in ("a.xml", "01-52-54-00-12-34-56", "rack2/a.xml", "b.xml", "b.answerfile"):
        (source / name).write_text(XML.read_text())
    (source / "post.sh").write_text("#!/bin/sh\n")
    (source / "page.html").write_text("<html/>")
    (source / "image.bin").write_bytes(b"\xff\xfe\x00")
    return source


def test_convert_takes_folders(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["answers", "convert", str(folder), "-o", str(out)]) == 0
    found = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert found == ["01-52-54-00-12-34-56.yaml", "a.yaml", "b.answerfile.yaml", "b.xml.yaml", "rack2/a.yaml"]
    assert read_answers(out / "rack2/a.yaml") == read_answers(XML)
    assert "5 of 5 files written, none with something to do" in capsys.readouterr().out
    (folder / "c.xml").write_text("<installation")
    (folder / "d.xml").write_text('<installation mode="upgrade"/>')
    assert main(["answers", "convert", str(folder), "-o", str(out)]) == 3
    assert "6 of 7 files written, 2 with something to do" in capsys.readouterr().out
    assert not (out / "c.yaml").exists()
    assert "TODO line 1, installation/@mode: 'upgrade'" in (out / "d.yaml").read_text()


def test_convert_checks_its_arguments_first(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    for arguments, expected in (
        ([str(folder)], "give -o FOLDER"),
        ([str(folder), "-o", str(out), "--host-name", "xen1"], "several hosts cannot have one name"),
        ([str(XML), "--host-name", "xen_1"], "--host-name 'xen_1' is not valid"),
        ([str(XML), "--host-name", "{name}"], "in braces one of serial, uuid, mac, asset"),
        ([str(tmp_path / "empty"), "-o", str(out)], "has no answer file"),
        ([str(tmp_path / "absent.xml")], "No such file"),
        ([str(XML), str(XML), "-o", str(out)], "several files would be written to"),
    ):
        assert main(["answers", "convert", *arguments]) == 1, arguments
        assert expected in capsys.readouterr().err
    assert not out.exists()


def test_convert_names_the_host(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "a.yaml"
    assert main(["answers", "convert", str(XML), "-o", str(made), "--host-name", "xen9.example.org"]) == 0
    assert read_answers(made).host_name == "xen9.example.org"
    assert main(["answers", "convert", str(folder), "-o", str(tmp_path / "out"), "--host-name", "xen-{serial}"]) == 0
    assert read_answers(tmp_path / "out/a.yaml").host_name == "xen-{serial}"


SECRET = "correct horse, battery"


def test_a_plain_password_is_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "a.xml"
    for old, new in (
        ('type="hash">$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789', f">{SECRET}"),
        ('type="hash">$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789', f'type="plaintext">{SECRET}'),
        ('type="hash">$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789', f'type="plain">{SECRET}'),
        ('type="hash">$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789', f'type="hash">{SECRET}'),
        ("</installation>", f"<root-pasword>{SECRET}</root-pasword></installation>"),
        ("</installation>", f"<root-password>{SECRET}</root-password></installation>"),
        ('<root-password type="hash">', f'<root-password plaintext="{SECRET}" type="hash">'),
    ):
        text = XML.read_text()
        assert old in text
        source.write_text(text.replace(old, new))
        code = main(["answers", "convert", str(source), "-o", str(tmp_path / "b.yaml")])
        assert code in (0, 3)
        captured = capsys.readouterr()
        main(["answers", "check", str(source)])
        checked = capsys.readouterr()
        everything = captured.out + captured.err + checked.out + checked.err + (tmp_path / "b.yaml").read_text()
        assert SECRET not in everything, new
        assert "battery" not in everything, new


@pytest.fixture
def server() -> Iterator[str]:
    """Serve one script by http; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"/post": b"#!/bin/sh\nexit 0\n", "/text": b"hello\n"}.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def with_scripts(tmp_path: Path, *urls: str) -> Path:
    scripts = "".join(f'<script stage="filesystem-populated" type="url">{url}</script>' for url in urls)
    made = tmp_path / "a.xml"
    made.write_text(XML.read_text().replace("</installation>", f"{scripts}</installation>"))
    return made


def test_scripts_are_fetched_once_and_pinned(tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "local.sh").write_text("#!/bin/sh\necho local\n")
    source = with_scripts(tmp_path, f"{server}/post", f"file://{tmp_path}/local.sh")
    made = tmp_path / "b.yaml"
    assert main(["answers", "convert", str(source), "-o", str(made), "--fetch"]) == 0
    first, second = read_answers(made).scripts
    assert (first.url, first.unverified) == (f"{server}/post", False)
    assert first.sha256 == hashlib.sha256(b"#!/bin/sh\nexit 0\n").hexdigest()
    assert second.content == "#!/bin/sh\necho local\n"
    assert "content: |" in made.read_text()


def test_scripts_that_cannot_be_pinned_are_comments(tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    urls = [f"{server}/text", f"{server}/absent", "file:///absent/a.sh", "nfs://192.0.2.1/a.sh", "ftp://me:pw1@192.0.2.1/a.sh"]
    made = tmp_path / "b.yaml"
    assert main(["answers", "convert", str(with_scripts(tmp_path, *urls)), "-o", str(made), "--fetch"]) == 3
    text = made.read_text()
    assert text.count("# TODO") == 5
    assert "first line must name the interpreter" in text
    assert "pw1" not in text + capsys.readouterr().err
    assert read_answers(made).scripts == ()
    assert main(["answers", "convert", str(with_scripts(tmp_path, f"{server}/post", "https://a/b")), "-o", str(made)]) == 3
    text = made.read_text()
    assert f"#   url: {server}/post\n#   sha256: ..." in text
    assert [script.url for script in read_answers(made).scripts] == ["https://a/b"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<primary-disk>", '<primary-disk preserve-first-partition="true">'),
        ("<installation>", '<installation mode="reinstall">'),
        ("</installation>", "<ui-confirmation-prompt>true</ui-confirmation-prompt></installation>"),
    ],
)
def test_a_file_that_keeps_data_does_not_become_one_that_erases_it(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "a.xml").write_text(XML.read_text().replace(old, new))
    assert main(["answers", "convert", str(tmp_path / "a.xml"), "-o", str(tmp_path / "b.yaml")]) == 3
    assert not read_answers(tmp_path / "b.yaml").target.wipe
