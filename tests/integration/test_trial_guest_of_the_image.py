"""The guest of the self-test, made of what the real image has."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from live_root import SQUASHFS
from loop_devices import output

from dom0kit.linux import cpio
from dom0kit.process import Result, run
from pool import trial_guest
from pool.host_access import LocalHost

pytestmark = pytest.mark.kernel("image")


class InImage:
    """Run ldd with the image's own libraries, and everything else on this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, argv: Sequence[str | os.PathLike[str]], /, **options: Any) -> Result:
        """Run a command."""
        if argv[0] == "ldd":
            argv = ["chroot", self.root, "ldd", f"/{Path(argv[1]).relative_to(self.root)}"]
        return run(argv, **options)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LocalHost]:
    """Mount the image read-only with a folder for what the host writes."""
    root, made = tmp_path / "root", tmp_path / "made"
    (made / "upper").mkdir(parents=True)
    (made / "work").mkdir()
    (made / "image").mkdir()
    root.mkdir()
    output("mount", "-o", "ro,loop", SQUASHFS, made / "image")
    output("mount", "-t", "overlay", "-o", f"lowerdir={made}/image,upperdir={made}/upper,workdir={made}/work", "test", root)
    try:
        yield LocalHost(root, InImage(root))
    finally:
        output("umount", root)
        output("umount", made / "image")


def test_the_images_own_modules_are_in_the_guest_as_the_kernel_takes_them(host: LocalHost) -> None:
    (release,) = os.listdir(host.path("usr/lib/modules"))
    found = cpio.read(gzip.decompress(trial_guest.build(host, release).read_bytes()))
    names = [name for name in found if name.startswith("modules/")]
    assert len(names) == len(trial_guest.MODULES)
    assert all(found[name].startswith(b"\x7fELF") for name in names)
