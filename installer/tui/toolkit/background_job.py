"""Run work in a background thread, so that screens stay responsive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Job(Generic[T]):
    """Run a function in its own thread, starting immediately.

    An exception is stored and raised by :meth:`result`.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._error: BaseException | None = None
        self._value: list[T] = []
        self._over = threading.Event()
        self._start = time.monotonic()
        # A daemon thread: a command that hangs must not keep the installer from exiting.
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
        """Return whether the function has ended, successfully or not."""
        return self._over.is_set()

    @property
    def seconds(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._start

    def wait(self, seconds: float) -> bool:
        """Wait at most ``seconds`` for the end; return whether the function has ended."""
        return self._over.wait(seconds)

    def result(self) -> T:
        """Return the result of the function; call it only when the job is over.

        :raises BaseException: the exception of the function.
        """
        if self._error is not None:
            raise self._error
        return self._value[0]
