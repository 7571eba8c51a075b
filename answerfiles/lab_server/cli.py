"""``dom0kit answers serve``: checks everything, starts the servers, prints what happens, stops them."""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from answerfiles.inventory.render import load_key
from answerfiles.lab_server import config as labs
from answerfiles.lab_server import log_watcher, server_configs
from answerfiles.lab_server.config import Lab
from answerfiles.lab_server.log_rotation import rotate
from answerfiles.lab_server.receiver_http import UnixServer, handler
from answerfiles.lab_server.report_receiver import Receiver
from dom0kit.arguments.paths import existing_folder, output_folder
from dom0kit.arguments.values import http_url, port
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.process import environment, run
from dom0kit.untrusted.text import printable

POLL = 0.3
"""Interval at which `dom0kit answers serve` looks at its logs.

Kind: pace. Reason: people watch the output. Expiry: the next look.
"""
PATIENCE = 60
"""Let dnsmasq and nginx end after SIGTERM.

Kind: cap. Reason: both end at once unless the machine is starved. Expiry: the server is killed.
"""
PROGRAMS = {"dnsmasq": "dnsmasq-base", "nginx": "nginx-light", "setpriv": "util-linux", "ip": "iproute2", "openssl": "openssl"}
LONGEST_LINE = 1000
DNSMASQ_NEEDS = "+net_admin,+net_raw,+net_bind_service"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``dom0kit answers serve``."""
    parser.add_argument("tree", type=existing_folder, metavar="DIR", help="a tree that dom0kit answers render made")
    parser.add_argument("--interface", metavar="IF", help="the network card or bridge of the lab")
    parser.add_argument(
        "--dhcp",
        default="proxy",
        metavar="proxy|FIRST,LAST",
        help="proxy: in addition to another DHCP server; or the range to assign (default: proxy)",
    )
    parser.add_argument("--port", type=port, metavar="N", help="HTTP port (default: the URL's, or 80)")
    parser.add_argument("--https", action="store_true", help="also HTTPS, with a certificate of its own")
    parser.add_argument("--https-port", type=port, metavar="N", help="HTTPS port (default: the URL's, or 443)")
    parser.add_argument(
        "--make-certificate", action="store_true", help="make the certificate, print what render --trust wants, and end"
    )
    parser.add_argument(
        "--ipv6", metavar="PREFIX", help="advertise this /64 and serve DHCPv6; its address ::1 must be on the interface"
    )
    parser.add_argument(
        "--answers-url",
        type=http_url,
        metavar="URL",
        help="DHCP option 224; {mac}, {uuid} and {serial} are filled in by hosts",
    )
    parser.add_argument("--no-ipxe", action="store_true", help="send GRUB to iPXE clients as well")
    parser.add_argument("--no-tftp", action="store_true", help="no TFTP and no PXE: UEFI HTTP boot and iPXE alone")
    parser.add_argument(
        "--run", type=output_folder, metavar="FOLDER", help="settings, logs, reports, certificate (default: DIR.serve)"
    )


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; SIGINT stays ignored when it was at the start, as a shell has it for a script's ``&``.

    :raises UserError: before anything is started, when it cannot work; afterwards when a server exits unexpectedly.
    """
    tree = arguments.tree.absolute()
    folder: Path = (arguments.run or tree.with_name(tree.name + ".serve")).absolute()
    if arguments.make_certificate:
        make_folder(folder)
        print(f"sha256:{certificate(folder)}")
        return 0
    for program, package in PROGRAMS.items():
        if shutil.which(program, path=environment()["PATH"]) is None:
            raise UserError(f"the program {program} is not installed", f"apt-get install {package}")
    whole = labs.read_hosts(tree)
    lab = describe(arguments, tree, folder, str(whole["url"]))
    check(lab)
    make_folder(folder)
    key = load_key(tree.with_name(tree.name + ".key"))
    if lab.https_port:
        print(f"the certificate: dom0kit.trust=sha256:{certificate(folder)}")
    names = log_watcher.Names(whole["hosts"], tree)
    print(
        f"{len(whole['hosts'])} hosts, {lab.url} on {lab.interface}; reports and logs are in {folder}; Ctrl-C or SIGTERM stops",
        flush=True,
    )
    if lab.first is None and lab.tftp:
        print("with proxy DHCP, BIOS machines start only by iPXE: GRUB for BIOS does not see what a proxy says", flush=True)
    with ExitStack() as stack:
        leases = folder / "leases" if lab.first is not None else None
        strangers, requests = log_watcher.Quota(), log_watcher.Quota()

        def tell(host: str, event: dict[str, Any]) -> None:
            line = log_watcher.event_line(host, event)
            say(line if event.get("proven") else strangers(line))

        receiver = Receiver(tree, folder / "reports", key, tell, leases)
        stack.enter_context(receiving(lab, receiver))
        tails = [
            (log_watcher.Tail(folder / "dnsmasq.log"), log_watcher.dnsmasq_line),
            (log_watcher.Tail(folder / "access.log"), lambda line, names: requests(log_watcher.access_line(line, names))),
        ]
        children = {name: start(stack, name, argv, folder) for name, argv in commands(lab).items()}
        with suppress(KeyboardInterrupt):
            while True:
                time.sleep(POLL)
                for tail, explain in tails:
                    for line in tail.lines():
                        say(explain(line, names))
                    tail.rotate()
                rotate(folder / "nginx.log")
                for name, child in children.items():
                    if child.poll() is not None:
                        log = folder / f"{name}.log"
                        last = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
                        raise UserError(
                            f"{name} exited unexpectedly with code {child.returncode}:\n{last}", f"see the whole log: {log}"
                        )
    print("stopped")
    return 0


