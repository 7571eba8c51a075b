"""The verbs for a guest: run a command, expect it to succeed or to fail, wait for units and ports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from qa import timeouts
from qa.errors import ScenarioFailed
from qa.vm.polling import poll

INTERVAL = 2.0
"""Seconds between two tries of a command."""


@dataclass(frozen=True)
class CommandResult:
    """The result of a command in the guest; ``output`` holds standard output and standard error."""

    command: str
    code: int
    output: str

    def ok(self) -> str:
        """Return the output of a command that must have succeeded.

        :raises ScenarioFailed: for another exit code than 0, with the output.
        """
        if self.code != 0:
            raise ScenarioFailed(f"in the guest: {self.command}: exit code {self.code}\n{self.output}")
        return self.output


class Guest(ABC):
    """A running system in which commands can be executed as root, by ssh or on the serial console.

    All limits are seconds of machine time (docs/reference/qa.md), stretched by ``DOM0KIT_QA_PATIENCE``.
    """

    @abstractmethod
    def execute(self, command: str, *, limit: float = timeouts.COMMAND) -> CommandResult:
        """Run a shell command as root and return its exit code and output, whatever the exit code is.

        :param limit: seconds of machine time for the command to end.
        :raises MachineStarved: when the emulator got too little processor time to tell.
        :raises ScenarioFailed: when the command does not end within the limit.
        """

    def succeed(self, *commands: str, limit: float = timeouts.COMMAND) -> str:
        """Run commands that must succeed and return their output.

        :param limit: seconds of machine time for each command.
        :raises ScenarioFailed: for the first command whose exit code is not 0.
        """
        return "\n".join(self.execute(command, limit=limit).ok() for command in commands)

    def fail(self, *commands: str, limit: float = timeouts.COMMAND) -> str:
        """Run commands that must fail and return their output.

        :param limit: seconds of machine time for each command.
        :raises ScenarioFailed: for the first command whose exit code is 0.
        """
        outputs = []
        for command in commands:
            result = self.execute(command, limit=limit)
            if result.code == 0:
                raise ScenarioFailed(f"in the guest: {command}: succeeded, a failure was expected\n{result.output}")
            outputs.append(result.output)
        return "\n".join(outputs)

    def wait_until_succeeds(self, command: str, *, limit: float = timeouts.COMMAND) -> str:
        """Run a command until it succeeds and return its output.

        :param limit: seconds of machine time for all tries.
        :raises TimedOut: when it still fails at the limit, with its last output.
        """
        last: list[CommandResult] = []

        def succeeded() -> bool:
            last[:] = [self.execute(command)]
            return last[0].code == 0

        what = f"success of {command!r} in the guest"
        poll(succeeded, what, limit=limit, interval=INTERVAL, evidence=lambda: f"the last output:\n{last[0].output}")
        return last[0].output

    def wait_until_fails(self, command: str, *, limit: float = timeouts.COMMAND) -> str:
        """Run a command until it fails and return its output.

        :param limit: seconds of machine time for all tries.
        :raises TimedOut: when it still succeeds at the limit.
        """
        failed = poll(
            lambda: next((r for r in [self.execute(command)] if r.code != 0), None),
            f"failure of {command!r} in the guest",
            limit=limit,
            interval=INTERVAL,
        )
        return failed.output

    def wait_for_unit(self, unit: str, *, limit: float = timeouts.COMMAND) -> None:
        """Wait until a systemd unit is active.

        :raises ScenarioFailed: when the unit has failed, with its status.
        :raises TimedOut: when it is not active within the limit.
        """
        states: list[str] = []

        def active() -> bool:
            states.append(self.execute(f"systemctl is-active {unit}").output.strip())
            if states[-1] == "failed":
                status = self.execute(f"systemctl status --no-pager -l {unit}").output
                raise ScenarioFailed(f"the unit {unit} failed\n{status}")
            return states[-1] == "active"

        poll(active, f"active unit {unit}", limit=limit, interval=INTERVAL, evidence=lambda: f"it is {states[-1]}")

    def wait_for_open_port(self, port: int, *, limit: float = timeouts.COMMAND) -> None:
        """Wait until a program in the guest listens on a TCP port.

        :raises TimedOut: when none listens within the limit.
        """
        self.wait_until_succeeds(f"ss -Hltn 'sport = :{port}' | grep -q .", limit=limit)

    def wait_for_file(self, path: str, *, limit: float = timeouts.COMMAND) -> None:
        """Wait until a path exists in the guest.

        :raises TimedOut: when it does not exist within the limit.
        """
        self.wait_until_succeeds(f"test -e {path}", limit=limit)

    def wait_for_boot(self, *, limit: float = timeouts.BOOT) -> None:
        """Wait until systemd has no job left; checks for failed units mean little before that.

        :raises TimedOut: when jobs are left at the limit, with their list.
        """
        jobs: list[str] = []

        def complete() -> bool:
            jobs.append(self.succeed("systemctl list-jobs --no-legend --no-pager").replace("No jobs running.", "").strip())
            return not jobs[-1]

        poll(complete, "end of the boot", limit=limit, interval=5, evidence=lambda: f"jobs that are left:\n{jobs[-1]}")
