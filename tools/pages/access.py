"""The pages of the permissions and of the API's operations."""

import tempfile
from pathlib import Path
from typing import Any

from chorally_core.api.guarded import open_routes
from chorally_core.bootstrap import System
from chorally_core.ports.permissions import ROLES, Permission
from chorally_core.settings import Settings

from chorally_sdk.plugins import Registry
from tools.pages.reading import attributes, code, table

_WEBHOOKS = """\
## Webhooks

`/PLATFORM/v1/webhook/TOKEN`, any method, for every installed connector that takes webhooks: the URL of one app, or of
one account where the connector's webhooks are the account's. `/PLATFORM/v1/webhook` without a token serves all apps of
the platform: the secrets of each are tried. What proves a request is the platform's own affair (`verify`). Not
described by OpenAPI.
"""

_OPERATIONS = """\
# API operations

Each service is mounted at `/SERVICE/v1` and describes itself at `/SERVICE/v1/docs` and `/SERVICE/v1/openapi.json`.
A request says who sends it by `Authorization: Bearer JWT`, or `Authorization: Token secret.tenant`. Errors are
[problem documents](errors.md#problems-of-the-api). Lists come in pages: `limit`, `cursor`, and `next` in the answer.
"""

_PERMISSIONS = """\
# Permissions and roles

A user has built-in roles, which bundle permissions; a service token names its permissions itself.
"""


def permissions() -> str:
    """Return the page of the permissions and roles."""
    means = {attribute.default: attribute.doc for attribute in attributes(Permission)}
    rows = []
    for permission in Permission:
        marks = tuple("✓" if permission in ROLES[role] else "" for role in ROLES)
        rows.append((code(permission.value), *marks, means[repr(permission.value)]))
    return f"{_PERMISSIONS}\n{table(('Permission', *ROLES, 'Allows to'), rows)}\n"


def operations() -> str:
    """Return the page of the API's operations."""
    with tempfile.TemporaryDirectory() as folder:
        system = System(Settings(data=Path(folder)), registry=Registry())
        try:
            top: Any = _top(system)
            reasons = open_routes(top)
            for name, service in system.services.items():
                reasons |= {f"/{name}/v1{path}": reason for path, reason in open_routes(service).items()}
            parts = [_OPERATIONS]
            for name in sorted(system.services):
                rows = _rows(f"/{name}/v1", system.services[name].openapi(), reasons)
                parts += [f"## {name}\n", table(("Operation", "Does", "Permission", "Answer"), rows) + "\n"]
            parts.append(_WEBHOOKS)
            bare = [(code(f"GET {path}"), reason) for path, reason in sorted(reasons.items()) if "/v1/" not in path]
            parts.append(f"## For operators\n\n{table(('Operation', 'Open, because it is'), bare)}\n")
        finally:
            system.close()
    return "\n".join(parts)


def _rows(mount: str, document: dict[str, Any], reasons: dict[str, str]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for path, operations_by_method in document["paths"].items():
        for method, operation in operations_by_method.items():
            scopes = [scope for way in operation.get("security", ()) for found in way.values() for scope in found]
            needs = code(scopes[0]) if scopes else "any caller"
            if not operation.get("security"):
                needs = f"none: {reasons[mount + path]}"
            status = next(status for status in operation["responses"] if status.startswith("2"))
            rows.append((code(f"{method.upper()} {mount}{path}"), operation["summary"], needs, status))
    return rows


def _top(system: System) -> Any:
    app: Any = system.app
    while hasattr(app, "_behind"):
        app = app._behind
    return app
