"""Checks of how answers are classified, of quotas, and of what the manifest says of lengths and windows."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import check, ensure, fail, raised

_UNITS: dict[str, Callable[[str], int]] = {
    "code_points": len,
    "utf16": lambda text: len(text.encode("utf-16-le")) // 2,
    "bytes": lambda text: len(text.encode()),
}
_WIDE = "\N{CAT FACE WITH TEARS OF JOY}"  # 1 code point, 2 units of UTF-16, 4 bytes


def _answer(status: int, body: bytes, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=body, headers=headers, request=httpx.Request("POST", "https://x.example/"))


@check("limits", "The platform's errors mean what they mean", "refusals", may_be_exempt=False)
async def error_table(bench: Bench) -> None:
    """A code in the wrong class asks a person for nothing, retries for ever, or drops what should be retried."""
    connector = bench.connect()
    for name, (answer, means) in bench.levers.refusals().items():
        error = connector.fault(answer)
        got = type(error).__name__
        kinds = {kind.__name__ for kind in type(error).__mro__}
        is_kind = means["type"] in kinds and (means["type"] != "RetryLater" or "RateLimited" not in kinds)
        ensure(is_kind, f"the error {name!r} is {got}, not {means['type']}")
        if "reason" in means:
            ensure(error.reason == means["reason"], f"the error {name!r} is for {error.reason}, not {means['reason']}")
        if "scope" in means:
            ensure(error.scope == means["scope"], f"the error {name!r} holds the {error.scope}, not {means['scope']}")
        if "wait_s" in means:
            ensure(error.wait == timedelta(seconds=means["wait_s"]), f"the error {name!r} waits {error.wait}")


@check("limits", "A success is none of the errors", may_be_exempt=False)
async def success_is_no_fault(bench: Bench) -> None:
    """A classifier that sees errors everywhere stops the account."""
    connector = bench.connect()
    for status, body in ((200, b"{}"), (201, b'{"id": "1"}'), (204, b""), (200, b"[]")):
        error = connector.fault(_answer(status, body))
        ensure(error is None, f"an answer {status} {body!r} is {error!r}")


@check("limits", "Whatever answers, it is classified", may_be_exempt=False)
async def fault_never_fails(bench: Bench) -> None:
    """A proxy's page of HTML, an empty body or a list in place of an object must not end in a bug's exception."""
    connector = bench.connect()
    bodies = (b"", b"<html>", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"error": "x"}', b'{"error": {"code": "x"}}', b"1")
    for status in (400, 401, 403, 404, 409, 410, 422, 429, 500, 502, 503):
        for body in bodies:
            try:
                error = connector.fault(_answer(status, body))
            except sdk.ConnectorError as wrong:
                error = wrong
            ensure(isinstance(error, sdk.ConnectorError), f"an answer {status} {body!r} is no error, but {error!r}")


@check("limits", "A 5xx is never the grant's fault", may_be_exempt=False)
async def down_is_not_refused(bench: Bench) -> None:
    """A platform that is down must not ask every customer to connect again."""
    connector = bench.connect()
    for status in (500, 502, 503, 504):
        error = connector.fault(_answer(status, b"Bad gateway"))
        ensure(isinstance(error, sdk.RetryLater), f"an answer {status} is {type(error).__name__}, not RetryLater")


@check("limits", "The wait is the one that the platform asks for", "fault:rate_limit/read")
async def wait_in_seconds(bench: Bench) -> None:
    """A call repeated before its time makes the platform block the app."""
    bench.levers.inject("rate_limit", "read", times=9, wait_s=120)
    error = await raised(bench.connect().check(), sdk.RateLimited, "a call that is answered by 429")
    ensure(error.wait == timedelta(seconds=120), f"the platform asks to wait 120 s, the error says {error.wait}")


@check("limits", "The wait may be a date", "fault:rate_limit_date/read")
async def wait_as_date(bench: Bench) -> None:
    """`Retry-After` may be a date (RFC 9110); read as a number it is no wait at all."""
    bench.levers.inject("rate_limit_date", "read", times=9, wait_s=600)
    error = await raised(bench.connect().check(), sdk.RateLimited, "a call that is answered by 429 and a date")
    near = error.wait is not None and timedelta(minutes=9) <= error.wait <= timedelta(minutes=10, seconds=1)
    ensure(near, f"the platform asks to wait until in 10 minutes, the error says {error.wait}")


@check("limits", "What cannot be read of the quota harms nothing", may_be_exempt=False)
async def usage_never_fails(bench: Bench) -> None:
    """Platforms change their headers without notice; a call that succeeded has succeeded."""
    connector = bench.connect()
    names = ("RateLimit-Limit", "RateLimit-Remaining", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-App-Usage")
    for value in ("", "many", "{", "-1", "nan", json.dumps({"a": []})):
        for usage in connector.usage(_answer(200, b"{}", **dict.fromkeys(names, value))):
            ensure(usage.used >= 0, f"headers {value!r} say that {usage.used} is used")


@check("limits", "A text as long as declared is taken", "Replies", "say", "made", "text_limit")
async def longest_text(bench: Bench) -> None:
    """A limit in the wrong unit lets agents write what the platform then refuses, or cuts."""
    limits = _reply(bench)
    if limits.max_text is None:
        most, unit = bench.levers.text_limit("reply")
        fail(f"the platform takes at most {most} {unit}, and the manifest declares no limit")
    for text in (_long("a", limits), _long(_WIDE, limits)):
        await bench.send(bench.answer(await bench.a_message(), text))
        shown = [made.body for made in bench.levers.made()]
        ensure(text in shown, f"a text of {limits.max_text} {limits.unit} was not shown whole")


@check("limits", "The declared limit is not smaller than the platform's", "Replies", "text_limit")
async def no_shorter_than_needed(bench: Bench) -> None:
    """A limit that is too small splits answers that would fit."""
    most, unit = bench.levers.text_limit("reply")
    limits = _reply(bench)
    told = f"the platform takes {most} {unit}, the manifest says {limits.max_text} {limits.unit}"
    ensure((limits.max_text, limits.unit) == (most, unit), told)


@check("limits", "The measure is a measure", may_be_exempt=False)
async def measure(bench: Bench) -> None:
    """A length that shrinks as the text grows, or that differs from call to call, refuses at random."""
    connector = bench.connect()
    lengths = [connector.measure("ab " * count + _WIDE * count) for count in range(20)]
    ensure(lengths == sorted(lengths) and lengths[0] >= 0, f"lengths of longer and longer texts: {lengths}")
    again = connector.measure("ab " * 19 + _WIDE * 19)
    ensure(again == lengths[-1] and isinstance(again, int), "the same text has two lengths")


@check("limits", "The declared window is the platform's", "Replies", "say", "close_window")
async def window_declared(bench: Bench) -> None:
    """A window that the manifest does not know lets agents write answers that nobody gets."""
    message = await bench.a_message()
    bench.levers.close_window()
    window = _reply(bench).window
    ensure(window is not None, "the platform has a reply window, and the manifest declares none")
    gone = bench.levers.clock() - message.sent_at
    ensure(window is not None and window <= gone, f"the manifest says {window}, the platform closes after {gone}")


def _reply(bench: Bench) -> sdk.Limits:
    actions = bench.connector.manifest.channel(bench.channel).actions
    found: Any = actions.get("reply") or actions.get("send")
    if found is None:
        fail("the channel declares neither reply nor send")
    return found  # type: ignore[no-any-return]


def _long(letter: str, limits: sdk.Limits) -> str:
    count = _UNITS.get(limits.unit, len)
    return letter * ((limits.max_text or 0) // count(letter))
