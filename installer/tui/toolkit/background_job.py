"""Work in the background, so that no screen blocks for more than a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Job(Generic[T]):
    """A function that runs in a thread of its own; it starts at once.

    What it raises is kept, and raised by :meth:`result`.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._value: list[T] = []
        self._over = threading.Event()
        self._start = time.monotonic()
        # A daemon: a command that hangs must not keep the installer from ending.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value.append(self._function())
        except BaseException as error:
            self._error = error
        finally:
            self._over.set()

    @property
    def over(self) -> bool:
        """Whether it has come to its end, a good one or a bad one."""
        return self._over.is_set()

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most this long; whether it came."""
        return self._over.wait(seconds)

    def result(self) -> T:
        """What the function returned; call it when the job is over.

        :raises BaseException: what the function raised.
        """
        if self._error is not None:
            raise self._error
        return self._value[0]
