"""Answers that are read in pieces."""

import httpx
import pytest

import chorally_sdk as sdk
from tests.sdk.parrot import TOKEN, Drops, Parrot, Platform, a_client, endless


async def test_a_body_is_read_in_pieces() -> None:
    """As much of it as is wanted, whatever the limit for bodies read at once."""
    platform, body = Platform(), Drops(endless(b"x" * 1000))
    platform = Platform(httpx.Response(200, stream=body))
    taken = 0
    async with a_client(platform, max_bytes=10).stream("GET", "/file") as answer:
        async for piece in answer.aiter_bytes():
            taken += len(piece)
            if taken >= 5000:
                break
    assert (taken, body.taken) == (5000, 5)
    assert platform.seen[0].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, sdk.Reauthorize), (404, sdk.Rejected), (429, sdk.RateLimited), (500, sdk.RetryLater), (302, sdk.Malformed)],
)
async def test_a_refusal_is_raised(status: int, expected: type[Exception]) -> None:
    """Before anything is read by the connector; its text is told."""
    platform = Platform(httpx.Response(status, stream=Drops([b"go away"])))
    with pytest.raises(expected):
        async with a_client(platform).stream("GET", "/file"):
            pytest.fail("it was opened")
    assert len(platform.seen) == 1


async def test_a_refusal_without_end_is_raised_too() -> None:
    """Only its beginning is read."""
    body = Drops(endless())
    with pytest.raises(sdk.Rejected, match="403: xxx"):
        async with a_client(Platform(httpx.Response(403, stream=body))).stream("GET", "/file"):
            pytest.fail("it was opened")
    assert body.taken < 10


async def test_a_refusal_that_the_connector_takes_is_given() -> None:
    """With what it says."""

    class Patient(Parrot):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            return None

    platform = Platform(httpx.Response(404, stream=Drops([b"no", b"thing"])))
    async with a_client(platform, Patient).stream("GET", "/file") as answer:
        assert (answer.status_code, await answer.aread()) == (404, b"nothing")


async def test_a_body_that_breaks_off_may_be_asked_for_later() -> None:
    """It is no error of httpx, also in the middle."""
    platform = Platform(httpx.Response(200, stream=Drops([b"half"], httpx.ReadError("reset"))))
    taken: list[bytes] = []

    async def download() -> None:
        async with a_client(platform).stream("GET", "/file") as answer:
            async for piece in answer.aiter_bytes():
                taken.append(piece)  # noqa: PERF401  # what came before the error counts

    with pytest.raises(sdk.RetryLater, match="ReadError"):
        await download()
    assert taken == [b"half"]


async def test_what_the_connector_raises_meanwhile_is_not_changed() -> None:
    """A full disk is a full disk."""
    with pytest.raises(OSError, match="full"):
        async with a_client(Platform()).stream("GET", "/file"):
            raise OSError("full")
