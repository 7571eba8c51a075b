"""``dom0kit answers render``: an inventory and an image become the network-boot tree of docs/reference/files.md."""

from __future__ import annotations

import grp
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answerfiles.inventory import install_markers
from answerfiles.inventory.inventory import Inventory
from answerfiles.inventory.render import Rendered, Site, load_key, render_hosts
from dom0kit.errors import UserError
from dom0kit.events import Reporter, Step
from dom0kit.fs import sha256_file, sync_folder
from iso import netboot_menus
from pipeline.atomic_swap import swap
from pipeline.checksums import SUMS, SUMS_SIGNATURE, render_sums
from pipeline.netboot.image_source import Image
from pipeline.netboot.tree_hosts import chosen_hosts, description, kept_hosts, link_hosts

ANSWERS_MODE = 0o640
ANSWERS_FOLDER = 0o750
"""Answers hold password hashes and tokens: only root and the web server's group can read them."""
WEB_GROUP = "www-data"
Sign = Callable[[bytes], bytes]
"""Return the signature of data."""


@dataclass(frozen=True)
class Result:
    """A written tree: the number of hosts and files, and the hosts that the next network boot installs."""

    hosts: int
    files: int
    armed: set[str]


@dataclass
class Writer:
    """Writes small files below a folder and keeps their checksums.

    :param old: the tree that is replaced: a file that is the same there is linked, which neither takes space nor time to write.
    """

    folder: Path
    group: int
    old: Path
    sums: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a new file; syncfs(2) writes it to the disk with the others before the folder gets its name."""
        data = text.encode()
        self.sums[name] = hashlib.sha256(data).hexdigest()
        if self._is_same(name, data, mode):
            os.link(self.old / name, self.folder / name)
            return
        fd = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.fchmod(fd, mode)
            if mode == ANSWERS_MODE:
                os.fchown(fd, -1, self.group)
            os.write(fd, data)
        finally:
            os.close(fd)

    def link(self, first: str, name: str) -> None:
        """Give a file that was written a second name."""
        os.link(self.folder / first, self.folder / name)
        self.sums[name] = self.sums[first]

    def _is_same(self, name: str, data: bytes, mode: int) -> bool:
        """Return whether the old tree has a file of this content, mode and group."""
        try:
            fd = os.open(self.old / name, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            status = os.fstat(fd)
            group = self.group if mode == ANSWERS_MODE else status.st_gid
            if (status.st_mode, status.st_size, status.st_gid) != (stat.S_IFREG | mode, len(data), group):
                return False
            return status.st_uid == os.geteuid() and os.read(fd, len(data) + 1) == data
        finally:
            os.close(fd)


def key_path(tree: Path) -> Path:
    """Return the path of the key for a tree's report tokens: next to the tree, never in it."""
    return tree.with_name(tree.name + ".key")


def web_group(name: str | None) -> int:
    """Return the group that may read the answers: the web server's.

    :raises UserError: when it does not exist.
    """
    try:
        return grp.getgrnam(name or WEB_GROUP).gr_gid
    except KeyError:
        if name:
            raise UserError(f"there is no group {name}", "give the group that the web server runs as") from None
        return os.getgid()


def render(
    inventory: Inventory,
    image: Image,
    tree: Path,
    url: str,
    reporter: Reporter,
    *,
    rearm: Sequence[str] = (),
    arm_new: bool = True,
    limit: Sequence[str] = (),
    trust: str = "",
    group: str | None = None,
    sign: Sign | None = None,
) -> Result:
    """Write a new tree next to the old one, then exchange their names.

    :param rearm: hosts to install again; others that the old tree has stay armed or not armed.
    :param arm_new: arm the hosts that the old tree does not have.
    :param sign: signs ``SHA256SUMS``.
    :param limit: hosts and groups to render; of the others the old tree's files are kept. All hosts when it is empty.
    :raises UserError: when a host is wrong, the image is damaged, or the place is not the tree's to take; nothing was written.
    """
    check_place(tree)
    before = hosts_before(tree)
    chosen = chosen_hosts(inventory, limit)
    kept = kept_hosts(inventory, tree, chosen, url) if chosen is not None else {}
    known = {host.name for host in inventory.hosts} if chosen is None else {*chosen, *kept}
    install_markers.check_known(rearm, known, f"--rearm: the inventory {inventory.path}{' with --limit' if limit else ''}")
    web = web_group(group)
    with reporter.step("check every host") as step:
        hosts = render_hosts(inventory, Site(url, load_key(key_path(tree)), trust), step.progress, chosen=chosen)
    shutil.rmtree(staging := tree.with_name(f".{tree.name}.{os.getpid()}.new"), ignore_errors=True)
    try:
        writer = new_folders(staging, web, tree)
        with reporter.step("copy and verify the image") as step:
            writer.sums.update(image.write(staging, old=tree, step=step))
        with reporter.step("write every host's files") as step:
            described = netboot_menus.Tree(url, image.manifest.id, image.manifest.title, trust)
            write_hosts(writer, described, hosts, step)
            for name in link_hosts(tree, staging, kept):
                writer.sums[name] = sha256_file(staging / name)
            write_common(writer, described, hosts, kept, sign)
        with reporter.step("make it durable and give it its name"):
            arm(staging, rearm, known - before if arm_new else set())
            keep_armed(tree, staging, (known & before) - set(rearm))
            os.sync()
            replaced = swap(staging, tree)
            if replaced:
                # What was armed, or has begun to install, between the first look and the exchange.
                keep_armed(staging, tree, (known & before) - set(rearm))
            sync_folder(tree.parent)
        if replaced:
            with reporter.step("remove the old tree"):
                shutil.rmtree(staging)
    except OSError as error:
        raise UserError(f"{tree} cannot be written: {error.strerror}", "look at free space and permissions") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Result(len(hosts) + len(kept), len(writer.sums), install_markers.armed_hosts(tree))


