"""Calls are judged by what the server says, and a server that does not answer is left alone for a while."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from chorally_core.adapters.s3.calls import Calls, Refused
from chorally_core.ports.objects import Unavailable


class Seconds:
    """Seconds that pass when told to."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


def _says(code: str, status: int = 400) -> Any:
    def call() -> None:
        raise ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]

    return call


def _unreachable() -> None:
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("call", "becomes"),
    [
        (_says("NoSuchKey", 404), LookupError),
        (_says("AccessDenied", 403), Refused),
        (_says("SlowDown", 503), Unavailable),
        (_says("InternalError", 500), Unavailable),
        (_says("Whatever", 502), Unavailable),
        (_says("NotImplemented", 501), ClientError),
        (_says("NoSuchUpload", 404), ClientError),
        (_unreachable, Unavailable),
    ],
)
async def test_each_answer_becomes_what_happens_next(call: Any, becomes: type[Exception]) -> None:
    """What is certain is told apart from what may be tried again."""
    calls = Calls()
    with pytest.raises(becomes):
        await calls(call)
    calls.close()


async def test_without_credentials_it_is_told_where_to_name_them() -> None:
    """boto3 finds none by itself."""

    def call() -> None:
        raise NoCredentialsError

    calls = Calls()
    with pytest.raises(Unavailable, match="CHORALLY_OBJECTS"):
        await calls(call)
    calls.close()


async def test_a_server_that_does_not_answer_is_left_alone_and_asked_again() -> None:
    """Nobody waits for it meanwhile; one answer and all is well."""
    seconds, made = Seconds(), 0

    def fails() -> None:
        nonlocal made
        made += 1
        _unreachable()

    calls = Calls(monotonic=seconds)
    for _ in range(8):
        with pytest.raises(Unavailable):
            await calls(fails)
    assert made == 5
    assert "cannot be reached" in calls.trouble
    seconds.at += 6
    assert await calls(lambda: "well") == "well"
    assert calls.trouble == ""
    assert await calls(lambda: "well") == "well"
    calls.close()


async def test_a_server_that_refuses_one_thing_is_not_taken_as_away() -> None:
    """Its answer is an answer."""
    calls = Calls()
    for _ in range(9):
        with pytest.raises(LookupError):
            await calls(_says("NoSuchKey", 404))
    assert calls.trouble == ""
    calls.close()
