"""Choice between KVM and emulation: boot a kernel once under KVM, and cache the result.

A ``/dev/kvm`` that opens and creates a virtual machine proves nothing: on some nested hosts every ordinary kernel then
hangs. The probe therefore boots a kernel without a root file system under KVM and expects its panic.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import sha256_file, write_json
from dom0kit.process import CommandFailed, run
from qa.vm.qemu_args import cpu_model

KVM = ("-accel", "kvm")
TCG = ("-accel", "tcg,thread=multi")
PROBE_SECONDS = 60.0
PROOF = "Kernel panic - not syncing"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def cache_file() -> Path:
    """Return the path of the cached result."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "dom0kit" / "accelerator.json"


def probe_argv(kernel: Path, log: Path, accelerator: tuple[str, ...]) -> list[str]:
    """Return the command that boots the kernel to its panic, with the serial console in ``log``."""
    return [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35", *accelerator),
        *("-cpu", cpu_model(accelerator)),
        *("-m", "512", "-display", "none", "-no-reboot", "-serial", f"file:{log}"),
        *("-kernel", str(kernel), "-append", "console=ttyS0 panic=-1"),
    ]


def boots(kernel: Path, accelerator: tuple[str, ...], seconds: float = PROBE_SECONDS) -> bool:
    """Return whether the kernel reaches its panic within the limit in seconds."""
    with tempfile.TemporaryDirectory(prefix="dom0kit-probe-") as folder:
        log = Path(folder) / "console"
        try:
            run(probe_argv(kernel, log, accelerator), check=False, timeout=seconds)
        except CommandFailed:
            return False
        return log.exists() and PROOF in log.read_text(errors="replace")


def forced(env: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the accelerator that DOM0KIT_QA_ACCEL (``kvm`` or ``tcg``) selects, None when it is not set.

    :raises UserError: for another value.
    """
    wish = env.get("DOM0KIT_QA_ACCEL", "")
    if wish not in ("", "kvm", "tcg"):
        raise UserError(f"DOM0KIT_QA_ACCEL is {wish!r}; kvm and tcg are allowed", "unset it to probe KVM")
    return {"kvm": KVM, "tcg": TCG}.get(wish)


def accelerator(kernel: Path) -> tuple[str, ...]:
    """Return the arguments for QEMU's command line: KVM when it boots this kernel, emulation otherwise.

    The result is cached until the build machine reboots or the kernel changes.
    """
    wish = forced(os.environ)
    if wish:
        return wish
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return TCG
    key = f"{BOOT_ID.read_text().strip()} {sha256_file(kernel)}"
    cache = cache_file()
    try:
        known = json.loads(cache.read_text())
    except (OSError, ValueError):
        known = {}
    if known.get("key") != key:
        known = {"key": key, "kvm": boots(kernel, KVM)}
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_json(cache, known)
    return KVM if known["kvm"] else TCG
