"""Draws the thumbnails of pictures that were uploaded: a job for each, so that no upload waits for it."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from chorally_core.ports.documents import Conflict
from chorally_core.ports.files import File
from chorally_core.ports.job_kinds import Context, JobKind, Outcome
from chorally_core.ports.jobs import Job, queued
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import Objects
from chorally_core.ports.pictures import Pictures, Undrawable
from chorally_core.services.media.facts import SERVICE

NAME = "media/thumbnail"
"""The job's kind."""

_TRIES = 8


class Draw(msgspec.Struct, frozen=True):
    """Draw the thumbnail of one file."""

    file_id: str


def asked(file: File, now: datetime) -> Job | None:
    """Return the job that draws a file's thumbnail; None where it is no picture."""
    if file.shape != "image":
        return None
    return queued(NAME, SERVICE, file.tenant, {"file_id": file.id}, now, file.id, key=file.id)


def drawing(ledger: Ledger, objects: Objects, pictures: Pictures) -> JobKind[Draw]:
    """Return the job: it draws, stores, and notes in the file's record that there is a thumbnail."""

    async def noted(file_id: str, what: Callable[[File], File]) -> None:
        for _ in range(_TRIES):
            file = await ledger.documents.get(File, file_id)
            if file is None:
                return
            try:
                await ledger.commit(Work([Step.of([what(file)])]))
            except Conflict:
                continue
            return
        raise RuntimeError("others keep changing the record of the file")

    async def run(arguments: Draw, context: Context) -> Outcome:
        file = await ledger.documents.get(File, arguments.file_id)
        if file is None or file.tenant != context.tenant or file.thumbnail != "waiting":
            return {"drawn": False, "why": "nothing waits for it any more"}
        why = ""
        try:
            drawn = await pictures.thumbnail(objects.pieces(file.tenant, file.place))
            await objects.put(file.tenant, file.thumbnail_place, drawn)
        except (Undrawable, LookupError) as error:
            why = str(error)
        state = "none" if why else "made"
        await noted(file.id, lambda known: msgspec.structs.replace(known, thumbnail=state))
        if await ledger.documents.get(File, file.id) is None:  # removed meanwhile
            await objects.delete(file.tenant, file.thumbnail_place)
        return {"drawn": not why, "why": why}

    return JobKind(name=NAME, service=SERVICE, arguments=Draw, run=run)