def new_folders(staging: Path, web: int, old: Path) -> Writer:
    """Make the folders of a new tree."""
    for folder in ("", "boot", "boot/hosts", "boot/x86_64-efi", "answers", "images", install_markers.FOLDER):
        (staging / folder).mkdir()
        (staging / folder).chmod(ANSWERS_FOLDER if folder == "answers" else 0o755)
    os.chown(staging / "answers", -1, web)
    return Writer(staging, web, old)


def check_place(tree: Path) -> None:
    """Only a tree of ours is replaced, never a folder that merely has its name.

    :raises UserError: when the place is something else.
    """
    if not tree.parent.is_dir():
        raise UserError(f"the folder {tree.parent} does not exist", "make it, or choose another -o")
    if not tree.exists():
        return
    if not tree.is_dir() or tree.is_symlink():
        raise UserError(f"{tree} is not a folder", "choose another -o")
    if any(tree.iterdir()) and not (tree / "hosts.json").is_file():
        raise UserError(f"{tree} is no network-boot tree: it has other files and no hosts.json", "choose another -o")


def hosts_before(tree: Path) -> set[str]:
    """Return the hosts of the tree that will be replaced; none for a new tree.

    :raises UserError: when it does not say, or is a tree of the old scheme.
    """
    install_markers.refuse_old_tree(tree)
    path = tree / "hosts.json"
    if not path.exists():
        return set()
    try:
        return set(dict(json.loads(path.read_text())["hosts"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is damaged: it does not say which hosts the tree has, so that all would count as new and be installed",
            f"move {tree} away, render it again with --arm none, then: dom0kit answers arm {tree} HOST",
        ) from error


def arm(tree: Path, explicitly: Sequence[str], new: set[str]) -> None:
    """Arm hosts: by an explicit order, and those that are new to the tree."""
    order = install_markers.order_now()
    for host in sorted(new | set(explicitly)):
        install_markers.arm(tree, host, order if host in explicitly else install_markers.NEW)


def keep_armed(source: Path, target: Path, hosts: set[str]) -> None:
    """Make each host armed in the target as it is in the source, with the same order."""
    armed = install_markers.armed_hosts(source)
    for host in sorted(hosts):
        if host not in armed:
            install_markers.disarm(target, host)
            continue
        for name in install_markers.armed_files(host, install_markers.NEW):
            with suppress(FileExistsError, FileNotFoundError):
                os.link(source / install_markers.FOLDER / name, target / install_markers.FOLDER / name)


def write_hosts(writer: Writer, tree: netboot_menus.Tree, hosts: list[Rendered], step: Step) -> None:
    """Write each host's answers, under every name that the machine may ask for, and its boot files."""
    for count, rendered in enumerate(hosts, 1):
        name = rendered.host.name
        writer.write(f"answers/{name}.yaml", rendered.answers, ANSWERS_MODE)
        arguments = netboot_menus.host_arguments(
            tree, rendered.path, report=rendered.report, consoles=rendered.consoles, extra=rendered.boot_arguments
        )
        first, *others = netboot_menus.host_names(rendered.host.identities())
        writer.write(f"boot/hosts/{first}.cfg", netboot_menus.host_cfg(name, arguments))
        writer.write(f"boot/hosts/{first}.ipxe", netboot_menus.host_ipxe(name, arguments))
        for alias in others:
            for kind in ("cfg", "ipxe"):
                writer.link(f"boot/hosts/{first}.{kind}", f"boot/hosts/{alias}.{kind}")
        for alias in (first, *others):
            os.symlink(f"{name}.yaml", writer.folder / f"answers/{alias}.yaml")
        os.symlink(f"{name}.yaml", writer.folder / f"answers/{rendered.path}")
        if count % 100 == 0:
            step.progress(count / len(hosts), f"{count} of {len(hosts)} hosts")


def write_common(
    writer: Writer, tree: netboot_menus.Tree, hosts: list[Rendered], kept: dict[str, Any], sign: Sign | None = None
) -> None:
    """Write the files that all hosts share, and the lists of hosts."""
    writer.write("grub.cfg", netboot_menus.TOP_CFG)
    for name, text in netboot_menus.NO_MODULES.items():
        writer.write(name, text)
    writer.write("boot/grub.cfg", netboot_menus.grub_cfg(tree))
    writer.write("boot/boot.ipxe", netboot_menus.boot_ipxe(tree))
    listing = {rendered.host.name: dict(description(rendered)) for rendered in hosts} | kept
    whole = {"format": 1, "url": tree.url, "image": tree.id, "title": tree.title, "hosts": listing}
    # These name every host and the paths of all answers: they are for the servers, which do not serve them.
    writer.write("hosts.json", json.dumps(whole, indent=1) + "\n", ANSWERS_MODE)
    sums = render_sums(writer.sums)
    writer.write(SUMS, sums, ANSWERS_MODE)
    if sign:
        writer.write(SUMS_SIGNATURE, sign(sums.encode()).decode(), ANSWERS_MODE)
