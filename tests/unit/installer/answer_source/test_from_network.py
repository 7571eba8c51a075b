"""Which card is tried when, what the user reads meanwhile, and when it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_runner import FakeRunner

from dom0kit.errors import UserError
from dom0kit.http_client import SYSTEM, WebError
from dom0kit.machine_identity import Identity
from installer.answer_source import from_network, wait_for_link
from installer.answer_source.wait_for_link import Waiting
from installer.command_log import Commands
from installer.hardware.nics import Link, global_addresses, option_text, read_boot_nic, read_links

NO_CABLE = Link("eth0", "52:54:00:00:00:01", False)
GOOD = Link("eth1", "52:54:00:00:00:02", True, ("10.0.0.5",))
COMING = Link("eth2", "52:54:00:00:00:03", True)
ANY = Identity(uuid="u1")
URL = "http://s/{mac}.yaml"


def status_error(number: int) -> WebError:
    return WebError("status", f"{number} from the server for http://s/x", "", number)


def test_only_usable_cards_are_tried_and_each_rests_after_a_failure() -> None:
    state = Waiting(0, 600)
    assert wait_for_link.due(state, [NO_CABLE, GOOD, COMING], 0) == [GOOD]
    rests = []
    now = 0.0
    for _ in range(8):
        state = wait_for_link.failed(state, GOOD, WebError("connect", "no"), now)
        again = state.tried[GOOD.mac].again
        assert wait_for_link.due(state, [GOOD], again - 0.1) == []
        assert wait_for_link.due(state, [GOOD], again) == [GOOD]
        rests.append(again - now)
        now = again
    assert rests == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_countdown_is_readable() -> None:
    state = wait_for_link.failed(Waiting(0, 600), GOOD, status_error(404), 172)
    state = wait_for_link.failed(state, GOOD, status_error(404), 174)
    text = wait_for_link.status(state, [NO_CABLE, GOOD, COMING], 174)
    assert text == "eth0: no link; eth1: 10.0.0.5, 404 from server; eth2: no address yet; next try in 2 s, 7 min left"
    assert wait_for_link.status(state, [], 560) == "no network card found, 40 s left"
    assert "eth9: interface down" in wait_for_link.status(state, [Link("eth9", "m")], 0)


def test_a_refusal_is_believed_after_a_few_tries_when_no_other_card_is_coming() -> None:
    state = Waiting(0, 600)
    for tries in range(wait_for_link.TRIES_WHEN_REFUSED):
        assert not wait_for_link.hopeless(state, [GOOD, NO_CABLE], tries)
        state = wait_for_link.failed(state, GOOD, status_error(404), tries)
    assert wait_for_link.hopeless(state, [GOOD, NO_CABLE], 8)
    assert not wait_for_link.hopeless(state, [GOOD, COMING], 8)
    assert wait_for_link.hopeless(state, [GOOD, COMING], 31)
    assert not wait_for_link.hopeless(state, [NO_CABLE], 8)
    assert wait_for_link.due(state, [GOOD], 1000) == []


def test_server_errors_are_retried_to_the_end() -> None:
    state = Waiting(0, 600)
    for _ in range(50):
        state = wait_for_link.failed(state, GOOD, status_error(503), 0)
    assert not wait_for_link.hopeless(state, [GOOD], 0)


class World:
    """A clock, cards that change with it, and a server."""

    def __init__(
        self, answer: Callable[[float, str], bytes], cards: Callable[[float], Sequence[Link]] = lambda now: [NO_CABLE, GOOD]
    ) -> None:
        self.now = 0.0
        self.answer, self.cards = answer, cards
        self.asked: list[tuple[float, str]] = []
        self.messages: list[str] = []
        self.log = io.StringIO()

    def get(self, url: str, **_: Any) -> bytes:
        self.asked.append((self.now, url))
        return self.answer(self.now, url)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def fetch(self, template: str | None = URL, identity: Identity = ANY, seconds: float = 600) -> from_network.Got:
        return from_network.fetch(
            template,
            identity,
            SYSTEM,
            Commands(self.log),
            lambda fraction, text: self.messages.append(text),
            seconds=seconds,
            get=self.get,
            look=lambda: self.cards(self.now),
            clock=lambda: self.now,
            sleep=self.sleep,
        )


def refuse(error: WebError) -> Callable[[float, str], bytes]:
    def answer(now: float, url: str) -> bytes:
        raise error

    return answer


def test_a_server_that_is_down_for_a_minute() -> None:
    def answer(now: float, url: str) -> bytes:
        if now < 60:
            raise WebError("connect", "no connection to s: Connection refused")
        return b"x"

    world = World(answer)
    got = world.fetch()
    assert (got.data, got.url, got.identity.mac, got.identity.uuid) == (b"x", "http://s/52-54-00-00-00-02.yaml", GOOD.mac, "u1")
    assert [now for now, _ in world.asked] == [0, 1, 3, 7, 15, 31, 61]
    assert any("no connection; next try in" in text for text in world.messages)


def test_the_card_that_has_the_file_is_found_and_the_boot_card_names_the_machine() -> None:
    def answer(now: float, url: str) -> bytes:
        if GOOD.mac.replace(":", "-") in url:
            raise status_error(404)
        return b"x"

    other = Link("eth2", COMING.mac, True, ("10.0.1.5",))
    world = World(answer, lambda now: [GOOD, other if now > 5 else COMING])
    assert world.fetch().identity.mac == COMING.mac
    world = World(answer, lambda now: [GOOD])
    assert world.fetch(identity=Identity(mac="52:54:00:00:00:09")).url == "http://s/52-54-00-00-00-09.yaml"


def test_refused_and_never_reached() -> None:
    world = World(refuse(status_error(404)))
    with pytest.raises(UserError, match=r"could not get the answers within .*404 from the server for http://s/x \(eth0: no link"):
        world.fetch()
    assert len(world.asked) == wait_for_link.TRIES_WHEN_REFUSED
    assert world.now < 30
    world = World(refuse(WebError("dns", "the name s cannot be resolved", "DNS")))
    with pytest.raises(UserError, match="the name s cannot be resolved"):
        world.fetch(seconds=120)
    assert 120 <= world.now < 122
    world = World(refuse(status_error(404)), lambda now: [NO_CABLE])
    with pytest.raises(UserError, match="no network card had a link and an address") as caught:
        world.fetch(seconds=60)
    assert "switch port" in caught.value.hint


def test_a_wrong_certificate_is_not_tried_again() -> None:
    world = World(refuse(WebError("tls", "another certificate")))
    with pytest.raises(WebError, match="another certificate"):
        world.fetch()
    assert len(world.asked) == 1


def test_a_place_that_cannot_be_filled() -> None:
    with pytest.raises(WebError, match="requires serial, which this machine does not have"):
        World(lambda now, url: b"x").fetch("http://s/{serial}")


def test_dhcp_names_the_url() -> None:
    messages = Link("eth1", GOOD.mac, True, ("10.0.0.5",), "http://d/{mac}")
    assert World(lambda now, url: b"x", lambda now: [messages]).fetch(None).url == "http://d/52-54-00-00-00-02"
    world = World(lambda now, url: b"x")
    with pytest.raises(UserError, match="option 224"):
        world.fetch(None)
    assert world.asked == []
    assert any(f"eth1: 10.0.0.5, {wait_for_link.NO_URL}" in text for text in world.messages)


def test_cards_are_read_from_the_kernel_and_networkd(tmp_path: Path) -> None:
    for index, (name, carrier) in enumerate((("eth0", "0\n"), ("eth1", "1\n"), ("eth2", None), ("lo", "1\n")), 1):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        if name != "lo":
            (folder / "device").mkdir()
        (folder / "ifindex").write_text(f"{index}\n")
        (folder / "address").write_text(f"52:54:00:00:00:0{index}\n")
        if carrier is not None:
            (folder / "carrier").write_text(carrier)
    leases = tmp_path / "run/systemd/netif/leases"
    leases.mkdir(parents=True)
    (leases / "2").write_text("# private\nADDRESS=10.0.0.5\nOPTION_224=" + b"http://s/{mac}".hex() + "\n")
    shown = [
        {"ifname": "eth1", "addr_info": [{"local": "10.0.0.5", "scope": "global"}, {"local": "fe80::1", "scope": "link"}]},
        {"ifname": "eth0", "addr_info": [{"local": "2001:db8::1", "scope": "global", "tentative": True}]},
    ]
    links = read_links(FakeRunner({"ip": json.dumps(shown)}), tmp_path)
    assert links == [
        Link("eth0", "52:54:00:00:00:01", False),
        Link("eth1", "52:54:00:00:00:02", True, ("10.0.0.5",), "http://s/{mac}"),
        Link("eth2", "52:54:00:00:00:03", None),
    ]
    assert read_boot_nic(links, tmp_path) == ""
    note = tmp_path / "run/dom0kit/boot-nic"
    note.parent.mkdir(parents=True)
    # The last one is what the live root's script writes (dom0kit_manifest in scripts/dom0kit-fetch).
    for text in ("eth1\n", "52:54:00:00:00:02\n", "52:54:00:00:00:02 10.0.0.5/24\n"):
        note.write_text(text)
        assert read_boot_nic(links, tmp_path) == "52:54:00:00:00:02"


def test_bond_and_vlan_of_the_kernel_arguments_are_looked_at(tmp_path: Path) -> None:
    for name, parts in {"dom0kit-bond": (), "dom0kit-vlan": (), "eth0": ("device",), "xenbr0": ()}.items():
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        for part in parts:
            (folder / part).mkdir()
        for file, text in {"ifindex": "2", "address": "52:54:00:00:00:01", "carrier": "1"}.items():
            (folder / file).write_text(text)
    shown = [{"ifname": "dom0kit-vlan", "addr_info": [{"local": "10.0.0.5", "scope": "global"}]}]
    links = read_links(FakeRunner({"ip": json.dumps(shown)}), tmp_path)
    assert [link.name for link in links] == ["dom0kit-bond", "dom0kit-vlan", "eth0"]
    assert [link.mac for link in links if link.usable] == ["52:54:00:00:00:01"]


def test_odd_input() -> None:
    assert global_addresses("nonsense") == {}
    assert option_text("OPTION_224=zz") == ""
    assert option_text("OPTION_224=ff") == ""
    assert option_text("OPTION_224=" + (b"http://s/\0").hex()) == "http://s/"
