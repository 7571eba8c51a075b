"""The description of a first-boot step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from firstboot.host import Host
from firstboot.retry import Backoff

DEFAULT_BACKOFF = Backoff()


@dataclass(frozen=True)
class Step:
    """A first-boot step.

    :param function: performs the step, and raises when it fails: :class:`firstboot.retry.NoRetry`
        when a retry is useless until an administrator has fixed the cause. It does nothing that is
        done already, and may be interrupted at any moment.
    :param needs: the steps that must have succeeded before.
    :param answers: the parts of ``host.json`` that it depends on; when they change it runs again.
    :param early: logins and SSH wait for its first try.
    :param always: it runs once in every boot, and again when a step that it needs ran.
    :param retry: automatic retries; None: only by command or at the next boot.
    :param erase_after: paths in ``host.json``, such as ``pool.join.token``, that are masked once
        the step is done. They do not count among ``answers``. The step reads them by
        ``host.secret(path)``, which is None afterwards: when it runs again, it must detect that
        nothing is left to do.
    :param ignored_secrets: secrets of other steps among its ``answers``; they do not count either,
        because they are masked after it ran.
    :param kept: whether its record is carried to another image of the host (:mod:`upgrade.state`): its results are in files
        that are carried as well, and may have been changed by hand since, as root's password. Other steps run again there.
    """

    name: str
    function: Callable[[Host], None]
    needs: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    early: bool = False
    always: bool = False
    retry: Backoff | None = DEFAULT_BACKOFF
    erase_after: tuple[str, ...] = ()
    ignored_secrets: tuple[str, ...] = ()
    kept: bool = False

    @property
    def excluded_secrets(self) -> tuple[str, ...]:
        """Paths in ``host.json`` that the step does not depend on, although it depends on their parents."""
        return (*self.erase_after, *self.ignored_secrets)
