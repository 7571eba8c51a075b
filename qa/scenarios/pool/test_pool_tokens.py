"""Join tokens in the wrong hands, another machine at a joining host's address, and hosts that wait for approval."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dom0kit.process import run
from qa.checks.host_checks import need
from qa.lab import netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.pool.checks import check_member
from qa.pool.fake_pool_server import FakePool, expect_problems, preflight, run_client
from qa.pool.pool_hosts import FIRST_BOOT, PoolDisks, PoolLab, address, mac, name, to_join
from qa.scenario import Scenario
from qa.scenarios.pool.test_pool_ask import Refusal, refused_by_installer
from qa.vm.machine import Machine

HOST = "first.example.net"
UUID = "00000000-0000-4000-8000-000000000001"
MAC = "52:54:00:77:01:61"
OWN = ["--name", HOST, "--uuid", UUID, "--mac", MAC]
WAITS = "waits until the pool's administrator approves it"


@scenario(
    "pool-token-replay", firmware="none", minutes=1, machines=0, tags={"pool", "no-machine", "refusal"}, lab=True, needs=("sshd",)
)
def test_pool_token_replay(scenario: Scenario, lab: Lab) -> None:
    """Use a token again that its host has used, with the host's name, UUID and MAC address: it is bound to the host's key."""
    with FakePool(lab, scenario.work / "pool") as fake_pool:
        token = fake_pool.token("--host", HOST, "--mac", MAC)
        scenario.secrets.append(token)
        thief = ["--keys", str(scenario.work / "keys of another machine"), *OWN]
        expect_problems(preflight(lab, token, *OWN))
        fake_pool.enter_queue(lab, token, name=HOST, uuid=UUID, mac=MAC)
        for word in ("ask", "keys", "join"):
            expect_problems(preflight(lab, token, *thief, word=word), "used-up")
        expect_problems(preflight(lab, token, *OWN))
        used = json.loads(fake_pool.command("token", "list", "--json").output)[0]["used"]
        need([use["name"] for use in used] == [HOST], f"the token was used by {used}")
        queue = json.loads(fake_pool.command("queue", "--json").output)
        need([entry["key"] for entry in queue] == [used[0]["key"]], f"the queue has {queue}")


@scenario("pool-token-wrong-host", firmware="bios", minutes=2, tags={"pool", "refusal"}, lab=True, needs=("sshd",))
def test_pool_token_wrong_host(scenario: Scenario, lab: Lab) -> None:
    """Use a host's token on another host and on another machine: both are refused, and the installer writes nothing."""
    with FakePool(lab, scenario.work / "pool") as fake_pool:
        token, machine = fake_pool.token("--host", HOST), fake_pool.token("--host", HOST, "--uuid", UUID)
        scenario.secrets += [token, machine]
        with scenario.phase("the client asks"):
            expect_problems(preflight(lab, token, "--name", "second.example.net"), "wrong-host")
            expect_problems(preflight(lab, token, "--name", HOST))
            expect_problems(preflight(lab, machine, "--name", HOST), "wrong-host")
            expect_problems(preflight(lab, machine, *OWN))
            done = fake_pool.command("token", "create", check=False)
            need(done.returncode == 1 and "--any-host" in done.errors, "a token for any host is made without --any-host")
        refused_by_installer(scenario, lab, token, Refusal("wrong-host", "was made for another host"))


def site(lab: Lab, *words: str) -> None:
    """Run ip(8) in the site's namespace."""
    lab.needs_site()
    run(["ip", "-n", netns_commands.site_name(lab.namespace), *words])


def start_impostor(lab: Lab, folder: Path, keys: list[str]) -> Path:
    """Start an SSH server at the joining host's address that lets the master in; return the file with what it is sent."""
    folder.mkdir()
    received = folder / "received"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host_key")])
    (folder / "keys").write_text("".join(f'command="cat >>{received}" {key}\n' for key in keys))
    lines = [
        "Port 22",
        f"ListenAddress {address(2)}",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/keys",
        *("StrictModes no", "UsePAM no", "PidFile none", "PermitRootLogin yes"),
    ]
    (folder / "sshd_config").write_text("\n".join(lines) + "\n")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    site(lab, "address", "add", f"{address(2)}/24", "dev", netns_commands.SITE_CARD)
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
    lab.serve("impostor", argv, ready=r"Server listening on \S+ port \d+", site=True)
    return received