def describe(arguments: argparse.Namespace, tree: Path, folder: Path, url: str) -> Lab:
    """Return the lab's configuration from the arguments, the tree's URL and the interface.

    :raises UserError: when they do not fit together.
    """
    if not arguments.interface:
        raise UserError("--interface is needed", "the card or bridge that the hosts are on; ip -br address lists them")
    parts = urlsplit(url)
    shown = run(["ip", "-j", "address", "show", "dev", arguments.interface], check=False)
    if shown.returncode:
        raise UserError(f"there is no interface {arguments.interface}", "ip -br link lists them")
    network = labs.interface_network(shown.output, arguments.interface, parts.hostname or "")
    chosen = labs.dhcp_range(arguments.dhcp, network)
    secure = parts.scheme == "https"
    try:
        prefix = ipaddress.IPv6Network(arguments.ipv6) if arguments.ipv6 else None
    except ValueError as error:
        raise UserError(f"--ipv6 {arguments.ipv6} is no prefix: {error}", "write it as fd00:1234::/64") from error
    return Lab(
        tree=tree,
        run=folder,
        interface=arguments.interface,
        url=url,
        network=network,
        first=chosen[0] if chosen else None,
        last=chosen[1] if chosen else None,
        ipv6=prefix,
        answers_url=arguments.answers_url or "",
        ipxe=not arguments.no_ipxe,
        tftp=not arguments.no_tftp,
        port=arguments.port or (80 if secure else parts.port or 80),
        https_port=(arguments.https_port or (parts.port if secure else None) or 443) if arguments.https or secure else None,
    )


def check(lab: Lab) -> None:
    """Everything that would make a server fail later.

    :raises UserError: naming the first obstacle.
    """
    if os.geteuid() != 0:
        raise UserError("DHCP, TFTP and port 80 need root, and this is not root", "run it again with sudo")
    for path in (lab.tree, lab.run):
        if any(c in str(path) for c in " \"'{};$,"):
            raise UserError(f"{path} has a character that nginx or dnsmasq would misread", "choose a plain path")
    modes = [(folder, stat.S_IMODE(folder.stat().st_mode)) for folder in (lab.tree, *lab.tree.parents)]
    if problem := labs.readable_problem(lab.tree, modes):
        raise UserError(problem, "render the tree somewhere below /srv")
    for protocol, number, purpose in labs.ports(lab):
        kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as probe:
            if protocol == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((lab.address, number))
            except OSError as error:
                raise UserError(
                    f"{protocol} port {number} of {lab.address}, for {purpose}, cannot be used: {error.strerror}",
                    f"ss -lnp 'sport = {number}' shows who has it",
                ) from error


