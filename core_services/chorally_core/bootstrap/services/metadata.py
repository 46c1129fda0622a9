"""Declares the metadata service."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from chorally_core.api import metadata as api
from chorally_core.api.metadata_parts import Metadata
from chorally_core.bootstrap.service import Around, Service
from chorally_core.bootstrap.services.message import tickets
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.tags import Retags
from chorally_core.services.author.reading_again import reads_again
from chorally_core.services.author.retagging import RetagAuthors
from chorally_core.services.message.retagging import RetagTickets
from chorally_core.services.metadata.retagging import retags


def _api(around: Around) -> FastAPI:
    parts = Metadata(
        documents=around.documents, actions=around.actions, files=around.files, tickets=tickets(around),
        now=around.now, new_id=around.ids,
    )  # fmt: skip
    return api.create_app(around.identity, parts)


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    parts: list[Retags] = [RetagTickets(around.ledger), RetagAuthors(around.ledger)]
    return [retags(around.documents, parts), reads_again(around.ledger)]


SERVICE = Service(name="metadata", api=_api, jobs=_jobs)
