"""Every answer file and inventory that a scenario writes is accepted today: a refusal would be found after minutes of booting."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from answerfiles.inventory.check import check_inventory
from answerfiles.model import Answers
from answerfiles.reader import examine_answers
from bench import render as bench_render
from pool.join.token import JoinToken
from qa import network_boot
from qa.guest.ssh_access import Credentials
from qa.install import answers
from qa.pool import pool_hosts, unattended
from qa.san.tgt_array import Account
from qa.scenarios.install import test_answers, test_firstboot
from qa.scenarios.network import test_fleet_answers, test_network
from qa.scenarios.pool import test_pool_ask
from qa.scenarios.san import test_san_iscsi

ROOT = Path(__file__).parents[4]
HASH = "$6$rounds=5000$saltsalt$" + "a" * 86
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKHEMzOeMzP3pVl9SMOA7kHkUSFBGkvRDzmvv1Vq0uQH qa"
CREDENTIALS = Credentials("qa-0123456789ab", HASH, Path("/k"), KEY)
URL, URL6, HTTPS = "http://10.77.0.1:8077", "http://[fd77::1]:8077", "https://10.77.0.1:8443"
TOKEN = JoinToken(b"\2" + bytes(32), bytes(range(32)), ("10.77.0.1",), 2222).write()
ACCOUNTS = (Account("xen1", "0123456789abcd"), Account("array", "dcba9876543210"))

TEXTS: dict[str, Callable[[], str]] = {
    "pinned_answers": partial(test_answers.pinned_answers, CREDENTIALS, HTTPS, "ab" * 32),
    "ipv6_answers": partial(test_network.ipv6_answers, CREDENTIALS, URL6),
    "answers_for_any": partial(test_fleet_answers.answers_for_any, CREDENTIALS, URL),
    "joining_answers": partial(test_pool_ask.joining_answers, CREDENTIALS, TOKEN),
    "text": lambda: answers.answers(CREDENTIALS, **test_san_iscsi.with_chap(*ACCOUNTS, 1, 1)),
}
"""Functions that make answers from values of a running scenario, by their names."""
INVENTORIES: dict[str, Callable[[], str]] = {
    "network boot": lambda: answers.to_yaml(network_boot.inventory(CREDENTIALS)),
    "XML in a tree": lambda: answers.to_yaml(test_fleet_answers.xml_inventory(CREDENTIALS)),
    "pool of two": lambda: answers.to_yaml(unattended.inventory(CREDENTIALS)),
    "bench": lambda: bench_render.inventory(20),
}


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield each call of :func:`qa.install.answers.answers` in the harness: module, name of the function around it, and call."""
    for path in sorted((*(ROOT / "qa").rglob("*.py"), *(ROOT / "bench").rglob("*.py"))):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        around = {}
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                # An inner function comes later and wins.
                around.update({id(inner): node.name for inner in ast.walk(node)})
            if isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in ("answers", "answers.answers"):
                yield module, around.get(id(node), ""), node


def evaluated(module: str, call: ast.Call) -> str | None:
    """Return the answers that a call makes, with other credentials; None when it uses values of a running scenario."""
    call = ast.Call(call.func, [ast.Name("CREDENTIALS", ast.Load()), *call.args[1:]], call.keywords)
    code = compile(ast.fix_missing_locations(ast.Expression(call)), module, "eval")
    names = {**vars(importlib.import_module(module)), "CREDENTIALS": CREDENTIALS}
    try:
        return str(eval(code, names))
    except NameError:
        return None


CALLS = [
    (module, function, call) for module, function, call in calls() if (module, function) != ("qa.install.answers", "answers")
]


@pytest.mark.parametrize(
    ("module", "function", "call"), CALLS, ids=[f"{module.rpartition('.')[2]}-{function}" for module, function, _ in CALLS]
)
def test_answers_of_each_call_are_accepted(module: str, function: str, call: ast.Call) -> None:
    """Answers that need values of a running scenario come from a function that this test can call, by its name in TEXTS."""
    text = evaluated(module, call)
    if text is None:
        assert function in TEXTS, f"{module}: put answers() into a function of its own and name it in TEXTS"
        text = TEXTS[function]()
    assert examine_answers(text).warnings == ()


def test_calls_are_found() -> None:
    """A search that finds nothing would prove nothing."""
    assert len(CALLS) >= 25
    assert {function for _, function, _ in CALLS} > TEXTS.keys()


@pytest.mark.parametrize("name", INVENTORIES)
def test_inventories_are_accepted(name: str, tmp_path: Path) -> None:
    """Site-wide checks and references included."""
    (tmp_path / unattended.TOKEN_FILE).write_text(TOKEN)
    (tmp_path / "root.hash").write_text(HASH)
    for file in (tmp_path / unattended.TOKEN_FILE, tmp_path / "root.hash"):
        file.chmod(0o600)
    path = tmp_path / "inventory.yaml"
    path.write_text(INVENTORIES[name]())
    found, problems = check_inventory(path.read_text(), path, "inventory.yaml")
    assert [problem.render("inventory.yaml") for problem in problems] == []
    assert found.hosts


def test_xml_of_xcp_ng_is_accepted() -> None:
    """The host gets the time server that all scenarios check, a name in lower case, and the script unverified."""
    reading = examine_answers(test_fleet_answers.xml_answers(CREDENTIALS, URL))
    assert reading.answers.host_name == "xcp-from-xml"
    assert reading.answers.time.ntp == (answers.NTP,)
    assert [script.url for script in reading.answers.scripts] == [f"{URL}/{test_fleet_answers.SCRIPT}"]
    assert {warning.severity for warning in reading.warnings} == {"warning"}


def test_values_put_into_host_json_are_valid(tmp_path: Path) -> None:
    """The hosts of pools are clones of one installation, whose ``host.json`` is changed before their first boot."""
    installed = examine_answers(answers.answers(CREDENTIALS)).answers
    value = json.loads(installed.to_json(reveal=True))
    for number, part in ((1, pool_hosts.to_create()), (2, pool_hosts.to_join(TOKEN)), (1, {"toolstack": "xl"})):
        host = Answers.model_validate_json(json.dumps(pool_hosts.host_json(value, number, part)))
        assert host.host_name == pool_hosts.name(number)
    Answers.model_validate_json(json.dumps({**value, "scripts": [test_firstboot.SLEEPING]}))
