"""Kinds of jobs: what a service declares, and what a job's function sees while it runs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from chorally_core.ports.schedules import Schedule

A = TypeVar("A", bound=msgspec.Struct)


class NoArguments(msgspec.Struct, frozen=True):
    """The arguments of a job that needs none."""


class Later(NamedTuple):
    """What a function returns that is to be called again, with what it has kept."""

    at: datetime


class WillNeverWork(Exception):
    """A job cannot succeed however often it is tried; it is dead at once. The message is for people."""


class Interrupted(Exception):
    """A job shall end now; its function lets this pass."""


class JobCancelled(Interrupted):
    """Somebody has cancelled the job."""


class LeaseLost(Interrupted):
    """Another process may run the job by now; nothing more of it can be stored here."""


class Stopping(Interrupted):
    """The process ends; the job goes on elsewhere from what it has kept."""


class Context(Protocol):
    """What a job's function is given besides its arguments."""

    @property
    def tenant(self) -> str:
        """For whom; empty for work of the installation."""

    @property
    def job_id(self) -> str:
        """The job's id."""

    @property
    def kept(self) -> Mapping[str, Any]:
        """What an earlier run of the job kept; empty at first."""

    def now(self) -> datetime:
        """Return the time."""

    def check(self) -> None:
        """Return where the job may go on; it costs nothing.

        Raises:
            Interrupted: It shall end.
        """

    async def progress(
        self, done: int, total: int | None = None, note: str = "", *, keep: Mapping[str, Any] | None = None
    ) -> None:
        """Tell how far the job has come, and ``check``.

        Args:
            done: How much is done.
            total: Of how much, where that is known.
            note: What it is at, for people.
            keep: What the next run shall know if this one does not come to its end. It is stored before this
                returns; the rest is stored now and then.

        Raises:
            Interrupted: The job shall end.
        """


Outcome = Mapping[str, Any] | Later | None
"""What a function returns: a result as JSON, or when to be called again."""


@dataclass(frozen=True, kw_only=True)
class JobKind(Generic[A]):
    """One kind of job, as its service declares it."""

    name: str
    """Stays the same for ever: jobs that are stored bear it."""
    service: str
    """Issuer of its facts, such as ``io-service``."""
    arguments: type[A]
    run: Callable[[A, Context], Awaitable[Outcome]]
    """Does it. It may be begun again after any of its steps; an exception has it tried again."""
    attempts: int = 5
    """Runs without anything new kept, after which it is dead."""
    first_wait_s: float = 10.0
    """Seconds before the second attempt; each later wait is twice the one before."""
    most_wait_s: float = 3600.0
    schedule: Schedule | None = None
    """Where there is one, one job of the kind exists for the installation, and is queued again by itself."""

    def wait_s(self, attempts: int) -> float:
        """Return the seconds before the next attempt after so many."""
        return float(min(self.most_wait_s, self.first_wait_s * 2.0 ** min(attempts - 1, 30)))
