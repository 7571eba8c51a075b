"""``dom0kit answers render``, ``arm``, ``disarm`` and ``embed``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from answerfiles import yaml_positions
from answerfiles.field_types import digest
from answerfiles.host_naming import described
from answerfiles.inventory import install_markers
from answerfiles.inventory.evaluation import consoles
from answerfiles.inventory.references import References, replaced
from answerfiles.inventory.sources import read_inventory
from answerfiles.lab_server import config
from answerfiles.reader import is_xml, parse_answers, read_text
from answerfiles.secret import secret_paths
from answerfiles.xenserver.convert import convert
from answerfiles.yaml_positions import dotted
from answerfiles.yaml_writer import to_yaml
from dom0kit.arguments.paths import existing_file, existing_folder, output_file, output_folder, path
from dom0kit.errors import UserError
from dom0kit.events import Reporter, TerminalSink
from dom0kit.units import human_bytes
from image.recipe import DEFAULT_RECIPE
from image.signing.signer import Signer, signer_of
from iso import embed_answers as iso_embed
from iso.grub_menu import EMBEDDED_ANSWERS, UNATTENDED
from iso.netboot_menus import parse_url
from pipeline.checksums import SUMS
from pipeline.netboot import image_source, preview, render


def configure_render(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``dom0kit answers render``."""
    parser.add_argument("inventory", type=path, metavar="INVENTORY", help="a YAML file with defaults, groups and hosts")
    parser.add_argument(
        "-o", "--output", type=output_folder, required=True, metavar="DIR", help="the network-boot tree; an older one is replaced"
    )
    parser.add_argument("--url", required=True, metavar="URL", help="where hosts will find DIR, as http://192.0.2.1")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--image", type=path, default=Path("build/image"), metavar="FOLDER", help="default: %(default)s")
    source.add_argument("--iso", type=existing_file, metavar="ISO", help="take the image out of an ISO")
    parser.add_argument(
        "--rearm",
        action="append",
        default=[],
        metavar="HOST",
        help="install this host, also over its own installation; may be given again",
    )
    parser.add_argument(
        "--arm",
        choices=("new", "none"),
        default="new",
        help="new: the next network boot installs the hosts that DIR did not have; none: no host (default: %(default)s)",
    )
    parser.add_argument(
        "--trust", default="", metavar="sha256:HEX", help="the certificate of an https server, as dom0kit answers serve prints it"
    )
    parser.add_argument("--group", metavar="NAME", help="the group that may read answers/ (default: www-data)")
    parser.add_argument(
        "--limit",
        action="append",
        default=[],
        metavar="HOST|GROUP",
        help="render this host, or the hosts of this group, and keep the others as they are; may be given again",
    )
    parser.add_argument(
        "--recipe",
        type=existing_file,
        default=DEFAULT_RECIPE,
        metavar="FILE",
        help="sign SHA256SUMS with the key of this recipe (default: dom0kit's, with the development key when there is one)",
    )
    parser.add_argument("--check", action="store_true", help="check every host with its secrets, and write nothing")
    parser.add_argument(
        "--diff", action="store_true", help="show what changes for which host, without secrets, and write nothing"
    )


def run_render(arguments: argparse.Namespace) -> int:
    """Render, and say what was written."""
    reporter = Reporter("render", [TerminalSink()])
    url = parse_url(arguments.url)
    trust = ""
    if arguments.trust:
        try:
            trust = digest(arguments.trust)
        except ValueError as error:
            raise UserError(f"--trust {arguments.trust} is not sha256: and 64 hexadecimal digits") from error
    with reporter.step("read the inventory"):
        inventory = read_inventory(arguments.inventory)
    image = image_source.from_iso(arguments.iso) if arguments.iso else image_source.from_folder(arguments.image)
    tree = arguments.output.absolute()
    limit = arguments.limit
    if arguments.check or arguments.diff:
        made = preview.preview(inventory, tree, url, reporter, limit=limit, trust=trust, image_id=image.manifest.id)
        if arguments.diff:
            print(made.render())
        print(f"{arguments.inventory}: {made.hosts} host{'s' if made.hosts != 1 else ''} can be rendered; nothing was written")
        return 0
    signer = signer_of(arguments.recipe, make=False)
    result = render.render(
        inventory,
        image,
        tree,
        url,
        reporter,
        rearm=arguments.rearm,
        limit=limit,
        arm_new=arguments.arm == "new",
        trust=trust,
        group=arguments.group,
        sign=partial(sign_sums, signer, reporter) if signer else None,
    )
    print(f"{arguments.output}: {result.hosts} hosts, {result.files} files, image {image.manifest.id}, to be served as {url}")
    print(
        "SHA256SUMS is " + (signer.sentence() if signer else "not signed: there is no key; 'dom0kit iso' makes one, or --recipe")
    )
    print(f"armed, installed by the next network boot: {some_of(result.armed)}")
    if others := {host.name for host in inventory.hosts} - result.armed:
        print(f"not armed, the disk is started: {some_of(others)} (dom0kit answers arm {arguments.output} HOST)")
    return 0


