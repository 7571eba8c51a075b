"""Fetching over HTTP and HTTPS: pins, CAs, redirects, limits, and what errors say."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading

import pytest
from web_server import CERTIFICATES, Reply, Seen, serve

from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.http_client import Trust, WebError


def certificate(name: str) -> str:
    text = (CERTIFICATES / name).read_text()
    return text[text.index("-----BEGIN CERTIFICATE") :]


def fingerprint(name: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate(name))).hexdigest()


def hello(seen: Seen) -> Reply:
    return Reply(200, b"hello " + seen.path.encode())


def test_plain() -> None:
    with serve(hello) as url:
        assert http_client.get(f"{url}/a?b=c") == b"hello /a?b=c"


def test_the_right_pin_is_enough_whatever_name_date_and_issuer() -> None:
    with serve(hello, "future.pem") as url:
        assert http_client.get(f"{url}/a", trust=Trust(fingerprint=fingerprint("future.pem"))) == b"hello /a"


def test_a_wrong_pin_names_both_and_nothing_is_sent() -> None:
    seen: list[Seen] = []

    def note(request: Seen) -> Reply:
        seen.append(request)
        return Reply()

    with serve(note, "now.pem") as url, pytest.raises(WebError) as caught:
        http_client.get(f"{url}/a", trust=Trust(fingerprint="ab" * 32))
    assert caught.value.kind == "tls"
    assert "ab" * 32 in caught.value.message
    assert fingerprint("now.pem") in caught.value.message
    assert seen == []


def test_a_ca_of_ones_own_and_none() -> None:
    with serve(hello, "now.pem") as url:
        assert http_client.get(f"{url}/a", trust=Trust(ca=certificate("now.pem"))) == b"hello /a"
        assert http_client.get(f"{url}/a", trust=Trust(ca=certificate("now.pem"), system=True)) == b"hello /a"
        with pytest.raises(WebError, match="not trusted") as caught:
            http_client.get(f"{url}/a")
    assert caught.value.kind == "tls"
    assert "dom0kit.trust=sha256:HEX" in caught.value.hint
    with pytest.raises(WebError, match="not valid PEM"):
        Trust(ca="nonsense").context()


def test_not_yet_valid_points_at_the_clock() -> None:
    with serve(hello, "future.pem") as url, pytest.raises(WebError) as caught:
        http_client.get(f"{url}/a", trust=Trust(ca=certificate("future.pem")))
    assert "not yet valid" in caught.value.message
    assert "clock" in caught.value.hint


def test_redirects() -> None:
    def answer(seen: Seen) -> Reply:
        targets = {"/1": "/2", "/2": "ok", "/loop": "/loop", "/away": "http://127.0.0.1:1/x", "/none": ""}
        return Reply(302, b"", {"Location": targets[seen.path]}) if seen.path in targets else hello(seen)

    with serve(answer, "now.pem") as url:
        trust = Trust(fingerprint=fingerprint("now.pem"))
        assert http_client.get(f"{url}/1", trust=trust) == b"hello /ok"
        for path, words in (("/loop", "more than 5 times"), ("/away", "from https to http"), ("/none", "without a target")):
            with pytest.raises(WebError, match=words):
                http_client.get(url + path, trust=trust)


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_status_is_an_error_with_its_number(status: int) -> None:
    with serve(lambda seen: Reply(status)) as url, pytest.raises(WebError) as caught:
        http_client.get(f"{url}/secret?token=x")
    assert (caught.value.kind, caught.value.status) == ("status", status)
    assert str(status) in caught.value.message
    assert "token" not in str(caught.value)


def test_limits_of_size_and_time() -> None:
    with serve(lambda seen: Reply(200, b"x" * 2000)) as url, pytest.raises(WebError, match="larger than"):
        http_client.get(url, largest=1000)
    with serve(lambda seen: Reply(200, b"x", {"Content-Length": "10"})) as url, pytest.raises(WebError):
        http_client.get(url, timeout=0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(WebError) as caught:
            http_client.get(url, timeout=0.1)
        assert caught.value.kind == "timeout"


def test_a_server_that_drips_is_ended_by_the_total() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            client, _ = server.accept()
            with client:
                while not stop.wait(0.02):
                    try:
                        client.send(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(WebError) as caught:
            http_client.get(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=1, total=0.3)
        stop.set()
        thread.join()
    assert caught.value.kind == "timeout"


def test_nobody_there_and_no_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(WebError) as caught:
        http_client.get(f"http://127.0.0.1:{port}/")
    assert caught.value.kind == "connect"
    error = http_client.explain(socket.gaierror(-2, "Name or service not known"), http_client.split("http://nowhere.example/"), 1)
    assert error.kind == "dns"
    assert "nowhere.example" in error.message


def test_https_to_a_port_that_speaks_http() -> None:
    with serve(hello) as url, pytest.raises(WebError) as caught:
        http_client.get(url.replace("http:", "https:"), timeout=1)
    assert caught.value.kind in ("tls", "connect")


@pytest.mark.parametrize("url", ["ftp://x/", "http://", "http://user:pw@x/", "http://x/a b", "http://x/ä", "http://x:port/", "x"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(WebError):
        http_client.get(url)


def test_fingerprints() -> None:
    assert http_client.parse_trust("sha256:" + "AB" * 32) == Trust(fingerprint="ab" * 32)
    for text in ("ab" * 32, "sha256:12", "md5:" + "ab" * 32):
        with pytest.raises(UserError):
            http_client.parse_trust(text)


def test_the_certificate_that_a_server_shows() -> None:
    with serve(hello, "now.pem") as url:
        assert http_client.shown_fingerprint("127.0.0.1", int(url.rpartition(":")[2])) == fingerprint("now.pem")
    with serve(hello) as url, pytest.raises(WebError, match=r"127\.0\.0\.1 presents no certificate"):
        http_client.shown_fingerprint("127.0.0.1", int(url.rpartition(":")[2]))
    with pytest.raises(WebError, match="Connection refused"):
        http_client.shown_fingerprint("127.0.0.1", 1)
