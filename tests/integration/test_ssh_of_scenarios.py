"""Commands over ssh to a guest as scenarios send them, to a real sshd on loopback: kept connections, and broken ones."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from loop_devices import output

from dom0kit.polling import poll
from qa.guest import ssh_access
from qa.guest.ssh_access import Credentials, Ssh, close_all, make

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="sshd lets root in as root alone")
ADDRESS = "127.0.0.1"


class Server:
    """An sshd for root's key; ``connections`` counts the log-ins in its log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.credentials: Credentials = make(folder)
        output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host_key")
        (folder / "keys").write_text(self.credentials.public + "\n")
        own = [f"Port {self.port}", f"ListenAddress {ADDRESS}", f"HostKey {folder}/host_key", f"AuthorizedKeysFile {folder}/keys"]
        own += ["StrictModes no", "UsePAM no", "PidFile none", "PermitRootLogin prohibit-password"]
        (folder / "config").write_text("\n".join(own) + "\n")
        self.log = folder / "log"
        self.child: subprocess.Popen[bytes]

    @property
    def connections(self) -> int:
        """Return how many log-ins there were."""
        return self.log.read_text(errors="replace").count("Accepted publickey")

    def start(self) -> None:
        """Start and wait until it listens."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", self.folder / "config"], stderr=log)
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex((ADDRESS, self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail(self.log.read_text(errors="replace"))

    def stop(self) -> None:
        """End it with its sessions, as a guest that reboots does."""
        sessions = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text().split()
        for session in sessions:
            os.kill(int(session), signal.SIGKILL)
        self.child.terminate()
        self.child.wait()


def free_port() -> int:
    """Return a TCP port that nothing uses."""
    with socket.socket() as free:
        free.bind((ADDRESS, 0))
        return int(free.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run an sshd."""
    made = Server(tmp_path)
    made.start()
    yield made
    made.stop()


@contextmanager
def closing_at_first(target: int, times: int) -> Iterator[int]:
    """Forward a port, but close the first ``times`` connections before sshd's banner; yield the port."""
    with socket.create_server((ADDRESS, 0)) as listener:

        def serve() -> None:
            left = times
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                if left:
                    left -= 1
                    client.close()
                    continue
                upstream = socket.create_connection((ADDRESS, target))
                for source, sink in ((client, upstream), (upstream, client)):
                    threading.Thread(target=copy, args=(source, sink), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Copy one direction of a connection until its end."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


def test_one_connection_carries_all_commands(server: Server) -> None:
    """Results are those of each command: the output, errors of one that fails, the exit code."""
    guest = Ssh(server.credentials, server.port)
    assert guest.succeed("echo one") == "one"
    failed = guest.execute("echo two; echo three >&2; exit 7")
    assert (failed.code, failed.output, failed.command) == (7, "two\nthree", "echo two; echo three >&2; exit 7")
    assert guest.execute("exit 255").code == 255
    assert server.connections == 1
    guest.close()


def test_a_log_in_is_a_new_connection(server: Server) -> None:
    """The kept one proves nothing about keys."""
    guest = Ssh(server.credentials, server.port)
    guest.succeed("true")
    guest.wait_for_login()
    assert server.connections == 2
    guest.close()


def test_a_guest_that_rebooted_is_asked_again(server: Server) -> None:
    """The kept connection is gone with the old sshd."""
    guest = Ssh(server.credentials, server.port)
    guest.succeed("true")
    server.stop()
    server.start()
    assert guest.succeed("echo again") == "again"
    assert server.connections == 2
    guest.close()


def test_a_connection_that_breaks_before_the_command_is_made_again(server: Server) -> None:
    """As of an sshd that gave up on a starved machine."""
    with closing_at_first(server.port, 2) as port:
        guest = Ssh(server.credentials, port)
        assert guest.succeed("echo reached") == "reached"
        guest.close()


def test_another_thread_does_not_read_the_machines_meanwhile(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readers of one console would get parts of the same lines."""
    for name in ("drain_all", "pump_all"):
        monkeypatch.setattr(ssh_access, name, lambda seconds: pytest.fail("read by another thread"))
    with closing_at_first(server.port, 1) as port, ThreadPoolExecutor(1) as other:
        guest = Ssh(server.credentials, port)
        assert other.submit(guest.execute, "echo reached").result().output == "reached"
        guest.close()


def test_a_command_that_began_is_not_sent_again(server: Server, tmp_path: Path) -> None:
    """One that ends its own connection, such as a reboot, runs once."""
    guest = Ssh(server.credentials, server.port)
    result = guest.execute(f"echo run >>{tmp_path}/runs; kill $PPID; sleep 600")
    assert result.code == 255
    assert (tmp_path / "runs").read_text() == "run\n"
    guest.close()


def closed(server: Server) -> int:
    """Return how many connections ended without a log-in."""
    return server.log.read_text(errors="replace").count("Connection closed by authenticating user")


def test_a_key_that_is_refused_is_refused_once(server: Server) -> None:
    """A refusal is an answer, no broken connection."""
    (server.folder / "keys").write_text("")
    result = Ssh(server.credentials, server.port).execute("true")
    assert result.code == 255
    assert "Permission denied" in result.output
    # The server writes its line when the client may have ended already.
    poll(lambda: closed(server), 60, 0.05, "sshd's line on the connection that ended")
    assert closed(server) == 1


def test_nothing_is_left_of_a_closed_client(server: Server) -> None:
    """Neither its folder nor its process."""
    guest = Ssh(server.credentials, server.port)
    guest.succeed("true")
    folder = str(guest._folder)
    assert Path(folder, "c").exists()
    guest.close()
    assert not Path(folder).exists()
    assert folder not in output("ps", "-eo", "args")


def test_nothing_of_a_client_is_left_in_a_lab_network(server: Server) -> None:
    """A lab network ends cleanly: the process that keeps a connection runs in its namespace."""
    name = f"d0k-ssh-{os.getpid()}"
    output("ip", "netns", "add", name)
    try:
        output("ip", "-n", name, "link", "set", "lo", "up")
        config = server.folder / "config"
        config.write_text(config.read_text().replace(f"Port {server.port}", "Port 22"))
        argv = ["ip", "netns", "exec", name, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
        with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as inside:
            Ssh(server.credentials, address=ADDRESS, netns=name).wait_for_login()
            kept = set(output("ip", "netns", "pids", name).split())
            close_all()
            left = set(output("ip", "netns", "pids", name).split())
            inside.terminate()
        assert kept - left, "no connection was kept"
        assert left <= {str(inside.pid)}, left
    finally:
        output("ip", "netns", "del", name)
