"""What is read from commands and files of the host."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from fake_runner import Ended, FakeRunner
from image_host import BOOT, finish_steps

from firstboot.host import Host
from firstboot.retry import Moment
from firstboot.step_records import StepRecords
from firstboot.steps.steps import STEPS
from upgrade.health import facts


def test_all_facts_of_a_healthy_host(host: Host, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "greeting_failure", lambda address, port: "")
    finish_steps(host)
    found = facts.gather(host, STEPS)
    assert {step["state"] for step in found.steps} == {"done"}
    assert found.gateways == {"192.0.2.1": True}
    assert found.ssh == {"::1:22": "", "192.0.2.15:22": ""}
    assert (found.xen, found.xenstore, found.xl, found.running) == (True, True, "", False)
    assert all(call.timeout for call in runner.requests)


def test_a_step_for_every_boot_counts_in_its_own_boot_alone(host: Host) -> None:
    finish_steps(host, boot="an-earlier-boot")
    still = [step["name"] for step in facts.steps_of_this_boot(host, STEPS) if step["state"] != "done"]
    assert still == [step.name for step in STEPS if step.always]
    assert still
    finish_steps(host, BOOT)
    assert all(step["state"] == "done" for step in facts.steps_of_this_boot(host, STEPS))


def test_a_failure_of_an_earlier_boot_is_tried_again(host: Host) -> None:
    finish_steps(host)
    records = StepRecords(host.root)
    records.clear("network")
    records.write_failed("network", "no card", Moment("an-earlier-boot", 9.0), 5.0)
    assert {"name": "network", "state": "open"} in facts.steps_of_this_boot(host, STEPS)
    records.write_failed("network", "no card", Moment(BOOT, 9.0), 5.0)
    assert "failed" in [step["state"] for step in facts.steps_of_this_boot(host, STEPS) if step["name"] == "network"]


def test_a_gateway_that_drops_echo_requests_answers_for_its_hardware_address(host: Host, runner: FakeRunner) -> None:
    runner.failing.add("ping")
    assert not facts.answers(host, "192.0.2.1")
    runner.outputs["ip -json neigh"] = '[{"dst": "192.0.2.1", "state": ["REACHABLE"]}]'
    assert facts.answers(host, "192.0.2.1")
    runner.outputs["ip -json neigh"] = '[{"dst": "192.0.2.1", "state": ["FAILED"]}]'
    assert not facts.answers(host, "192.0.2.1")


def test_sshd_is_asked_where_it_listens() -> None:
    settings = "port 2222\nlistenaddress 198.51.100.7:2222\nlistenaddress [2001:db8::7]:2222\n"
    assert facts.listen_addresses(settings, "192.0.2.15") == [("198.51.100.7", 2222), ("2001:db8::7", 2222)]
    assert facts.listen_addresses("listenaddress 0.0.0.0:22\nlistenaddress [::]:22", "2001:db8::15") == [
        ("127.0.0.1", 22),
        ("2001:db8::15", 22),
    ]
    assert facts.listen_addresses("", None) == []


@pytest.mark.parametrize(("greeting", "failure"), [(b"SSH-2.0-OpenSSH_10.0\r\n", ""), (b"220\r\n", "answers, but not as sshd")])
def test_the_greeting_of_sshd(greeting: bytes, failure: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with server.accept()[0] as connection:
                connection.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        assert facts.greeting_failure("127.0.0.1", server.getsockname()[1]) == failure
        thread.join()
        port = server.getsockname()[1]
    assert facts.greeting_failure("127.0.0.1", port) == "Connection refused"


def test_arrays_by_uuid(host: Host, runner: FakeRunner) -> None:
    for name, files in {"md127": {"raid_disks": "2", "degraded": "1"}, "md0": {"raid_disks": "2"}}.items():
        folder = host.path(f"sys/class/block/{name}/md")
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(f"{text}\n")
    runner.outputs["mdadm"] = "MD_LEVEL=raid1\nMD_UUID=aa:bb:cc:dd\n"
    assert facts.arrays(host) == {"aa:bb:cc:dd": (1, 2)}


def test_guests_that_xl_starts(host: Host, runner: FakeRunner) -> None:
    assert facts.guests(host) == {}
    host.host_json["pool"] = {"toolstack": "xl"}
    assert facts.guests(host) == {}
    folder = host.path("etc/xen/auto")
    folder.mkdir(parents=True)
    (folder / "web.cfg").write_text("memory = 512\nname = 'web'\n")
    (folder / "db.cfg").write_text('name="db"\n')
    runner.outputs["xl list"] = '[{"domid": 1, "config": {"c_info": {"name": "web"}}}]'
    assert facts.guests(host) == {"web": True, "db": False}
    runner.outputs["xl list"] = "no JSON"
    assert facts.guests(host) == {"web": False, "db": False}


def test_a_command_that_is_missing_or_fails_is_no_crash(host: Host, runner: FakeRunner) -> None:
    runner.outputs["xl info"] = Ended(1)
    assert facts.probe(host, ["xl", "info"]) is None
    runner.outputs["systemctl --failed"] = "chrony.service loaded failed\ndom0kit-health.service loaded failed\n"
    assert facts.failed_units(host) == ("chrony.service",)
    assert facts.is_running(host) is False
    assert Path(host.root).exists()
