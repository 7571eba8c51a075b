"""Missing paths as tags of a Ganeti node."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from fake_runner import FakeRunner

from firstboot.multipath_monitor import ganeti_tags


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a host xen2 in a pool whose master is xen1."""
    (tmp_path / ganeti_tags.DATA).mkdir(parents=True)
    (tmp_path / ganeti_tags.DATA / "ssconf_master_node").write_text("xen1.example.org\n")
    (tmp_path / ganeti_tags.DATA / "ssconf_cluster_name").write_text("pool1.example.org\n")
    monkeypatch.setattr(ganeti_tags, "node_name", lambda: "xen2.example.org")
    return tmp_path


def asked(master: FakeRunner) -> list[str]:
    """Return what gnt-node was called with on the master, over ssh."""
    return [shlex.join(call.argv).partition("gnt-node ")[2] for call in master.requests]


def test_tags_become_what_they_should_be(pool: Path) -> None:
    master = FakeRunner({"": "dom0kit:paths-missing:w1\nmine\n"})
    ganeti_tags.update_tags(pool, ["w2"], master)
    node = "xen2.example.org"
    assert asked(master) == [
        f"list-tags {node}",
        f"add-tags {node} dom0kit:paths-missing:w2",
        f"remove-tags {node} dom0kit:paths-missing:w1",
    ]


def test_tags_that_are_right_are_left_alone(pool: Path) -> None:
    master = FakeRunner({"": "dom0kit:paths-missing:w1\n"})
    ganeti_tags.update_tags(pool, ["w1"], master)
    assert len(asked(master)) == 1


def test_a_host_in_no_pool_asks_nobody(tmp_path: Path) -> None:
    master = FakeRunner()
    ganeti_tags.update_tags(tmp_path, ["w1"], master)
    assert asked(master) == []


def test_the_master_is_reached_by_the_pools_keys(pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = ganeti_tags.on_master(pool, ["gnt-node", "list"])
    assert argv[0] == "ssh"
    assert argv[-3:] == ["root@xen1.example.org", "gnt-node", "list"]
    assert "HostKeyAlias=pool1.example.org" in argv
    assert "StrictHostKeyChecking=yes" in argv
    monkeypatch.setattr(ganeti_tags, "node_name", lambda: "xen1.example.org")
    assert ganeti_tags.on_master(pool, ["gnt-node", "list"]) == ["gnt-node", "list"]
