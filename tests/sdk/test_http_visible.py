"""A visible call is made once, and what is not known of it is said."""

from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from tests.sdk.parrot import Answer, Drops, Parrot, Platform, Sleeps, a_client, endless

UNKNOWN: list[Answer] = [
    httpx.ReadTimeout("lost"),
    httpx.WriteTimeout("lost"),
    httpx.RemoteProtocolError("cut off"),
    httpx.ReadError("reset"),
    httpx.WriteError("reset"),
    httpx.Response(500),
    httpx.Response(502),
    httpx.Response(503),
    httpx.Response(504),
]
UNSENT: list[Answer] = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("full"),
    httpx.ProxyError("refused"),
]


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("lost", UNKNOWN, ids=repr)
async def test_a_lost_answer_is_an_unknown_outcome(method: str, lost: Answer) -> None:
    """Nothing is repeated, not even a read: it may come after what was made."""
    platform, sleeps = Platform(lost), Sleeps()
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown) as told:
        await a_client(platform, sleep=sleeps).request(method, "/notes")
    assert (len(platform.seen), sleeps.seconds) == (1, [])
    assert told.value.__cause__ is not None


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("lost", UNSENT, ids=repr)
async def test_a_call_that_was_not_sent_may_be_made_later(method: str, lost: Answer) -> None:
    """The platform did not get it; still nothing is repeated here."""
    platform = Platform(lost)
    with sdk.visible_call(), pytest.raises(sdk.RetryLater):
        await a_client(platform).request(method, "/notes")
    assert len(platform.seen) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, sdk.Rejected),
        (401, sdk.Reauthorize),
        (403, sdk.Rejected),
        (404, sdk.Rejected),
        (408, sdk.RetryLater),
        (425, sdk.RetryLater),
        (429, sdk.RateLimited),
    ],
)
async def test_an_answer_below_500_was_not_carried_out(status: int, expected: type[Exception]) -> None:
    """It keeps its meaning."""
    with sdk.visible_call(), pytest.raises(expected):
        await a_client(Platform(httpx.Response(status))).post("/notes")


async def test_what_a_connector_makes_of_a_server_error_does_not_make_it_certain() -> None:
    """A 5xx is unknown, also where its text says that the quota is used up."""

    class Sure(Parrot):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            return sdk.RateLimited("quota")

    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown) as told:
        await a_client(Platform(httpx.Response(503)), Sure).post("/notes")
    assert isinstance(told.value.__cause__, sdk.RateLimited)


async def test_a_redirect_is_not_followed() -> None:
    """What was asked for may have been done; the host looks for it."""
    platform = Platform(httpx.Response(303, headers={"Location": "/v1/notes/1"}))
    with sdk.visible_call(), pytest.raises(sdk.Malformed):
        await a_client(platform).post("/notes", follow_redirects=True)
    assert len(platform.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"stream": Drops(endless())},
        {"stream": Drops([b"no gzip"]), "headers": {"Content-Encoding": "gzip"}},
        {"stream": Drops([b"half"], httpx.ReadError("reset"))},
    ],
    ids=["without end", "not decodable", "broken off"],
)
async def test_a_success_that_cannot_be_read_is_an_unknown_outcome(answer: Any) -> None:
    """What was made has an id that is not known."""
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
        await a_client(Platform(httpx.Response(200, **answer)), max_bytes=1_000_000).post("/notes")


async def test_a_host_that_was_not_declared_is_refused_before_the_call() -> None:
    """Nothing was sent, so nothing is unknown."""
    with sdk.visible_call(), pytest.raises(sdk.Rejected):
        await a_client(Platform()).post("https://elsewhere.example/")


async def test_only_what_is_called_within_is_visible() -> None:
    """After it, also after an error, a read is repeated again."""
    platform = Platform(httpx.ReadTimeout("lost"), httpx.ReadTimeout("lost"), httpx.Response(200))
    http = a_client(platform)
    with pytest.raises(sdk.OutcomeUnknown), sdk.visible_call():
        await http.post("/notes")
    await http.get("/notes")
    assert len(platform.seen) == 3


async def test_a_stream_is_visible_too() -> None:
    """Its lost answer is an unknown outcome."""
    both: tuple[tuple[Answer, type[Exception]], ...]
    both = ((UNKNOWN[0], sdk.OutcomeUnknown), (UNSENT[0], sdk.RetryLater))
    for lost, expected in both:
        with sdk.visible_call(), pytest.raises(expected):
            async with a_client(Platform(lost)).stream("POST", "/notes"):
                pass
