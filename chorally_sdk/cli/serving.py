"""``sandbox``: the platform's twin on this machine, with hints for who tries it by hand."""

import logging
from typing import Any

import httpx

from chorally_sdk.cli.finding import Found, stand_in
from chorally_sdk.cli.telling import Told
from chorally_sdk.connector.abilities import Sandboxes
from chorally_sdk.sandbox.levers import Connection, Levers
from chorally_sdk.testing.running import is_connected


def sandbox_of(found: Found) -> Any:
    """Return the twin as an ASGI application.

    Raises:
        Told: The connector has none.
    """
    if not issubclass(found.connector, Sandboxes):
        raise Told(f"{found.platform} has no sandbox that can be served; it does not inherit Sandboxes")
    try:
        twin: Any = found.connector.sandbox()
    except ImportError as error:
        raise Told(f"the sandbox of {found.platform} needs more: pip install '{_extra(found)}' ({error})") from error
    if isinstance(twin, Levers):
        twin.clock.run()
    return twin


def hints(found: Found, app: Any, url: str) -> list[str]:
    """Return what a person can do with the twin at ``url``."""
    told = [f"{found.platform} sandbox on {url}, in memory; end it with Ctrl-C", ""]
    known = _connection(found, app)
    token = known.grant.access.get_secret_value() if known and known.grant else ""
    head = f" -H 'Authorization: Bearer {token}'" if token else ""
    if known:
        name = f"chorally-connector pull {found.checkout or found.platform} --url {url}"
        values = [f"CHORALLY_TOKEN={token}"] if token else []
        values += [f"CHORALLY_SET_{name.upper()}={value}" for name, value in _settings(known)]
        told += ["Pull from it:", f"  {' '.join([*values, name])}", ""]
    routes = [
        (method, route.path) for route in _routes(app) for method in sorted(route.methods or ()) if method != "HEAD"
    ]
    control = [each for each in routes if each[1].startswith("/_sandbox")]
    api = [each for each in routes if each not in control]
    if ("POST", "/_sandbox/say") in control:
        told += ["Let somebody say something, let a call fail, look at the state:"]
        told += [f'  curl -s {url}/_sandbox/say -d \'{{"body": "Hello", "author": "ada"}}\'']
        told += [f'  curl -s {url}/_sandbox/faults -d \'{{"kind": "rate_limit", "on": "read"}}\'']
        told += [f"  curl -s {url}/_sandbox/state", ""]
    if example := next((path for method, path in api if method == "GET" and "{" not in path), ""):
        told += ["Ask it:", f"  curl -s{head} {url}{example}", ""]
    if routes:
        told += ["Routes:", *(f"  {method:6} {path}" for method, path in (*api, *control))]
    return told


def serve(app: Any, host: str, port: int) -> None:
    """Serve an application until interrupted."""
    import uvicorn

    logging.getLogger("uvicorn.error").addFilter(_is_news)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record says more than that an answer was lost as asked, which would fill the log."""
    return not (record.exc_info and isinstance(record.exc_info[1], httpx.TransportError))


def _connection(found: Found, app: Any) -> Connection | None:
    if isinstance(app, Levers) and is_connected(type(app)):
        return app.connection()
    made = stand_in(found)
    return made().connection() if made else None


def _settings(known: Connection) -> list[tuple[str, str]]:
    """The settings that the twin goes by; its secrets open nothing but itself."""
    found = {}
    for settings in (known.app_settings, known.settings):
        for name in type(settings).model_fields if settings is not None else ():
            value = getattr(settings, name)
            if name in settings.model_fields_set or not type(settings).model_fields[name].is_required():
                found[name] = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    return [(name, str(value)) for name, value in found.items() if isinstance(value, str | int) and str(value)]


def _routes(app: Any) -> list[Any]:
    inner = getattr(app, "app", app)
    return [route for route in getattr(inner, "routes", ()) if hasattr(route, "methods")]


def _extra(found: Found) -> str:
    name = found.package.name if found.package else f"chorally-{found.platform}"
    return f"{name}[sandbox]"
