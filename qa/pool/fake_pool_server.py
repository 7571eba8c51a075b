"""A minimal pool server: a real sshd with the real forced command, in front of files as Ganeti keeps them on a master.

Real are OpenSSH on both sides, the keys, the token store, ``dom0ctl pool answer`` and its admission check. Ganeti is not: its
ssconf files are written by hand, and a socket that accepts connections replaces luxid's.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from dom0kit.process import Result, run
from qa.checks.host_checks import need
from qa.errors import ScenarioFailed
from qa.lab import netns_commands
from qa.lab.lab import PROJECT, Lab
from qa.lab.server_process import Server

PORT = 2222
POOL = "pool.example.net"
MASTER = "master.example.net"
VERSION = "0.1.0"
DROP_IN = PROJECT / "image/elements/dom0-firstboot/tree/etc/ssh/sshd_config.d/50-dom0kit-pool.conf"
POOL_STATE = "var/lib/dom0kit/pool"
CLIENT = (sys.executable, "-m", "qa.pool.join_client")
DOM0CTL = "import sys; from programs.dom0ctl import main; sys.exit(main())"


class FakePool:
    """The pool's side, in the lab's own namespace at :data:`qa.lab.netns_commands.ADDRESS`.

    :param root: the folder that serves as the master's ``/``.
    """

    def __init__(self, lab: Lab, root: Path, *, master: str = MASTER, version: str = VERSION, name: str = "sshd") -> None:
        self.lab, self.root, self.name, self.port = lab, root, name, PORT
        self._socket = socket.socket(socket.AF_UNIX)
        self._server: Server | None = None
        self._starts = 0
        files = {
            "etc/hostname": f"{MASTER}\n",
            "etc/dom0kit/pool-networks": "10.78.0.0/16  # of the load generator's hosts\n",
            "run/dom0kit/image/manifest.json": json.dumps({"version": version, "packages": {"ganeti": "3.1.0~rc2-3"}}),
            "var/lib/ganeti/ssconf_cluster_name": f"{POOL}\n",
            "var/lib/ganeti/ssconf_master_node": f"{master}\n",
            "var/lib/ganeti/ssconf_master_ip": "10.77.0.50\n",
            "var/lib/ganeti/ssconf_node_primary_ips": (
                f"{MASTER} {netns_commands.ADDRESS}\nother.example.net {netns_commands.SITE_ADDRESS}\n"
            ),
            "var/lib/ganeti/ssconf_master_candidates": f"{MASTER}\n",
            "var/lib/ganeti/ssconf_offline_nodes": "\n",
            "var/lib/ganeti/ssconf_release_version": "3.1.0~rc2\n",
            "root/.ssh/id_rsa.pub": "ssh-rsa AAAAB3NzaC1yc2E= root@master\n",
        }
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        program = root / "usr/bin/dom0ctl"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\nexec env PYTHONPATH={PROJECT} {sys.executable} -c '{DOM0CTL}' \"$@\"\n")
        program.chmod(0o755)
        (root / "etc/ssh").mkdir()
        run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", str(root / "etc/ssh/ssh_host_ecdsa_key")])

    def __enter__(self) -> FakePool:
        place = self.root / "run/ganeti/socket/ganeti-query"
        place.parent.mkdir(parents=True, exist_ok=True)
        self._socket.bind(str(place))
        self._socket.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._socket.close()

    def start(self) -> None:
        """Start the SSH server with the configuration that the image has for it."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # Debian's service makes it; sshd's privilege separation needs it
        config = self.root / "sshd_config"
        ours = DROP_IN.read_text().replace("/var/lib/dom0kit/pool", str(self.root / POOL_STATE))
        # StrictModes is off: the lab's files are below /var/tmp, which all users may write to.
        own = [
            f"Port {self.port}",
            f"HostKey {self.root}/etc/ssh/ssh_host_ecdsa_key",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
        ]
        config.write_text("\n".join([*own, "PermitRootLogin prohibit-password", "PasswordAuthentication no", ours]))
        argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
        # A log for each start: sshd ends its lines with CR LF, so that offsets in the text and in the file differ.
        self._starts += 1
        name = self.name if self._starts == 1 else f"{self.name}-{self._starts}"
        self._server = self.lab.serve(name, argv, ready=r"Server listening on \S+ port \d+")

    def stop(self) -> None:
        """Stop the SSH server."""
        if self._server is not None:
            self._server.stop()

    def command(self, *words: str, check: bool = True) -> Result:
        """Run ``dom0ctl pool`` on the master."""
        return run([str(self.root / "usr/bin/dom0ctl"), "pool", *words, "--root", str(self.root)], check=check, timeout=600)

    def token(self, *options: str, address: str = netns_commands.ADDRESS) -> str:
        """Make a join token, for any host unless the options name one."""
        options = options if "--host" in options else ("--any-host", *options)
        text = self.command("token", "create", "--address", address, "--port", str(self.port), *options).output.strip()
        if not text.startswith("d0k1-"):
            raise ScenarioFailed(f"dom0ctl pool token create printed no join token, but {len(text)} characters")
        return text

    def enter_queue(
        self, lab: Lab, token: str, *, name: str, uuid: str, address: str = "10.77.0.61", mac: str = "52:54:00:77:01:60"
    ) -> int:
        """Let a host enter the queue and disconnect; return its place."""
        host = ["--name", name, "--uuid", uuid, "--address", address, "--mac", mac]
        reply = run_client(lab, token, ["--word", "join", "--once", *host])
        if reply["problems"]:
            raise ScenarioFailed(f"{name} cannot enter the queue: {reply}")
        return int(reply["place"])

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._socket.accept()[0].close()


def preflight(lab: Lab, token: str, *options: str, word: str = "ask", timeout: float = 1800) -> dict[str, Any]:
    """Return the pool's answer to a joining host in the site's namespace, at another address."""
    return run_client(lab, token, ["--word", word, *options], timeout=timeout)


def run_client(lab: Lab, token: str, options: Sequence[str], *, timeout: float = 1800) -> dict[str, Any]:
    """Run the real client in a process of its own; the token is passed on its standard input. Return its result.

    A host has one SSH key in all of its processes; ``--keys FOLDER`` among the options gives it another one.
    """
    lab.needs_site()
    argv = netns_commands.inside(
        netns_commands.site_name(lab.namespace), [*CLIENT, "--keys", str(lab.work / "host-keys"), *options]
    )
    result = run(argv, stdin=token + "\n", env={"PYTHONPATH": str(PROJECT)}, check=False, timeout=timeout)
    try:
        value = json.loads(result.output.splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise ScenarioFailed(f"the client printed no JSON:\n{result.output}{result.errors}") from error
    assert isinstance(value, dict)
    return value


def codes(reply: dict[str, Any]) -> list[str]:
    """Return the codes of the problems in a client's result; none when the host is welcome."""
    return [str(problem["code"]) for problem in reply["problems"]]


def expect_problems(reply: dict[str, Any], *wanted: str) -> None:
    """Check that a client's result has exactly these problems."""
    need(codes(reply) == list(wanted), f"expected {wanted or 'no problem'}, got: {reply}")
