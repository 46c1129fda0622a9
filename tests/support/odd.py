"""What the fuzzing begins with, and the values that nobody should send."""

from collections.abc import Iterator
from typing import Any

from tests.support.letters import Letters
from tests.support.plaza import POST, Plaza

TARGET = {"account_id": "account-wall", "channel": POST}
SEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/identity/v1/users", {"email": "eve@acme.example", "name": "Eve", "password": "a-long-password", "roles": []}),
    ("/identity/v1/teams", {"name": "Night"}),
    ("/io/v1/apps", {"connector": "wall", "name": "second", "settings": {"secret": "s"}}),
    ("/rule-engine/v1/rules", {"name": "Tag", "actions": [{"type": "add_tags", "tags": ["new"]}]}),
    ("/rule/v1/calendars", {"name": "Office", "time_zone": "Europe/Rome", "weekly": {}}),
    ("/rule/v1/replies", {"name": "Closed", "condition": "closed", "texts": {"en": "we are back soon"}}),
    ("/publishing/v1/publications", {"body": "hello all", "targets": [TARGET], "submit": False}),
    ("/publishing/v1/publications", {"body": "hello later", "targets": [TARGET], "submit": True}),
    ("/publishing/v1/series", {"body": "good morning", "targets": [TARGET], "rule": "FREQ=DAILY;COUNT=4",
                               "starts": "2026-11-24T09:00:00", "time_zone": "Europe/Rome"}),
    ("/log/v1/webhooks", {"url": "https://receiver.example/", "events": ["*"]}),
    ("/outbound/v1/mailings", {"name": "news", "account_id": "account-wall", "body": "hello"}),
    ("/metadata/v1/tags", {"name": "refund"}),
    ("/metadata/v1/fields", {"key": "order", "of": "ticket", "type": "text", "title": "Order"}),
    ("/metadata/v1/canned-replies", {"name": "Thanks", "shortcut": "thanks", "language": "en", "audience": "shared",
                                     "texts": {"en": "thank you"}}),
    ("/metadata/v1/views", {"name": "Open"}),
    ("/metadata/v1/macros", {"name": "Close", "audience": "shared",
                             "actions": [{"type": "add_tags", "tags": ["done"]}]}),
)  # fmt: skip
"""What is there when the fuzzing begins, besides what comes from the platform."""


def _with_send(channel: Any) -> Any:
    limits = channel.actions.get("reply")
    return channel if limits is None else channel.model_copy(update={"actions": {**channel.actions, "send": limits}})


class Square(Plaza):
    """A plaza on which conversations can be begun, too."""

    manifest = Plaza.manifest.model_copy(
        update={"channels": tuple(_with_send(channel) for channel in Plaza.manifest.channels)}
    )

    addressed = Letters.addressed


ODD: tuple[Any, ...] = (
    "\ud800", "\x00", "", " ", "a" * 20_000, "\u202e{{", "../../x", "%00", 10**400, -1, 2**63, 1e308, float("nan"),
    "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "P999999999D", True, None, [], {}, [None],
    {"\ud800": "\x00"},
)  # fmt: skip
"""Values that only somebody who means harm, or a program gone wrong, would send."""
MALFORMED = (
    b"", b"{", b"\xff\xfe", b"[" * 20_000, b'"\\ud800"', b"null", b'{"a":NaN}', b"\x00", b"[[]]", b"1e999",
    b'{"a":1,"a":2}', b"\xef\xbb\xbf{}",
)  # fmt: skip
"""Bodies that no document allows."""


def with_odd(body: Any) -> Iterator[Any]:
    """Return the body with each of its values replaced by each that is odd, and with a field too many."""
    if isinstance(body, dict):
        yield {**body, "\ud800": 1}
        for name, inner in body.items():
            for value in ODD:
                yield {**body, name: value}
            for value in with_odd(inner):
                yield {**body, name: value}
    elif isinstance(body, list):
        yield from ([value] for value in ODD)
        for inner in body[:1]:
            yield from ([value, *body[1:]] for value in with_odd(inner))