def make_folder(folder: Path) -> None:
    """Create the run folder; nginx's workers may pass through it to the socket and list nothing."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    reports = folder / "reports"
    reports.mkdir(exist_ok=True)
    reports.chmod(0o700)


def certificate(folder: Path) -> str:
    """Return the SHA-256 of the server's certificate, which is created on first use and kept."""
    crt, key = folder / "tls.crt", folder / "tls.key"
    if not crt.exists() or not key.exists():
        old = os.umask(0o077)
        try:
            words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650"]
            run(["openssl", *words, "-subj", f"/CN={socket.gethostname()}", "-keyout", key, "-out", crt])
        finally:
            os.umask(old)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(crt.read_text())).hexdigest()


def commands(lab: Lab) -> dict[str, list[str]]:
    """Write the settings, and give each server's command. With its parent dies each: ``setpriv --pdeathsig``.

    dnsmasq would lose that by giving up root itself (prctl(2)): it is started as nobody, with the rights that it needs.
    """
    write_atomic(lab.run / "dnsmasq.conf", server_configs.dnsmasq_conf(lab))
    write_atomic(lab.run / "nginx.conf", server_configs.nginx_conf(lab))
    # Requests name hosts and their answers; nginx itself would create it for everybody to read.
    access = lab.run / "access.log"
    access.touch(0o600)
    access.chmod(0o600)
    leases = lab.run / "leases"
    leases.touch()
    shutil.chown(leases, "nobody", "nogroup")
    rights = ["--inh-caps", DNSMASQ_NEEDS, "--ambient-caps", DNSMASQ_NEEDS, "--bounding-set", f"-all,{DNSMASQ_NEEDS}"]
    user = ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    dnsmasq = ["dnsmasq", "--keep-in-foreground", "--log-facility=-", f"--conf-file={lab.run}/dnsmasq.conf"]
    return {
        "dnsmasq": ["setpriv", "--pdeathsig", "TERM", *user, *rights, *dnsmasq],
        "nginx": ["setpriv", "--pdeathsig", "TERM", "nginx", "-c", str(lab.run / "nginx.conf"), "-e", str(lab.run / "nginx.log")],
    }


def start(stack: ExitStack, name: str, argv: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a server whose output goes to its log; the stack ends it."""
    log = stack.enter_context((folder / f"{name}.log").open("ab"))
    # A session of its own: Ctrl-C reaches only this program, which then ends them in order.
    child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(), start_new_session=True)
    stack.callback(end, child)
    return child


def end(child: subprocess.Popen[bytes]) -> None:
    """Wait until a server exits, and terminate it after the grace period."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class receiving:  # noqa: N801
    """The receiver's server, within a block, on the lab's socket."""

    def __init__(self, lab: Lab, receiver: Receiver) -> None:
        self.path = lab.socket
        self.path.unlink(missing_ok=True)
        try:
            self.server = UnixServer(str(self.path), handler(receiver))
        except OSError as error:
            raise UserError(
                f"the socket {self.path} cannot be made: {error.strerror}", "choose a shorter --run, at most 100 characters"
            ) from error
        shutil.chown(self.path, "root", server_configs.WEB_USER)
        self.path.chmod(0o660)

    def __enter__(self) -> None:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __exit__(self, *_: Any) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.path.unlink(missing_ok=True)


def say(line: str | None) -> None:
    """Print one line with the time; what strangers sent cannot control the terminal or begin a line."""
    if line:
        print(f"{time.strftime('%H:%M:%S')}  {printable(line, LONGEST_LINE)}", file=sys.stdout, flush=True)
