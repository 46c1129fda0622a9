"""Sends what lists have, a few at a time: each step is claimed before it is taken, so a kill costs time and no limit.

Whose turn it is is a document; asking for their message changes it, and the message's id is theirs for ever. So nobody
gets two, however often processes end.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import structlog

from chorally_core.events.records import Templated
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.going_out import Judge, Wanted
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.reaching import NotReached, Reached, Reaching, Way
from chorally_core.ports.storable import shown
from chorally_core.ports.variables import filled, unknown_in
from chorally_core.services.outbound import consents, mailings
from chorally_core.services.outbound.commands import Said, send, skip
from chorally_core.services.outbound.model import Mailing, Opening, OutboundSettings

log = structlog.get_logger(__name__)

_STEP = 500
_EVERY_S = 5.0  # seconds of a list's limit that are sent at once
_PER_MINUTE = 60
_AHEAD = 200  # messages of a list that may be on their way, behind which others of the account wait
_ON_THE_WAY = ("asked", "queued", "sending")


class Sending:
    """Takes the lists' steps that are due."""

    def __init__(
        self, documents: Documents, actions: Actions, reaching: Reaching, judge: Judge, now: Callable[[], datetime]
    ) -> None:
        self._documents = documents
        self._actions = actions
        self._reaching = reaching
        self._judge = judge
        self._now = now

    async def due(self) -> int:
        """Take one step of each list that is due; return how many messages were dealt with."""
        done = 0
        query = Query(Mailing, None, (Condition("next_at", "<=", self._now()),), limit=_STEP)
        for mailing in await self._documents.find(query):
            try:
                done += await self._step(mailing)
            except Exception as error:  # it holds up no other list, and is tried again in the next round
                log.error("a list could not go on", mailing_id=mailing.id, exc_info=error)
        return done

    async def _step(self, mailing: Mailing) -> int:
        if mailing.state == "cancelled":
            return await self._give_up(mailing)
        settings = await self._documents.get(OutboundSettings, mailing.tenant)
        most = mailing.per_minute or (settings.per_minute if settings is not None else _PER_MINUTE)
        count = max(1, round(most * _EVERY_S / 60))
        claimed = await self._claimed(mailing, self._now() + timedelta(seconds=60 * count / most))
        if claimed is None:
            return 0
        if not (waiting := await self._waiting(mailing, count)):
            await self._change(mailing, lambda current: mailings.finish(current, self._now()))
            return 0
        del waiting[max(0, min(count, _AHEAD) - await self._on_the_way(mailing)) :]
        way = await self._reaching.way(mailing.tenant, mailing.account_id, mailing.channel)
        for opening in waiting:
            await self._send(mailing, opening, way)
        return len(waiting)

    async def _claimed(self, mailing: Mailing, following: datetime) -> Mailing | None:
        """The list with the time of its next step; None where somebody else has taken this one."""
        now = self._now()

        def decide(current: Mailing) -> Change:
            if current.state != "running" or current.next_at is None or current.next_at > now:
                return NOTHING
            return mailings.later(current, following)

        change = await self._change(mailing, decide)
        return mailing if change.writes else None

    async def _waiting(self, mailing: Mailing, count: int) -> list[Opening]:
        where = (Condition("waits_in", "is", mailing.id),)
        found: list[Opening] = await self._documents.find(Query(Opening, mailing.tenant, where, limit=count))
        return found

    async def _on_the_way(self, mailing: Mailing) -> int:
        where = (Condition("mailing_id", "is", mailing.id), Condition("state", "in", _ON_THE_WAY))
        return await self._documents.count(Query(Opening, mailing.tenant, where))

    async def _send(self, mailing: Mailing, opening: Opening, way: Way | NotReached) -> None:
        reached = way if isinstance(way, NotReached) else way.to(opening.to)
        since = None
        if isinstance(reached, Reached) and reached.window_s is not None and mailing.template is None:
            since = await self._reaching.last_said(mailing.tenant, reached.author_id)
        keys = [
            Key.by_id(Opening, opening.id), Key.by_id(Mailing, mailing.id),
            *consents.keys(opening.tenant, opening.author_id or "", opening.channel),
        ]  # fmt: skip
        try:
            await self._actions.act(keys, partial(self._decide, opening.id, mailing.id, reached, since))
        except Exception as error:
            log.error("somebody on a list could not be written to", opening_id=opening.id, exc_info=error)
            why = f"it could not be asked for: {shown(error)}"
            await self._actions.act(keys[:1], partial(_skipped, opening.id, why, self._now()))

    def _decide(
        self, name: str, mailing_id: str, reached: Reached | NotReached, since: datetime | None, found: Found
    ) -> Change:
        opening, mailing, at = found.get(Opening, name), found.get(Mailing, mailing_id), self._now()
        if opening is None or mailing is None or mailing.state != "running" or opening.state != "waiting":
            return NOTHING
        if isinstance(reached, NotReached):
            return skip(opening, reached.why, at)
        if why := consents.why_not(found, opening.tenant, reached.author_id, opening.channel):
            return skip(opening, why, at)
        if why := closed(reached, since, mailing.template is not None, at):
            return skip(opening, why, at)
        said = written(mailing, opening)
        no = self._judge(
            Wanted(mailing.channel, "send", said.body, said.attachments, said.template is not None, said.options)
        )
        if no is not None:
            return skip(opening, no.why, at)
        return send(opening, reached, said, actor=("agent", mailing.created_by), at=at)

    async def _give_up(self, mailing: Mailing) -> int:
        waiting = await self._waiting(mailing, _STEP)
        for opening in waiting:
            await self._actions.act([Key.by_id(Opening, opening.id)], partial(_cancelled, opening.id, self._now()))
        if len(waiting) < _STEP:
            await self._change(mailing, lambda current: mailings.later(current, None))
        return len(waiting)

    async def _change(self, mailing: Mailing, decide: Callable[[Mailing], Change]) -> Change:
        def change(found: Found) -> Change:
            current = found.get(Mailing, mailing.id)
            return NOTHING if current is None else decide(current)

        return await self._actions.act([Key.by_id(Mailing, mailing.id)], change)


