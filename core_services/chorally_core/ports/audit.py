"""What a change by an administrator is told with: what it changed, and what that was before.

A fact of ``logs`` that bears ``was`` or ``changes`` is kept for the audit (``services.log``). Secrets are never told,
only that they changed.
"""

from collections.abc import Collection, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

import msgspec

from chorally_core.events import LogAdd

HIDDEN = "(hidden)"
"""Stands for a secret."""
_LARGEST = 4000  # characters of the JSON of one value
_OF_ITSELF = frozenset(
    {"id", "tenant", "version", "number", "created_at", "created_by", "changed_at", "changed_by", "updated_at"}
)

Told = msgspec.Struct | Mapping[str, Any] | None


class Asked(NamedTuple):
    """From where a request was sent, and with which token."""

    address: str = ""
    token_id: str = ""
    """Says nothing of the secret."""


_NOBODY = Asked()
ASKED: ContextVar[Asked] = ContextVar("asked", default=_NOBODY)
"""Of the request that is being answered; empty where nobody asks."""


def audited(
    fact: LogAdd, before: Told, after: Told, *, secrets: Collection[str] = (), without: Collection[str] = ()
) -> LogAdd:
    """Return a fact with the fields that differ, as they were and as they are.

    A value whose JSON is longer than 4,000 characters is told as the beginning of that JSON.

    Args:
        fact: What is told.
        before: What was changed, as it was; None where it is new.
        after: The same as it is now; None where it is gone.
        secrets: Names of the secrets that changed.
        without: Names of fields that are not told; secrets and what is sealed are among them.
    """
    old, new = _fields(before, without), _fields(after, without)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    hidden = dict.fromkeys(sorted(secrets), HIDDEN)
    asked = ASKED.get()
    return msgspec.structs.replace(
        fact,
        was={name: _bounded(old[name]) for name in names if name in old} | (hidden if before is not None else {}),
        changes={name: _bounded(new[name]) for name in names if name in new} | (hidden if after is not None else {}),
        address=asked.address,
        token_id=asked.token_id,
    )


def _fields(told: Told, without: Collection[str]) -> dict[str, Any]:
    if told is None:
        return {}
    plain: dict[str, Any] = msgspec.to_builtins(
        told if isinstance(told, Mapping) else msgspec.structs.asdict(told), str_keys=True
    )
    return {name: value for name, value in plain.items() if name not in _OF_ITSELF and name not in without}


def _bounded(value: Any) -> Any:
    text = msgspec.json.encode(value).decode()
    return value if len(text) <= _LARGEST else f"{text[:_LARGEST]}…"