def client_result(pool: PoolLab, lab: Lab, token: str, options: list[str]) -> dict[str, Any]:
    """Run the client of a joining host to its end, and read the consoles of the machines meanwhile."""
    with ThreadPoolExecutor(1) as executor:
        job = executor.submit(run_client, lab, token, options, timeout=FIRST_BOOT)
        while not job.done():
            pool.drain()
        return job.result()


@scenario(
    "pool-join-impostor", firmware="bios", minutes=6, stage="pool", tags={"pool", "ganeti"}, lab=True, needs=("curl", "sshd")
)
def test_pool_join_impostor(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks, lab: Lab) -> None:
    """Join while another machine answers at the joining host's address: the master sends it nothing, and adds no host."""
    host = ["--name", name(2), "--address", address(2)]
    keys = client_result(pool, lab, pool_disks.token, ["--word", "keys", *host])["keys"]
    received = start_impostor(lab, scenario.work / "impostor", keys)
    with scenario.phase("the master contacts the impostor"):
        reply = client_result(pool, lab, pool_disks.token, ["--word", "join", *host])
    expect_problems(reply, "failed")
    text = str(reply["problems"][0]["text"])
    need("another machine answers at the address of" in text, f"the refusal does not name the reason: {text}")
    log = (scenario.folder / "server-impostor.log").read_text()
    need("Connection" in log or "Unable to negotiate" in log, "the master did not contact the impostor")
    need(not received.exists(), "the impostor was sent something")
    need(name(2) not in pool.succeed(1, "cat /etc/hosts"), "/etc/hosts of the master has the name of a host that was not added")
    need(
        pool.execute(1, "test -e /var/lib/dom0kit/pool/adding").code != 0, "the list of host keys of the addition is still there"
    )
    pool.verify(1)


@scenario(
    "pool-approval", firmware="bios", minutes=15, machines=2, stage="pool", tags={"pool", "ganeti"}, lab=True, needs=("curl",)
)
def test_pool_approval(scenario: Scenario, master: Machine, pool: PoolLab, pool_disks: PoolDisks, lab: Lab) -> None:
    """Approve a host that waits by the key on its console, and deny another one: it learns that, and stays out."""
    create = "dom0ctl pool token create --require-approval 2>/dev/null"
    token = pool.succeed(1, f"{create} --host {name(2)} --mac {mac(2)}").strip()
    other = pool.succeed(1, f"{create} --host {name(3)}").strip()
    scenario.secrets += [token, other]
    with pool.running(2, pool_disks.host(scenario, 2, to_join(token))) as machine:
        with scenario.phase("the host waits"):
            pool.wait_until(2, lambda: WAITS in machine.console_text, "a host that waits for approval", limit=FIRST_BOOT)
        asked = client_result(pool, lab, other, ["--word", "join", "--once", "--name", name(3), "--address", address(3)])
        need(not asked["problems"], f"the second host does not wait: {asked}")
        queue = {entry["name"]: entry for entry in json.loads(pool.succeed(1, "dom0ctl pool queue --json"))}
        need({entry["state"] for entry in queue.values()} == {"held"} and len(queue) == 2, f"the queue has {queue}")
        need(queue[name(2)]["key"] in machine.console_text, f"the console does not show the key {queue[name(2)]['key']}")
        need(name(2) not in pool.succeed(1, "gnt-node list --no-headers -o name"), "the host was added without approval")
        pool.succeed(1, f"dom0ctl pool deny {name(3)} && dom0ctl pool approve {name(2)}")
        pool.wait_for_first_boot(2)
        check_member(pool, 2)
        expect_problems(client_result(pool, lab, other, ["--word", "join", "--name", name(3), "--address", address(3)]), "denied")
        pool.verify(2)
