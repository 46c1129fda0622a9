"""What is served over HTTP: the routes of the chosen services, webhooks, and what operators ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

import chorally_sdk as sdk
from chorally_core import asyncapi
from chorally_core.api import app as api_app
from chorally_core.api import author as author_api
from chorally_core.api import identity as identity_api
from chorally_core.api import io as io_api
from chorally_core.api import log as log_api
from chorally_core.api import media as media_api
from chorally_core.api import message as message_api
from chorally_core.api import publishing as publishing_api
from chorally_core.api import rule_engine as rule_engine_api
from chorally_core.api import rule_engine_runs
from chorally_core.api.callbacks import Callbacks
from chorally_core.api.files_named import Files
from chorally_core.api.identity_users import LocalUsers
from chorally_core.api.problem import Problem
from chorally_core.api.webhooks import Webhooks
from chorally_core.bootstrap.copies import MIB, downloading, has_room
from chorally_core.bootstrap.parts import Parts, Role
from chorally_core.bootstrap.readiness import Readiness
from chorally_core.bootstrap.stores import Stores
from chorally_core.bootstrap.texts import Texts
from chorally_core.bootstrap.trust import Trust
from chorally_core.runner import Actions
from chorally_core.services.identity import Passwords, SignIn
from chorally_core.services.io.service import IoService
from chorally_core.services.log.feed import Feed
from chorally_core.services.media.uploads import Uploads
from chorally_core.settings import Settings, days
from chorally_sdk.plugins import Registry

_FOR_OPERATORS = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What all routes stand on."""

    parts: Parts
    settings: Settings
    stores: Stores
    trust: Trust
    io: IoService
    feed: Feed
    actions: Actions
    registry: Registry
    now: Callable[[], datetime]
    ids: Callable[[], str]

    def services(self) -> dict[str, FastAPI]:
        """Return the applications of the services whose API the process is, by name."""
        made: dict[str, Callable[[], FastAPI]] = {
            "identity": self._identity,
            "io": self._io,
            "author": self._author,
            "message": self._message,
            "log": self._log,
            "rule-engine": self._rule_engine,
            "publishing": self._publishing,
            "media": self._media,
        }
        services = {name: made[name]() for name in self.parts.of(Role.API)}
        for app in services.values():
            app.state.coordination = self.stores.coordination
            app.state.tenant_rate = self.settings.tenant_rate
        return services

    def _identity(self) -> FastAPI:
        documents, passwords = self.stores.ledger.documents, Passwords()
        users = LocalUsers(
            documents=documents,
            actions=self.actions,
            sign_in=SignIn(documents=documents, actions=self.actions, passwords=passwords, clock=self.now),
            passwords=passwords,
            standing=self.trust.standing,
            tokens=self.trust.issuer,
            clock=self.now,
            ids=self.ids,
        )
        return identity_api.create_app(self.trust.identity, users)

    def _io(self) -> FastAPI:
        reading = downloading(self.settings, self.stores.ledger, self.stores.objects, self.io, now=self.now)
        parts = io_api.Io(self.io, self.stores.ledger, self.registry, self.now, self.ids, downloading=reading)
        return io_api.create_app(self.trust.identity, parts)

    def _author(self) -> FastAPI:
        authors = author_api.Authors(self.stores.ledger.documents, self.actions, self.now, self.ids)
        return author_api.create_app(self.trust.identity, authors)

    @property
    def _texts(self) -> Texts:
        return Texts(self.io.directory)

    @property
    def _files(self) -> Files:
        return Files(lambda tenant: days(self.settings, tenant, "files"))

    def _publishing(self) -> FastAPI:
        parts = publishing_api.Publishing(
            documents=self.stores.ledger.documents, actions=self.actions, judge=self._texts.judge, files=self._files,
            platform_of=self._texts.platform_of, now=self.now, new_id=self.ids,
        )  # fmt: skip
        return publishing_api.create_app(self.trust.identity, parts)

    def _rule_engine(self) -> FastAPI:
        parts = rule_engine_api.RuleEngine(
            documents=self.stores.ledger.documents, actions=self.actions, now=self.now, new_id=self.ids
        )
        return rule_engine_api.create_app(
            self.trust.identity,
            rule_engine_runs.runs_router(parts),
            rule_engine_api.rules_router(parts),
            rule_engine_runs.executions_router(parts),
            rule_engine_runs.schema_router(),
        )

    def _media(self) -> FastAPI:
        uploads = Uploads(
            self.stores.ledger, self.stores.objects, now=self.now, most_bytes=self.settings.upload_mib * MIB,
            types=self.settings.upload_types, unused=partial(days, self.settings, what="unused_files"),
            has_room=partial(has_room, self.settings),
        )  # fmt: skip
        parts = media_api.Media(
            documents=self.stores.ledger.documents, objects=self.stores.objects, uploads=uploads, now=self.now,
            new_id=self.ids,
        )  # fmt: skip
        return media_api.create_app(self.trust.identity, parts)

    def _message(self) -> FastAPI:
        tickets = message_api.Tickets(
            documents=self.stores.ledger.documents,
            actions=self.actions,
            coordination=self.stores.coordination,
            search=self.stores.search,
            judge=self._texts.judge,
            files=self._files,
            verbs_of=self._texts.verbs_of,
            now=self.now,
            new_id=self.ids,
        )
        return message_api.create_app(self.trust.identity, tickets)

    def _log(self) -> FastAPI:
        return log_api.create_app(
            self.trust.identity, log_api.Log(documents=self.stores.ledger.documents, feed=self.feed)
        )

    def front(self, services: dict[str, FastAPI], figures: CollectorRegistry, readiness: Readiness) -> sdk.ASGIApp:
        """Return what answers every request: webhooks before everything else, then limits, then the routes."""
        channels = [c.name for connector in self.io.directory.connectors.values() for c in connector.manifest.channels]
        root = api_app.create_app(
            services,
            registry=figures,
            ready=readiness,
            degraded=self.stores.degraded,
            asyncapi=lambda: asyncapi.document(channels),
        )
        routes: sdk.ASGIApp = root
        if self.parts.has("io", Role.API):
            routes = Callbacks(root, self.io.authorizations)
        larger = {media_api.UPLOAD: self.settings.upload_mib * MIB} if "media" in services else {}
        limits = api_app.Limits(routes, self.stores.coordination, rate=self.settings.token_rate, larger=larger)
        app: sdk.ASGIApp = api_app.Contained(limits)
        if self.parts.has("io", Role.API):
            app = Webhooks(app, self.io.journal, now=self.now)
        return app if self.parts.alone else Gate(app, readiness)


class Gate:
    """Lets operators in from the beginning, and everybody else once the process has started."""

    def __init__(self, behind: sdk.ASGIApp, readiness: Readiness) -> None:
        self._behind = behind
        self._readiness = readiness

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if self._readiness.started or scope["type"] != "http" or scope["path"] in _FOR_OPERATORS:
            await self._behind(scope, receive, send)
            return
        detail = "the process is starting; send it again in a moment"
        refusal = Problem(503, detail, code="starting", headers={"Retry-After": "2"}).response()
        await refusal(scope, receive, send)
