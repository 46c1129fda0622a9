"""No secret reaches a log line, by whatever way it comes there."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from chorally_core import logs
from chorally_core.telemetry.redaction import HIDDEN, redacted, without_secrets
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

CANARY = "c4nary-1n-a-l0ng-enough-shape"
"""Stands for a secret; wherever it comes out, something leaks."""


class _Grant(BaseModel):
    access: SecretStr
    host: str


class _Loud:
    """Tells everything it knows, as a careless library's object does."""

    def __repr__(self) -> str:
        return f"Client(host='graph.example', access_token='{CANARY}')"


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError(CANARY)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Logging as a process sets it up, into memory."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("debug", "json")
    yield written
    structlog.configure(**before)
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"authorization: {CANARY}",
        f"{{'Authorization': 'Token {CANARY}.acme'}}",
        f'{{"authorization": "Basic {CANARY}"}}',
        f"[(b'Authorization', b'Bearer {CANARY}')]",
        f"token {CANARY}",
        f"https://graph.example/me?access_token={CANARY}&fields=id",
        f"https://graph.example/me?fields=id&sig={CANARY}",
        f"https://graph.example/me?hub.verify_token={CANARY}",
        f"https://user:{CANARY}@host.example/path",
        f"mongodb://chorally:{CANARY}@db.example/chorally",
        f"redis://:{CANARY}@cache.example:6379/0",
        f"https://{CANARY}@errors.example/1",
        f"client_secret={CANARY}",
        f"client_secret = '{CANARY}'",
        f'"refresh_token": "{CANARY}"',
        f"password: '{CANARY} with spaces and more'",
        f"access=x, token=SecretStr('{CANARY}')",
        f"Grant(access_token='{CANARY}', host='x')",
        f'{{\\"access_token\\": \\"{CANARY}\\"}}',
        f"x_api_key={CANARY}",
        f"code_verifier={CANARY}",
        "?state=8f2c1e0a9b7d6c5e4f3a2b1c0d9e8f7a6b5c4d3e",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl",
        "gAAAAABm0000000000000000000000000000000000000000000000000000==",
        "EAAGm0PX4ZCpsBA0000000000000000000000",
        "https://api.telegram.example/bot123456789:AAF0000000000000000000000000000000/sendMessage",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ and then it breaks off",
    ],
)
def test_a_secret_is_known_by_its_shape_anywhere_in_a_text(text: str) -> None:
    """The secret goes, what stands around it stays."""
    clean = without_secrets(f"before {text}\nafter")

    assert HIDDEN in clean
    assert clean.startswith("before ")
    for secret in (CANARY, "8f2c1e0a9b7d6c5e", "eyJzdWIi", "gAAAAABm0", "EAAGm0PX", "AAF00000", "MIIEvQ"):
        assert secret not in clean


@pytest.mark.parametrize(
    "text",
    [
        "webhook rejected",
        "GET /message/v1/tickets?status=open&limit=200",
        "the platform cannot be reached (ConnectError)",
        "https://graph.example/v23.0/me/feed?fields=id,message,from",
        "kafka://broker.example:9092/?partitions=12&replication=3",
        "token rejected by the platform",
        "the token was renewed",
        "the password is wrong",
        "2026-11-23T09:00:00.000000+00:00",
        "ticket 0a1b2c3d4e5f60718293a4b5c6d7e8f9 opened",
        "ada@example.com wrote",
        "mailto:ada@example.com",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    """A log that hides everything helps nobody."""
    assert without_secrets(text) == text


def test_values_are_hidden_by_the_names_that_they_bear() -> None:
    """At any depth, whatever the type; figures about tokens are no secrets."""
    entry = redacted(
        None,
        "info",
        {
            "event": "token checked",
            "access_token": CANARY,
            "X-Api-Key": CANARY.encode(),
            "nested": [{"client-secret": CANARY, "inner": ({"password": [CANARY]},)}],
            "credentials": {"user": CANARY},
            "grant": _Grant(access=SecretStr(CANARY), host="x"),
            "client": _Loud(),
            "error": ValueError(f"access_token={CANARY} is wrong"),
            "body": f'{{"token": "{CANARY}"}}'.encode(),
            "set": {f"Bearer {CANARY}"},
            "token_count": 3,
            "token_type": "bearer",
        },
    )

    assert CANARY not in json.dumps(entry)
    assert (entry["event"], entry["token_count"], entry["token_type"]) == ("token checked", 3, "bearer")


def test_an_object_that_cannot_be_shown_is_named() -> None:
    """A log line is written whatever is in it, and an error about showing something tells no secret either."""
    assert "_Broken" in str(redacted(None, "info", {"odd": _Broken()})["odd"])
    assert CANARY not in str(redacted(None, "info", {"odd": _Broken()}))


def test_what_contains_itself_ends() -> None:
    """Depth is bounded."""
    endless: dict[str, Any] = {}
    endless["again"] = endless

    assert HIDDEN in json.dumps(redacted(None, "info", {"endless": endless}))


def test_a_traceback_tells_no_secret(lines: io.StringIO) -> None:
    """Messages of an error and of its causes, as they are in the JSON."""
    try:
        try:
            raise OSError(f"GET https://graph.example/me?access_token={CANARY} failed")
        except OSError as cause:
            raise RuntimeError(f"Authorization: Bearer {CANARY}") from cause
    except RuntimeError as error:
        structlog.get_logger("test").error("request failed", exc_info=error)

    line = json.loads(lines.getvalue())
    assert CANARY not in lines.getvalue()
    assert "RuntimeError" in line["exception"]
    assert "OSError" in line["exception"]


def test_what_libraries_log_tells_no_secret_either(lines: io.StringIO) -> None:
    """The standard library's logging goes the same way."""
    logging.getLogger("some.library").warning("calling %s", f"https://u:{CANARY}@x.example/?token={CANARY}")

    assert json.loads(lines.getvalue())["event"].startswith("calling https://")
    assert CANARY not in lines.getvalue()


@given(st.text(max_size=400))
def test_any_text_can_be_looked_through_twice(text: str) -> None:
    """Nothing is refused, and what is clean stays as it is."""
    once = without_secrets(text)
    assert without_secrets(once) == once


def test_a_long_text_is_looked_through_in_bounded_time() -> None:
    """No pattern runs away on what was made to slow it down."""
    parts = (
        "x",
        "a://",
        "a.",
        "token",
        "token ",
        "?a=",
        "a_",
        "authorization: ",
        "'",
        "eyJ-",
        "-----BEGIN ",
        "1:",
        " ",
    )
    for part in parts:
        without_secrets(part * 20_000)
        without_secrets(f"token={part * 20_000}")


def test_what_a_library_says_again_and_again_is_counted(lines: io.StringIO) -> None:
    """A message is logged once in ten seconds, with how often it was held back; others are not held up by it."""
    handler = logs.Through()

    def say(text: str, *values: object, at: float) -> None:
        record = logging.LogRecord("some.library", logging.WARNING, "", 0, text, values, None)
        record.created = at
        handler.emit(record)

    for number in range(500):
        say("node %s is away", number, at=1000 + number / 100)
    say("something else", at=1004)
    say("node %s is away", 7, at=1011)
    say("node %s is away", 8, at=1022)

    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(entry["event"], entry.get("held_back")) for entry in told] == [
        ("node 0 is away", None), ("something else", None), ("node 7 is away", 499), ("node 8 is away", None)
    ]  # fmt: skip