def sign_sums(signer: Signer, reporter: Reporter, data: bytes) -> bytes:
    """Return the signature of a tree's checksums; earlier ones are not kept, because a tree is seldom rendered twice the same."""
    return signer.sign(data, SUMS, None, lambda text: reporter.emit("note", text=f"warning: {text}"))


def some_of(hosts: set[str]) -> str:
    """Return at most five names and the number of the others."""
    names = sorted(hosts)
    return (", ".join(names[:5]) or "no host") + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def configure_arm(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit answers arm`` and ``disarm``."""
    parser.add_argument("tree", type=existing_folder, metavar="DIR", help="a tree that dom0kit answers render made")
    parser.add_argument("hosts", nargs="+", metavar="HOST", help="name of a host in the inventory")


def run_arm(arguments: argparse.Namespace) -> int:
    """Let the next network boot install hosts, also over their own installations."""
    tree, hosts = tree_with(arguments)
    order = install_markers.order_now()
    for host in hosts:
        install_markers.arm(tree, host, order)
        print(f"{host}: armed, the next network boot installs it and erases its disks as its answers say")
    return 0


def run_disarm(arguments: argparse.Namespace) -> int:
    """Let hosts start their disks again."""
    tree, hosts = tree_with(arguments)
    for host in hosts:
        was = install_markers.disarm(tree, host)
        print(f"{host}: {'no longer armed' if was else 'was not armed'}, the next network boot starts its disk")
    return 0


def tree_with(arguments: argparse.Namespace) -> tuple[Path, list[str]]:
    """Return the tree and the hosts of the command line, each once.

    :raises UserError: when the folder is no tree, or has no such host.
    """
    tree: Path = arguments.tree
    known = config.read_hosts(tree)["hosts"]
    install_markers.check_known(arguments.hosts, known, str(tree))
    return tree, list(dict.fromkeys(arguments.hosts))


def configure_embed(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``dom0kit answers embed``."""
    parser.add_argument("iso", type=existing_file, metavar="ISO", help="an ISO made by dom0kit")
    parser.add_argument("file", type=path, metavar="FILE", help="the answers of one host")
    parser.add_argument("-o", "--output", type=output_file, required=True, metavar="NEW.iso", help="the unattended ISO")


def run_embed(arguments: argparse.Namespace) -> int:
    """Check the answers, then make the unattended ISO."""
    reporter = Reporter("embed", [TerminalSink()])
    with reporter.step("check the answers"):
        text, host, console = complete_answers(arguments.file)
    texts = {UNATTENDED: iso_embed.unattended_cfg(host, console), EMBEDDED_ANSWERS: text}
    with reporter.step("copy and verify the ISO"):
        sha256 = iso_embed.embed(arguments.iso, texts, arguments.output)
    size = human_bytes(arguments.output.stat().st_size)
    print(f"{arguments.output}  {size}  installs {host} {iso_embed.COUNTDOWN} seconds after its menu appears\nsha256 {sha256}")
    return 0


def complete_answers(path: Path) -> tuple[str, str, str]:
    """Return a file's answers with all secret references resolved, what it installs, and the kernel's console arguments.

    :raises AnswersError: when they are not valid. :raises UserError: when a reference names nothing.
    """
    text = read_text(path)
    answers = parse_answers(text, str(path))
    if is_xml(text):
        # A plain password in the file stays out of the ISO.
        text = to_yaml(convert(text, str(path)).value)
    references = References(path.parent)
    secrets = [(place, secret) for place, secret in secret_paths(answers) if secret.is_reference]
    if secrets:
        values = yaml_positions.read_document(text).value
        for place, secret in secrets:
            try:
                values = replaced(values, place, references.read(secret.reveal()))
            except UserError as error:
                raise UserError(f"{path}: {dotted(place)}: {error.message}") from error
        text = to_yaml(values)
        answers = parse_answers(text, f"{path} with its secrets")
    return text, described(answers.host_name), consoles(answers)
