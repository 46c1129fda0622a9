"""A grant as it is kept, and what may become of it, as pure functions.

``generation`` is the fencing token: it grows by one with each grant that is stored, and what a renewal brings is
stored only over the generation that it used up. ``attempt`` is the journal: it is stored before the platform is
asked, so that whoever comes after a crash knows that an answer may have been lost.
"""

from datetime import datetime, timedelta

from pydantic import AwareDatetime

from chorally_sdk.model.accounts import Grant
from chorally_sdk.model.base import Secretive

UNKNOWN_LIFE = timedelta(hours=1)
WARNED = timedelta(days=14)
"""How long before a consent ends a person is asked for another one, where it is known that early."""
_LONGEST_LEAD = timedelta(days=7)
_SAME_END = timedelta(minutes=5)  # two ends that are counted from the answers' times differ by this at most
_SHORTEST_PAUSE = timedelta(seconds=1)
_FIRST_PAUSE = timedelta(seconds=5)
_LONGEST_PAUSE = timedelta(minutes=15)


class Kept(Secretive):
    """A grant with what is known of its renewal."""

    grant: Grant | None = None
    """None where nothing was issued yet (client credentials)."""
    generation: int = 0
    stored_at: AwareDatetime | None = None
    attempt: str = ""
    """Who is asking the platform, or was when it was killed; empty where nobody is."""
    attempt_at: AwareDatetime | None = None
    refused: str = ""
    """Why the platform refuses it; a person must consent again."""
    wait_until: AwareDatetime | None = None
    """Before this nobody asks again: the platform was not reached, or said so."""
    failures: int = 0
    trouble: str = ""
    """What went wrong last, for whoever runs the system."""
    throttled: bool = False
    is_final: bool = False
    """Whether a renewal has shown that it does not make the refresh token live longer."""
    version: int = 0
    """The store's own, for its compare-and-swap."""

    def is_usable(self, now: datetime) -> bool:
        """Whether the access token has not ended."""
        ends = self.grant.expires_at if self.grant else None
        return self.grant is not None and not self.refused and (ends is None or now < ends)

    def lead(self) -> timedelta:
        """Return how long before its end a token is renewed: a tenth of its life, seven days at most.

        One without a refresh token, and with which the consent ends, is used to its end: nothing renews it.
        """
        ends = self.grant.expires_at if self.grant else None
        if self.grant is None or ends is None:
            return timedelta(0)
        if self.grant.refresh is None and self.grant.refresh_expires_at == ends:
            return timedelta(0)
        life = max(ends - self.stored_at, timedelta(0)) if self.stored_at else UNKNOWN_LIFE
        return min(life / 10, _LONGEST_LEAD)

    def due_at(self, jitter: float) -> datetime | None:
        """Return when it is to be renewed; ``jitter`` of 0 to 1 spreads that over half the lead. None for never."""
        ends = self.grant.expires_at if self.grant else None
        return None if ends is None else ends - self.lead() * (1 + jitter / 2)

    def ends_for_good_at(self) -> datetime | None:
        """Return when the consent ends whatever is renewed; None where renewals may go on, or nothing is known.

        That is when the refresh token ends, if a renewal does not put that off, or if it ends before the next one.
        """
        ends = self.grant.refresh_expires_at if self.grant and not self.refused else None
        due_at = self.due_at(0.0)
        if ends is None or due_at is None:
            return None
        return ends if self.is_final or ends <= due_at else None

    def warns_at(self) -> datetime | None:
        """Return from when on a person is to be asked for another consent; None where none ends for good."""
        ends = self.ends_for_good_at()
        return None if ends is None else ends - WARNED

    def held_up(self, now: datetime) -> timedelta | None:
        """Return how long the platform is to be left alone; None where it may be asked."""
        if self.wait_until is None or self.wait_until <= now:
            return None
        return self.wait_until - now

    def left_alone(self, now: datetime, settles: timedelta) -> timedelta | None:
        """Return how long another's attempt may still be under way; None where there is none, or it is over."""
        if not self.attempt or self.attempt_at is None or self.attempt_at + settles <= now:
            return None
        return min(self.attempt_at + settles - now, settles)

    def begun(self, attempt: str, now: datetime) -> "Kept":
        """Return it as it must be stored before the platform is asked."""
        return self.model_copy(update={"attempt": attempt, "attempt_at": now})

    def renewed(self, generation: int, grant: Grant, now: datetime) -> "Kept | None":
        """Return it with the grant that a renewal of this generation brought; None where that comes too late."""
        if self.generation != generation:
            return None
        before, after = (each.refresh_expires_at if each else None for each in (self.grant, grant))
        is_final = before is not None and after is not None and after <= before + _SAME_END
        return self.replaced(grant, now).model_copy(update={"is_final": is_final})

    def replaced(self, grant: Grant, now: datetime) -> "Kept":
        """Return it with another grant, and everything well again."""
        return Kept(grant=grant, generation=self.generation + 1, stored_at=now, version=self.version)

    def is_refused(self, generation: int, attempt: str, why: str) -> "Kept | None":
        """Return it as refused by the platform; None where another attempt or another grant has taken its place."""
        if not self._is_of(generation, attempt):
            return None
        return self.model_copy(update={**_OVER, "refused": why or "refused", "trouble": why})

    def put_off(
        self, generation: int, attempt: str, why: str, wait: timedelta | None, now: datetime, *, throttled: bool = False
    ) -> "Kept | None":
        """Return it to be renewed later, after ``wait`` or a little longer each time; None as in ``is_refused``."""
        if not self._is_of(generation, attempt):
            return None
        pause = wait if wait is not None else min(_FIRST_PAUSE * 2 ** min(self.failures, 10), _LONGEST_PAUSE)
        told = {"failures": self.failures + 1, "trouble": why, "throttled": throttled}
        return self.model_copy(update={**_OVER, **told, "wait_until": now + max(pause, _SHORTEST_PAUSE)})

    def _is_of(self, generation: int, attempt: str) -> bool:
        return (self.generation, self.attempt) == (generation, attempt)


_OVER = {"attempt": "", "attempt_at": None}
