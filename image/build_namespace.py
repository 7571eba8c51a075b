"""A build in namespaces of its own: whatever ends the builder, nothing that it has started or mounted stays.

diskimage-builder's shells, mmdebstrap and what they start are processes of one PID namespace, whose first process is this
module. When that ends, the kernel kills all others (pid_namespaces(7)); it ends with the builder, even if that is killed
(prctl(2), PR_SET_PDEATHSIG). Mounts are in a mount namespace, which goes with its last process.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence

from dom0kit.errors import UserError
from dom0kit.process import run

NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def command(argv: Sequence[str]) -> list[str]:
    """Return the command that runs ``argv`` in namespaces that end with this process.

    :raises UserError: when this machine does not let root make them.
    """
    probe = run([*NAMESPACES, "true"], check=False)
    if probe.returncode:
        raise UserError(
            f"a build needs PID and mount namespaces: {probe.errors.strip()}",
            "in a container, allow it CAP_SYS_ADMIN and to mount /proc",
        )
    return ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, sys.executable, "-m", "image.build_namespace", *argv]


def first_process(argv: Sequence[str]) -> int:
    """Run a command as the first process of a PID namespace, which inherits all orphans; return its exit code.

    SIGTERM goes to the whole process group: the command ends by it, and this process after the command. It keeps the
    builder's lock, which it has inherited, for as long as it lives.
    """
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.signal(signal.SIGINT, lambda number, frame: None)
    with subprocess.Popen(argv) as child:
        code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(first_process(sys.argv[1:]))
