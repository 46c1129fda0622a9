"""Learns who a tenant's authors and users are when it gets its first rule.

Facts about authors are kept for tenants that have rules only, so that nobody else pays for it. What was told before is
made up for by one job, which goes through the authors there are.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents, Key, Write
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.job_kinds import Context, JobKind, NoArguments, Outcome
from chorally_core.ports.jobs import Job, queued
from chorally_core.services.rule_engine.model import Person
from chorally_core.services.rule_engine.names import SERVICE
from chorally_core.services.rule_engine.sharing.model import Crew

JOB = "rule-engine/people"
"""Name of the job."""


class Known(NamedTuple):
    """An author as the author service knows them."""

    id: str
    version: int
    snapshot: dict[str, Any]
    blocked: bool


class Member(NamedTuple):
    """A user as the identity service knows them."""

    id: str
    version: int
    team_ids: tuple[str, ...]
    disabled: bool


Users = Callable[[str, str], Awaitable[Sequence[Member]]]
"""Returns a page of a tenant's users behind one of these ids; nothing at the end."""

Authors = Callable[[str, str], Awaitable[Sequence[Known]]]
"""Returns a page of a tenant's authors behind one of these ids; nothing at the end."""


def learning(tenant: str, at: datetime) -> Job:
    """Return the job that learns a tenant's authors; the same however often it is asked for."""
    return queued(JOB, SERVICE, tenant, {}, at, job_id=derived("job", JOB, tenant))


def learns_people(documents: Documents, authors: Authors, users: Users, actions: Actions) -> JobKind[NoArguments]:
    """Return the job's kind.

    Args:
        documents: Where people are kept.
        authors: Who wrote to the tenant.
        users: Who works for it.
        actions: Keeps who is in which team.
    """

    async def run(_: NoArguments, context: Context) -> Outcome:
        last = ""
        while members := await users(context.tenant, last):
            await actions.act([Key.by_id(Crew, context.tenant)], partial(_joined, context.tenant, members))
            last = members[-1].id
        learned, after = context.kept.get("learned", 0), context.kept.get("after", "")
        while page := await authors(context.tenant, after):
            keys = {known.id: Key.by_id(Person, known.id) for known in page}
            there = await documents.load(list(keys.values()))
            for known in page:
                person = there.get(keys[known.id])
                await _learn(documents, context.tenant, known, person if isinstance(person, Person) else None)
            learned, after = learned + len(page), page[-1].id
            await context.progress(learned, keep={"learned": learned, "after": after})
        return {"learned": learned}

    return JobKind(name=JOB, service=SERVICE, arguments=NoArguments, run=run)


def _joined(tenant: str, members: Sequence[Member], found: Found) -> Change:
    """Who is in which team, with these users."""
    known = found.get(Crew, tenant)
    crew = known or Crew(id=tenant, tenant=tenant)
    for member in members:
        crew = crew.with_user(member.id, member.version, member.team_ids, gone=member.disabled)
    return NOTHING if crew is known else Change((crew,))


async def _learn(documents: Documents, tenant: str, known: Known, person: Person | None) -> None:
    """Store who somebody is, unless a fact has told it meanwhile.

    Raises:
        Conflict: One tells it just now; the job is tried again.
    """
    if person is not None and person.author_version >= known.version:
        return
    anew = (person or Person(id=known.id, tenant=tenant)).told(known.version, known.snapshot)
    anew = msgspec.structs.replace(anew, blocked=known.blocked, version=anew.version + 1)
    await documents.write([Write(anew, anew.version - 1)])
