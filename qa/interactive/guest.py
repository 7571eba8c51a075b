"""The verbs for a guest at the Python prompt; each waits or fails with an explanation."""

from __future__ import annotations

from collections.abc import Callable

from qa import timeouts
from qa.failure import ScenarioFailed
from qa.vm.machine_time import Deadline
from qa.vm.serial_console import Answer

Run = Callable[[str], Answer]


class Guest:
    """A guest as one way of running commands in it shows it.

    :param run: such as :meth:`qa.vm.serial_console.Console.run` or :meth:`qa.guest.ssh_access.Ssh.run`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def succeed(self, *commands: str) -> str:
        """Return the output of commands that must succeed.

        :raises ScenarioFailed: for the first one that does not.
        """
        return "\n".join(self._run(command).ok() for command in commands)

    def fail(self, *commands: str) -> str:
        """Return the output of commands that must fail.

        :raises ScenarioFailed: for the first one that succeeds.
        """
        outputs = []
        for command in commands:
            answer = self._run(command)
            if answer.code == 0:
                raise ScenarioFailed(f"in the guest: {command}: succeeded\n{answer.output}")
            outputs.append(answer.output)
        return "\n".join(outputs)

    def wait_until_succeeds(self, command: str, *, limit: float = timeouts.COMMAND, pause: str = "sleep 2") -> str:
        """Run a command until it succeeds; return its output.

        :param limit: seconds of machine time.
        :param pause: the command between two tries, in the guest, so that the guest's lines are drained.
        :raises ScenarioFailed: past the limit.
        """
        deadline = Deadline(limit)
        while (answer := self._run(command)).code != 0:
            deadline.check(f"in the guest: {command}: still fails after {deadline.describe()}\n{answer.output}")
            self._run(pause)
        return answer.output

    def wait_for_unit(self, unit: str, *, limit: float = timeouts.COMMAND) -> None:
        """Wait until a unit is active.

        :raises ScenarioFailed: when it has failed, with its status, or past the limit in seconds of machine time.
        """
        deadline = Deadline(limit)
        while (state := self._run(f"systemctl is-active {unit}").output.strip()) != "active":
            if state == "failed":
                status = self._run(f"systemctl status --no-pager -l {unit}").output
                raise ScenarioFailed(f"the unit {unit} failed\n{status}")
            deadline.check(f"the unit {unit} is {state} after {deadline.describe()}")
            self._run("sleep 2")

    def wait_for_open_port(self, port: int, *, limit: float = timeouts.COMMAND) -> None:
        """Wait until something listens on a TCP port in the guest.

        :raises ScenarioFailed: past the limit in seconds of machine time.
        """
        self.wait_until_succeeds(f"ss -Hltn 'sport = :{port}' | grep -q .", limit=limit)
