"""Declares the rule engine's service."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from fastapi import FastAPI

from chorally_core.api import rule_engine as api
from chorally_core.api import rule_engine_runs as runs_api
from chorally_core.bootstrap.people import authors_of, users_of
from chorally_core.bootstrap.service import Around, Reads, Round, Service
from chorally_core.bootstrap.tickets import tickets_of
from chorally_core.ports.documents import Condition
from chorally_core.ports.job_kinds import JobKind
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.rule_engine import handlers
from chorally_core.services.rule_engine.engine import Engine, Offers
from chorally_core.services.rule_engine.erasure import EraseDeferred, EraseExecutions
from chorally_core.services.rule_engine.later.learning import learns_tickets
from chorally_core.services.rule_engine.later.timing import tell_due
from chorally_core.services.rule_engine.model import Execution
from chorally_core.services.rule_engine.people import learns_people
from chorally_core.services.rule_engine.plugged import Plugged

_TELLING_S = 2.0
_TRACES = 1.0  # days


def _plugged(around: Around) -> Plugged:
    return Plugged(tuple(around.registry.rule_actions.actions.values()))


def _offers(around: Around) -> Offers:
    """Whether the answers of a channel take an option, as its connector's manifest says."""

    @cache
    def options() -> dict[str, frozenset[str]]:
        return {
            channel.name: frozenset(channel.actions["reply"].options)
            for connector in around.io.directory.connectors.values()
            for channel in connector.manifest.channels
            if "reply" in channel.actions
        }

    return lambda channel, option: option in options().get(channel, ())


def _api(around: Around) -> FastAPI:
    parts = api.RuleEngine(
        documents=around.documents, actions=around.actions, now=around.now, new_id=around.ids, plugged=_plugged(around),
        broken=around.registry.rule_actions.broken, offers=_offers(around),
    )  # fmt: skip
    return api.create_app(
        around.identity,
        runs_api.runs_router(parts),
        api.rules_router(parts),
        runs_api.executions_router(parts),
        runs_api.schema_router(parts),
    )


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    async def kept() -> list[Kept]:
        """What rules did goes with the history that they did it on; why they did nothing, the next day."""
        return [
            Kept(Execution, "id", around.settings.retention_days.logs, around.own("logs")),
            Kept(Execution, "id", _TRACES, {}, (Condition("fired", "is", False),)),
        ]

    documents = around.documents
    return [
        retention("rule-engine/retention", "rule-engine-service", kept, around.ledger),
        learns_people(documents, authors_of(documents), users_of(documents), around.actions),
        learns_tickets(documents, around.actions, tickets_of(documents)),
    ]


SERVICE = Service(
    name="rule-engine",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.handlers(Engine(_plugged(around), _offers(around)))),
    jobs=_jobs,
    rounds=lambda around: [
        Round("rule-engine/due", partial(tell_due, around.documents, around.actions, around.now), _TELLING_S)
    ],
    erases=lambda around: [EraseExecutions(around.ledger), EraseDeferred(around.ledger)],
)
