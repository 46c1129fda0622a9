"""The routes of services, made when first asked for: all of them take longer than the rest of the start."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fastapi import FastAPI

import chorally_sdk as sdk


class Routes(Mapping[str, FastAPI]):
    """The applications of services by name; each is made once, by whoever needs it first, and never in a thread."""

    def __init__(self, made: Mapping[str, Callable[[], FastAPI]]) -> None:
        """Prepare; nothing is made yet.

        Args:
            made: Makes the application of each service.
        """
        self._made = dict(made)
        self._there: dict[str, FastAPI] = {}

    def __getitem__(self, name: str) -> FastAPI:
        if name not in self._there:
            self._there[name] = self._made[name]()
        return self._there[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    async def make(self) -> None:
        """Make all that are not there yet, letting others have their turn after each."""
        for name in self._made:
            self[name]
            await asyncio.sleep(0)

    def served(self, name: str) -> sdk.ASGIApp:
        """Return what serves a service's routes, made at the first request."""

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            app = self[name]
            inner = {**scope, "router": app.router, "app_root_path": scope.get("root_path", "")}  # for ``url_for``
            await app(inner, receive, send)

        return serve
