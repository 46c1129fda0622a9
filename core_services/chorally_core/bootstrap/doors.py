"""What is served over HTTP: the routes of the chosen services, webhooks, and what operators ask."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

import chorally_sdk as sdk
from chorally_core import asyncapi
from chorally_core.api import app as api_app
from chorally_core.api.addresses import Addresses
from chorally_core.api.callbacks import Callbacks
from chorally_core.api.edge import SafeHeaders, asked_from_elsewhere
from chorally_core.api.problem import Problem
from chorally_core.api.webhooks import Webhooks
from chorally_core.bootstrap.parts import PARTS, Parts, Role
from chorally_core.bootstrap.readiness import Readiness
from chorally_core.bootstrap.routes import Routes
from chorally_core.bootstrap.service import Around, Service
from chorally_core.bootstrap.services import declared

_HTTPS_S = 365 * 24 * 3600
_FOR_OPERATORS = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, kw_only=True)
class Doors:
    """What all routes stand on."""

    parts: Parts
    around: Around
    addresses: Addresses

    def services(self) -> Routes:
        """Return the applications of the services whose API the process is, by name.

        Those of installed packages are made at once, so that one that cannot be says so at the start.
        """
        routes = Routes({service.name: partial(self._app, service) for service in declared(self.parts.of(Role.API))})
        for name in routes.keys() - PARTS.keys():
            routes[name]
        return routes

    def _app(self, service: Service) -> FastAPI:
        app = service.api(self.around)
        app.state.coordination = self.around.coordination
        app.state.tenant_rate = self.around.settings.tenant_rate
        app.state.addresses = self.addresses
        return app

    def front(self, services: Routes, figures: CollectorRegistry, readiness: Readiness) -> sdk.ASGIApp:
        """Return what answers every request: webhooks before everything else, then limits, then the routes."""
        around = self.around
        channels = [
            c.name for connector in around.io.directory.connectors.values() for c in connector.manifest.channels
        ]
        root = api_app.create_app(
            services,
            services.served,
            registry=figures,
            ready=readiness,
            degraded=around.stores.degraded,
            asyncapi=lambda: asyncapi.document(channels),
        )
        routes: sdk.ASGIApp = root
        if self.parts.has("io", Role.API):
            routes = Callbacks(root, around.io.authorizations)
        larger = {path: most for service in declared(services) for path, most in service.larger(around).items()}
        settings = around.settings
        limits = api_app.Limits(
            routes, around.coordination, rate=settings.token_rate, addresses=self.addresses, larger=larger
        )
        https_s = _HTTPS_S if settings.public_url.startswith("https:") else 0
        app: sdk.ASGIApp = asked_from_elsewhere(api_app.Contained(limits), settings.cors_origins)
        app = SafeHeaders(app, https_s=https_s)
        if self.parts.has("io", Role.API):
            app = Webhooks(app, around.io.journal, now=around.now)
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
