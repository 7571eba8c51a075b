"""Finds in diskimage-builder's output what went wrong: its last lines are always the clean-up."""

from __future__ import annotations

import re
from collections import deque

LINES = 8
_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ \| ?")
_NOISE = re.compile(
    r"^(Unmount |umount: |INFO diskimage_builder|dib-run-parts |\+\+? |ERROR: (failed to umount|unable to cleanly)|@dom0kit "
    r"|Building in |\*\*\* )"
)
_HOOK = re.compile(r"dib-run-parts Running \S*?/([a-z-]+\.d/[\w.-]+)$")
_DONE = re.compile(r"dib-run-parts (\S+) completed")


class Diagnosis:
    """Follows the output line by line and remembers the hook under way and its last words."""

    def __init__(self) -> None:
        self.hook = ""
        self._tail: deque[str] = deque(maxlen=LINES)

    def __call__(self, line: str) -> None:
        """Take one line, with or without diskimage-builder's time stamp."""
        text = _STAMP.sub("", line).rstrip()
        if match := _HOOK.search(text):
            self.hook = match[1]
            self._tail.clear()
        elif _DONE.search(text):
            self.hook = ""
        elif text and not _NOISE.match(text):
            self._tail.append(text)

    def sentence(self) -> str:
        """Return the step that failed and the last lines of its output, indented."""
        what = f"the element hook {self.hook} failed" if self.hook else "diskimage-builder failed"
        return "\n".join([f"{what}:", *(f"    {line}" for line in self._tail)])
