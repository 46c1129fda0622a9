"""Finds the routes that nobody guards: every one is allowed to somebody or said to be open."""

from collections.abc import Collection, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

from chorally_core.api.auth import OPEN, Allowed


def routes(app: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Return every route of an application and of those mounted in it, with its full path."""
    found: list[BaseRoute] = app.routes
    for route in iter_route_contexts(found):
        path = f"{prefix}{route.path}"
        original = route.original_route
        if isinstance(original, Mount) and original.routes:
            yield from routes(original, path)
        else:
            yield path, route


def unguarded(
    app: Any, documents: Collection[str] = ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc")
) -> list[str]:
    """Return the routes that neither ask for a caller nor say why they are open; none, if all is well.

    Args:
        app: The application, with all that is mounted in it.
        documents: Endings of the paths that the framework adds by itself.
    """
    return [
        f"{'/'.join(sorted(getattr(route, 'methods', None) or ('*',)))} {path}"
        for path, route in routes(app)
        if not _is_guarded(route) and not path.endswith(tuple(documents))
    ]


def open_routes(app: Any) -> dict[str, str]:
    """Return the routes that are said to be open, by path, with the reason."""
    return {
        path: getattr(route.endpoint, OPEN)
        for path, route in routes(app)
        if hasattr(getattr(route, "endpoint", None), OPEN)
    }


def _is_guarded(route: Any) -> bool:
    if hasattr(getattr(route, "endpoint", None), OPEN):
        return True
    dependant = getattr(route, "dependant", None)
    return isinstance(dependant, Dependant) and _asks(dependant)


def _asks(dependant: Dependant) -> bool:
    return any(isinstance(inner.call, Allowed) or _asks(inner) for inner in dependant.dependencies)
