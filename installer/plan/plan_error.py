"""The error of a plan that cannot be made."""

from __future__ import annotations

from dom0kit.errors import UserError


class PlanError(UserError):
    """The answers do not fit the machine; holds all problems."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        if len(problems) == 1:
            text = problems[0]
        else:
            lines = [f"- {problem}" for problem in problems]
            text = "\n".join([f"the installation is not possible for {len(problems)} reasons", *lines])
        super().__init__(text, "run 'dom0kit facts' to see the hardware; no disk was changed")
