"""``dom0ctl pool token create --from``: a token for each host of an inventory that joins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_pool_cli import ctl, root

from answerfiles.inventory.references import References, resolve
from pool.join.token import read_token

__all__ = ["root"]

INVENTORY = """
defaults:
  pool: {join: {token: "file:tokens/{host}"}}
hosts:
  h1: {mac: "52:54:00:77:01:01", host_name: h1.example.net, pool: {join: null, create: {name: pool.example.net}}}
  h2: {mac: ["52:54:00:77:01:02", "52:54:00:77:01:22"], host_name: "{{ host.name }}.example.net"}
  h3: {uuid: d0000000-0000-4000-8000-000000000003, host_name: h3.example.net}
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "site/inventory.yaml"
    path.parent.mkdir()
    path.write_text(INVENTORY)
    return path


def create(root: Path, inventory: Path, *words: str) -> int:
    return ctl("token", "create", "--root", str(root), "--from", str(inventory), *words)


def test_each_host_that_joins_gets_a_token_of_its_own(root: Path, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = inventory.parent
    assert create(root, inventory, "--output", str(out), "--ttl", "2h") == 0
    said = capsys.readouterr()
    assert said.out == "", "no secret on the terminal"
    assert "root on every host" in said.err
    assert sorted(path.name for path in (out / "tokens").iterdir()) == ["h2", "h3"]
    assert (out / "tokens/h2").stat().st_mode & 0o777 == 0o600
    ctl("token", "list", "--json", "--root", str(root))
    records = {entry["id"]: entry for entry in json.loads(capsys.readouterr().out)}
    for name, uuid, mac in (("h2", "", "52:54:00:77:01:02"), ("h3", "d0000000-0000-4000-8000-000000000003", "")):
        entry = records[read_token((out / f"tokens/{name}").read_text()).id]
        assert (entry["host"], entry["uuid"], entry["mac"], entry["uses"]) == (f"{name}.example.net", uuid, mac, 1)


def test_a_token_that_is_there_stays(root: Path, inventory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(root, inventory, "--output", str(inventory.parent)) == 0
    before = (inventory.parent / "tokens/h2").read_text()
    (inventory.parent / "tokens/h3").unlink()
    assert create(root, inventory, "--output", str(inventory.parent)) == 0
    assert "tokens/h2: is there already, and stays" in capsys.readouterr().err
    assert (inventory.parent / "tokens/h2").read_text() == before
    assert (inventory.parent / "tokens/h3").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("tokens/{host}", "join.token"), "each needs its own"),
        (("tokens/{host}", "../{host}"), "outside of the inventory's folder"),
        (("tokens/{host}", "/etc/{host}"), "outside of the inventory's folder"),
        (("file:tokens/{host}", "env:TOKEN"), "joins a pool by a token in a file"),
        (("{{ host.name }}.example", "{{ host.nam }}.example"), "cannot be computed"),
        (("{{ host.name }}.example.net", "dhcp!"), "not a host name"),
        (("hosts:", "hosts: ["), "has 1 error"),
    ],
)
def test_an_inventory_that_names_no_tokens_of_their_own(
    root: Path, inventory: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], message: str
) -> None:
    inventory.write_text(INVENTORY.replace(*change))
    assert create(root, inventory, "--output", str(inventory.parent)) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (root / "var/lib/dom0kit/pool").exists(), "no token was made"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--output", "x", "--host", "h2"], "--from names the hosts itself"),
        (["--output", "x", "--any-host"], "--from names the hosts itself"),
        ([], "--from needs --output"),
    ],
)
def test_options_that_contradict_it(
    root: Path, inventory: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert create(root, inventory, *words) == 1
    assert message in capsys.readouterr().err


def test_output_without_an_inventory(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ctl("token", "create", "--root", str(root), "--host", "h2", "--output", "x") == 1
    assert "--output needs --from" in capsys.readouterr().err


def test_a_reference_of_all_hosts_names_the_file_of_each(tmp_path: Path) -> None:
    for name in ("h2", "h3"):
        (tmp_path / f"{name}.token").write_text(f"secret of {name}\n")
    values = {"pool": {"join": {"token": "file:{host}.token"}}}
    found, wrong = resolve(values, References(tmp_path), secrets=True, host="h3")
    assert found["pool"]["join"]["token"] == "secret of h3"
    assert wrong == []
    _, wrong = resolve(values, References(tmp_path), secrets=True, host="h4")
    assert "h4.token" in wrong[0].text
