"""What is done with lists: made, filled, started, paused, resumed, cancelled. Pure decisions."""

from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.outbound.facts import US, Actor, about_mailing
from chorally_core.services.outbound.model import Mailing, MailingState

MOST_RECIPIENTS = 10_000
"""People that a list may have."""


class NotPossible(Exception):
    """The list's state does not allow this; the message says what to do."""


def add(mailing: Mailing, known: Mailing | None, actor: Actor, at: datetime) -> Change:
    """Return a new list; nothing where it is there already."""
    if known is not None:
        return NOTHING
    return Change((mailing,), (about_mailing("mailing_added", mailing, actor, at, derived("add", mailing.id)),))


def counted(mailing: Mailing, recipients: int, actor: Actor, at: datetime) -> Change:
    """Return a list with the number of people that it has.

    Where it was started, or ended, while they were added, they are taken like the others.
    """
    if mailing.recipients == recipients:
        return NOTHING
    changed = msgspec.structs.replace(mailing, recipients=recipients)
    if mailing.state == "done":
        changed = msgspec.structs.replace(changed, state="running", ended_at=None)
    if mailing.state in ("done", "cancelled"):
        changed = msgspec.structs.replace(changed, next_at=at)
    cause = derived("counted", mailing.id, str(mailing.version))
    return Change((changed,), (about_mailing("mailing_recipients_added", changed, actor, at, cause),))


def start(mailing: Mailing, *, actor: Actor, at: datetime, starts_at: datetime | None = None) -> Change:
    """Return a list whose messages go out from now on, or from a time; nothing where they do.

    Raises:
        NotPossible: It is empty, or over.
    """
    if mailing.state == "running":
        return NOTHING
    if mailing.state != "draft":
        raise NotPossible(f"the list is {mailing.state}; only a draft is started, and a paused one resumed")
    if not mailing.recipients:
        raise NotPossible("the list has no recipients; add some first")
    at_first = max(at, starts_at or at)
    return _became(mailing, "running", "mailing_started", actor, at, started_at=at, next_at=at_first)


def pause(mailing: Mailing, *, actor: Actor, at: datetime) -> Change:
    """Return a list of which nothing more goes out until it is resumed; nothing where it is so.

    Raises:
        NotPossible: It is not running.
    """
    if mailing.state == "paused":
        return NOTHING
    if mailing.state != "running":
        raise NotPossible(f"the list is {mailing.state}; only one that runs is paused")
    return _became(mailing, "paused", "mailing_paused", actor, at, next_at=None)


def resume(mailing: Mailing, *, actor: Actor, at: datetime) -> Change:
    """Return a paused list as it goes on; nothing where it does.

    Raises:
        NotPossible: It is not paused.
    """
    if mailing.state == "running":
        return NOTHING
    if mailing.state != "paused":
        raise NotPossible(f"the list is {mailing.state}; only one that is paused is resumed")
    return _became(mailing, "running", "mailing_resumed", actor, at, next_at=at)


def cancel(mailing: Mailing, *, actor: Actor, at: datetime) -> Change:
    """Return a list of which nothing more goes out; nothing where it was cancelled.

    Raises:
        NotPossible: Everything went out.
    """
    if mailing.state == "cancelled":
        return NOTHING
    if mailing.state == "done":
        raise NotPossible("the list is done; what went out cannot be taken back")
    return _became(mailing, "cancelled", "mailing_cancelled", actor, at, next_at=at, ended_at=at)


def later(mailing: Mailing, at: datetime | None) -> Change:
    """Return a list with the time of its next step; nothing where somebody changed what becomes of it."""
    return Change((msgspec.structs.replace(mailing, next_at=at),))


def finish(mailing: Mailing, at: datetime) -> Change:
    """Return a list of which everything was asked for."""
    if mailing.state != "running":
        return NOTHING
    return _became(mailing, "done", "mailing_finished", US, at, next_at=None, ended_at=at)


def _became(mailing: Mailing, state: MailingState, what: str, actor: Actor, at: datetime, **changes: Any) -> Change:
    changed = msgspec.structs.replace(mailing, state=state, **changes)
    cause = derived(what, mailing.id, str(mailing.version))
    return Change((changed,), (about_mailing(what, changed, actor, at, cause),))
