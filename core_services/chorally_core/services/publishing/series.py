"""Recurring posts: a content that is published again and again by the clock of a time zone, once it was approved.

The record of a series alone says which occurrence comes next, so what is decided about its approval and what goes
out of it exclude each other. An occurrence has the same id whoever makes it, so none is published twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from chorally_core.events import Event, LogAdd, PublicationAdd, PublicationTarget, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import Attached
from chorally_core.ports.colleagues import Colleague
from chorally_core.ports.documents import Document
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.publishing.approval import Approval, NotPossible, Step
from chorally_core.services.publishing.content import hashed
from chorally_core.services.publishing.facts import SERVICE, US, Actor, name_of
from chorally_core.services.publishing.model import Target, told_files
from chorally_core.services.publishing.recurrence import LONGEST, times
from chorally_core.services.publishing.times import instant, wall

SeriesState = Literal["draft", "submitted", "approved", "rejected", "ended", "cancelled"]

LATE = timedelta(hours=1)
"""How late an occurrence may be published, such as after a stop; later than that it is missed."""
MOST_EXCEPTIONS = 1000
"""Occurrences of one series that are skipped or changed."""


class Series(Document, frozen=True, kw_only=True):
    """A post that recurs."""

    kind = "publication_series"
    sparse = ("next_at", "ended_at")
    indexes = (("created_at",), ("state", "created_at"))

    title: str = ""
    body: str = ""
    attachments: tuple[Attached, ...] = ()
    labels: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    rule: str
    """RFC 5545, without ``RRULE:``."""
    starts_at: str
    """The first time by the clock, such as ``2026-12-01T09:00:00``."""
    time_zone: str
    state: SeriesState = "draft"
    authors: tuple[str, ...] = ()
    created_by: str = ""
    created_at: datetime
    approval: Approval = Approval()
    skipped: tuple[str, ...] = ()
    """Times by the clock that are left out."""
    changed: tuple[str, ...] = ()
    """Those that are posts of their own."""
    done: str = ""
    """The last that was published, skipped or missed."""
    published: int = 0
    missed: int = 0
    next_at: datetime | None = None
    """When the next one is due; None unless it is approved."""
    ended_at: datetime | None = None
    """Since when nothing more can come of it."""

    @property
    def key(self) -> str:
        """Ordering key of what is about it."""
        return f"{self.tenant}/{self.targets[0].account_id if self.targets else ''}/{self.id}"

    @property
    def starts(self) -> datetime:
        """The first time by the clock."""
        return datetime.fromisoformat(self.starts_at)

    def occurrence_id(self, local: str) -> str:
        """Return the id of the post that an occurrence becomes: the same for ever."""
        return derived("occurrence", self.id, local)

    def text_for(self, target: Target) -> str:
        """Return what it says on a target."""
        return self.body if target.body is None else target.body

    def files_for(self, target: Target) -> tuple[Attached, ...]:
        """Return the files that go with it on a target."""
        return self.attachments if target.attachments is None else target.attachments

    def content_hash(self) -> str:
        """Return what tells it from any other: texts, files, options, targets, labels, rule and times."""
        return hashed(
            {
                "targets": [
                    [t.account_id, t.channel, self.text_for(t), told_files(self.files_for(t)), t.options]
                    for t in self.targets
                ],
                "labels": sorted(self.labels),
                "recurs": [self.rule, self.starts_at, self.time_zone],
            }
        )

    def to_come(self) -> Iterator[str]:
        """Return the times by the clock behind the last that is done, those that are skipped or changed too."""
        after = datetime.fromisoformat(self.done) if self.done else None
        return (local.isoformat() for local in times(self.rule, self.starts, self.time_zone, after=after))

    def at(self, local: str) -> datetime:
        """Return when an occurrence is, in UTC."""
        return instant(datetime.fromisoformat(local), self.time_zone)

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {
            "title": self.title, "body": self.body[:280], "state": self.state, "rule": self.rule,
            "starts_at": self.starts_at, "time_zone": self.time_zone, "approval": self.approval.shown(),
            "accounts": [target.account_id for target in self.targets], "done": self.done,
        }  # fmt: skip


def add(series: Series, *, steps: Sequence[Step] | None, actor: Actor, at: datetime) -> Change:
    """Return a new series as it is stored; handed in at once where ``steps`` says who is asked."""
    if steps is None:
        return Change((series,), (told("publication_series_drafted", series, actor, at),))
    return submit(series, steps=steps, actor=actor, at=at)


def edit(series: Series, *, content: Mapping[str, Any], steps: Sequence[Step], actor: Actor, at: datetime) -> Change:
    """Return a series with another content; what was handed in, or approved, asks again at once.

    Raises:
        NotPossible: It has ended, or was cancelled.
    """
    if series.state in ("ended", "cancelled"):
        raise NotPossible(f"the series is {series.state}; begin a new one")
    changed = msgspec.structs.replace(series, **content)
    if changed == series:
        return NOTHING
    if changed.content_hash() == series.content_hash():
        return Change((changed,), (told("publication_series_edited", changed, actor, at),))
    asks = series.state in ("submitted", "approved")
    changed = msgspec.structs.replace(
        changed, authors=tuple(dict.fromkeys((*series.authors, name_of(actor)))), state="draft", next_at=None,
        approval=series.approval.ended(),
    )  # fmt: skip
    if not asks:
        return Change((changed,), (told("publication_series_edited", changed, actor, at),))
    return submit(changed, steps=steps, actor=actor, at=at)


def submit(series: Series, *, steps: Sequence[Step], actor: Actor, at: datetime) -> Change:
    """Return a series that is handed in; it begins at once where nobody is asked.

    Raises:
        NotPossible: It is approved, has ended, or was cancelled.
    """
    if series.state not in ("draft", "rejected", "submitted"):
        raise NotPossible(f"the series is {series.state}; only a draft is handed in")
    approval = series.approval.asked(series.content_hash(), steps, name_of(actor), at)
    asked = msgspec.structs.replace(series, state="submitted", approval=approval, next_at=None)
    if approval.is_asked:
        return Change((asked,), (told("publication_series_submitted", asked, actor, at),))
    return _begun(asked, actor, at)


def decide(
    series: Series,
    person: Colleague,
    verdict: Literal["approved", "rejected"],
    *,
    content_hash: str,
    comment: str,
    colleagues: Mapping[str, Colleague],
    at: datetime,
) -> Change:
    """Return a series after somebody decided about it, and so about all its occurrences.

    Raises:
        NotYours: The person may not decide about it.
        NotPossible: It is not asked for, or it is not what the person has seen.
    """
    if series.state != "submitted":
        raise NotPossible(f"the series is {series.state}; nobody is asked to decide")
    if series.content_hash() != content_hash:
        raise NotPossible("the series is not what you have seen; read it again, and decide about its content_hash")
    approval = series.approval.decided(
        content_hash, person, verdict, comment=comment, authors=series.authors, colleagues=colleagues, at=at
    )
    if approval == series.approval:
        return NOTHING
    actor: Actor = ("agent", person.id)
    decided = msgspec.structs.replace(series, approval=approval)
    if verdict == "rejected":
        decided = msgspec.structs.replace(decided, state="rejected")
        return Change((decided,), (told("publication_series_rejected", decided, actor, at),))
    if approval.is_asked:
        return Change((decided,), (told("publication_series_approval_given", decided, actor, at),))
    return _begun(decided, actor, at)


def cancel(series: Series, *, actor: Actor, at: datetime) -> Change:
    """Return a series of which nothing more is published; what is out stays."""
    if series.state == "cancelled":
        return NOTHING
    over = msgspec.structs.replace(
        series, state="cancelled", next_at=None, ended_at=series.ended_at or at, approval=series.approval.ended()
    )  # fmt: skip
    return Change((over,), (told("publication_series_cancelled", over, actor, at),))


def withdraw(series: Series, *, comment: str, actor: Actor, at: datetime) -> Change:
    """Return a series that is a draft again, of which nothing is published until it is approved anew.

    Raises:
        NotPossible: It has ended, or was cancelled.
    """
    if series.state == "draft":
        return NOTHING
    if series.state in ("ended", "cancelled"):
        raise NotPossible(f"the series is {series.state}; it cannot be withdrawn any more")
    noted = series.approval.noted(name_of(actor), "withdrawn", comment, at)
    draft = msgspec.structs.replace(series, state="draft", next_at=None, approval=noted.ended())
    return Change((draft,), (told("publication_series_withdrawn", draft, actor, at),))


def skip(series: Series, local: str, *, skipped: bool, actor: Actor, at: datetime) -> Change:
    """Return a series that leaves an occurrence out, or takes it in again.

    Raises:
        NotPossible: There is no such occurrence to come.
    """
    _to_come(series, local)
    if (local in series.skipped) == skipped:
        return NOTHING
    if local in series.changed:
        raise NotPossible(f"that occurrence is a post of its own; cancel post {series.occurrence_id(local)}")
    rest = tuple(one for one in series.skipped if one != local)
    left = msgspec.structs.replace(series, skipped=(*rest, local) if skipped else rest)
    if len(left.skipped) > MOST_EXCEPTIONS:
        raise NotPossible(f"a series skips {MOST_EXCEPTIONS} occurrences at most; write another rule")
    return Change(
        (left,),
        (told("publication_occurrence_skipped" if skipped else "publication_occurrence_restored", left, actor, at),),
    )


def set_apart(series: Series, local: str, *, actor: Actor, at: datetime) -> Series:
    """Return a series one of whose occurrences becomes a post of its own.

    Raises:
        NotPossible: There is no such occurrence to come, or it is one already.
    """
    _to_come(series, local)
    if local in series.changed:
        raise NotPossible("that occurrence is a post of its own already; change that")
    if len(series.changed) >= MOST_EXCEPTIONS:
        raise NotPossible(f"a series has {MOST_EXCEPTIONS} changed occurrences at most; begin a new one")
    return msgspec.structs.replace(series, changed=(*series.changed, local))


def advance(series: Series, *, at: datetime) -> Change:
    """Return a series that publishes what is due of it; what is too late is missed."""
    if series.next_at is None or series.next_at > at or series.state != "approved":
        return NOTHING
    if not series.approval.holds(series.content_hash()):
        raise RuntimeError(f"series {series.id} is not approved as it is")
    made: list[Event[Any]] = []
    done, missed, coming = series.done, 0, None
    for local in series.to_come():
        due = series.at(local)
        if due > at:
            coming = due
            break
        done = local
        if local in series.skipped or local in series.changed:
            continue
        if at - due > LATE:
            missed += 1
        else:
            made.append(_occurs(series, local, due, at))
    state: SeriesState = "approved" if coming is not None else "ended"
    moved = msgspec.structs.replace(
        series, done=done, missed=series.missed + missed, published=series.published + len(made), next_at=coming,
        state=state, ended_at=None if coming else at,
    )  # fmt: skip
    kinds = [*(["publication_occurrences_missed"] if missed else []), *([] if coming else ["publication_series_ended"])]
    return Change((moved,), (*made, *(told(kind, moved, US, at) for kind in kinds)))


def _begun(series: Series, actor: Actor, at: datetime) -> Change:
    """An approved series, of which nothing before now is published."""
    now = wall(at, series.time_zone).isoformat()
    begun = msgspec.structs.replace(series, state="approved", done=max(series.done, now))
    coming = next(begun.to_come(), None)
    state: SeriesState = "approved" if coming else "ended"
    begun = msgspec.structs.replace(
        begun, next_at=begun.at(coming) if coming else None, state=state, ended_at=None if coming else at
    )
    kinds = ("publication_series_approved", *(() if coming else ("publication_series_ended",)))
    return Change((begun,), tuple(told(kind, begun, actor, at) for kind in kinds))


def _to_come(series: Series, local: str) -> None:
    if series.done and local <= series.done:
        raise NotPossible("that occurrence is over, or on its way")
    wanted, starts = datetime.fromisoformat(local), series.starts
    is_near = starts <= wanted <= starts + LONGEST
    before = wanted - timedelta(seconds=1) if is_near else None
    if not is_near or next(times(series.rule, starts, series.time_zone, after=before), None) != wanted:
        raise NotPossible("the series has no occurrence at that time; see its list of occurrences")


def _occurs(series: Series, local: str, due: datetime, at: datetime) -> Event[PublicationAdd]:
    name = series.occurrence_id(local)
    return Event(
        topic=topics.PUBLICATIONS,
        issuer=SERVICE,
        name="add",
        data=PublicationAdd(
            id=name, series_id=series.id, occurrence=local, publish_at=due, time_zone=series.time_zone,
            title=series.title, labels=series.labels, authors=series.authors, created_by=series.created_by,
            targets=tuple(
                PublicationTarget(
                    account_id=target.account_id, platform=target.platform, channel=target.channel,
                    body=series.text_for(target), attachments=series.files_for(target), options=target.options,
                )
                for target in series.targets
            ),
        ),
        id=derived("occurs", name),
        tenant=series.tenant,
        key=f"{series.key.rpartition('/')[0]}/{name}",
        occurred_at=at,
        caused_by=series.id,
    )  # fmt: skip


def told(what: str, series: Series, actor: Actor, at: datetime) -> Event[LogAdd]:
    """Return a fact about a change of a series, named after the version that it makes."""
    cause = derived(what, series.id, str(series.version + 1))
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=LogAdd(
            kind=what, subject_type="publication_series", subject_id=series.id, version=series.version + 1,
            actor_kind=actor[0], actor_id=actor[1], snapshot=series.snapshot(),
        ),
        id=derived(cause, topics.LOGS, what),
        tenant=series.tenant,
        key=series.key,
        occurred_at=at,
        caused_by=cause,
    )  # fmt: skip
