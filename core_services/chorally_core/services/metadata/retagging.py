"""Gives what is tagged the name that a tag has now, after it was renamed or merged into another.

Everything is gone through twice: at once, and a little later for what was written just then by somebody who had not
seen the new name. The name is looked up at each step, so that of two renamings at once neither brings an old name back.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Conflict, Documents
from chorally_core.ports.job_kinds import Context, JobKind, Later, Outcome
from chorally_core.ports.jobs import Actor as Asker
from chorally_core.ports.jobs import Job, queued
from chorally_core.ports.tags import Retagged, Retags, TagSet
from chorally_core.services.metadata.facts import SERVICE, Actor

JOB = "metadata/retag"
"""Name of the job."""
_ROUNDS = 2
_AGAIN_AFTER = timedelta(minutes=1)
_TRIES = 8


class Retag(msgspec.Struct, frozen=True):
    """Arguments of the job."""

    name: str
    """What the tag was called."""
    cause: str
    at: datetime


def job_of(cause: str) -> str:
    """Return the id of the job that a request to rename or merge leads to."""
    return derived("job", JOB, cause)


def renaming(tenant: str, name: str, actor: Actor, at: datetime, cause: str) -> Job:
    """Return the job that takes a former name off everything; the same for the same request."""
    arguments = msgspec.to_builtins(Retag(name, cause, at))
    return queued(JOB, SERVICE, tenant, arguments, at, created_by=Asker(*actor), job_id=job_of(cause))


def retags(documents: Documents, parts: Sequence[Retags]) -> JobKind[Retag]:
    """Return the job's kind.

    Args:
        documents: Where the tags are.
        parts: What is tagged, each gone through in this order.
    """

    async def run(arguments: Retag, context: Context) -> Outcome:
        tenant, kept = context.tenant, dict(context.kept)
        if "total" not in kept:
            kept["total"] = sum([await part.count(tenant, arguments.name) for part in parts])
        changed, begun = kept.get("changed", 0), kept.get("round", 1)
        for number in range(kept.get("part", 0), len(parts)):
            place: str | None = kept.get("place", "") if number == kept.get("part", 0) else ""
            while place is not None:
                step = await _step(parts[number], arguments, tenant, place)
                changed, place = changed + step.changed, step.place
                kept |= {"part": number, "place": place or "", "changed": changed}
                await context.progress(changed, max(kept["total"], changed), parts[number].name, keep=kept)
        if begun < _ROUNDS:
            kept |= {"round": begun + 1, "part": 0, "place": ""}
            await context.progress(changed, max(kept["total"], changed), "once more", keep=kept)
            return Later(context.now() + _AGAIN_AFTER)
        return {"changed": changed}

    async def _step(part: Retags, arguments: Retag, tenant: str, place: str) -> Retagged:
        for attempt in range(_TRIES):
            tags = await documents.get(TagSet, tenant)
            tag = None if tags is None else tags.called(arguments.name)
            if tag is None or tag.name == arguments.name:
                return Retagged(0, None)
            try:
                return await part.step(
                    tenant, arguments.name, tag.name, place, cause=arguments.cause, at=arguments.at
                )  # fmt: skip
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    return JobKind(name=JOB, service=SERVICE, arguments=Retag, run=run)