def closed(reached: Reached, since: datetime | None, has_template: bool, at: datetime) -> str:
    """Say why no text of our own may be sent now; empty where one may."""
    if reached.window_s is None or has_template:
        return ""
    if since is None:
        return "the person has not written to us, and the platform takes nothing before; use a template"
    if at - since > timedelta(seconds=reached.window_s):
        return "the platform takes texts only for a while after the person wrote; use a template"
    return ""


def written(mailing: Mailing, opening: Opening) -> Said:
    """Return what somebody on a list is sent, with the variables filled."""
    values = {"name": opening.name, **opening.values}
    template = mailing.template
    if template is not None:
        said = tuple(filled(value, values) for value in template.values)
        template = Templated(name=template.name, language=template.language, values=said)
    options = {name: filled(value, values) if isinstance(value, str) else value
               for name, value in mailing.options.items()}  # fmt: skip
    return Said(filled(mailing.body, values), mailing.attachments, template, options)


def lacking(mailing: Mailing, name: str, values: Mapping[str, str]) -> list[str]:
    """Return the variables of a list's texts that somebody has no value for, and that stand without another text."""
    known = {key for key, value in {"name": name, **values}.items() if value}
    missing = {each for text in texts_of(mailing) for each in unknown_in(text, known)}
    return sorted(each for each in missing if any(_bare(each, text) for text in texts_of(mailing)))


def texts_of(mailing: Mailing) -> Iterable[str]:
    """Yield all texts of a list in which variables may stand."""
    yield mailing.body
    yield from mailing.template.values if mailing.template is not None else ()
    yield from (value for value in mailing.options.values() if isinstance(value, str))


def _bare(name: str, text: str) -> bool:
    """Whether a variable stands without a bar."""
    return re.search(r"\{\{\s*" + re.escape(name) + r"\s*\}\}", text) is not None


def _skipped(name: str, why: str, at: datetime, found: Found) -> Change:
    opening = found.get(Opening, name)
    return NOTHING if opening is None else skip(opening, why, at)


def _cancelled(name: str, at: datetime, found: Found) -> Change:
    opening: Any = found.get(Opening, name)
    if opening is None or opening.state != "waiting":
        return NOTHING
    return Change((msgspec.structs.replace(opening, state="cancelled", waits_in=None, values={}, changed_at=at),))
