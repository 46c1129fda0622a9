"""``chorally search reindex``, beside an API that answers as it is told."""

from typing import Any

import httpx
import pytest
from chorally_core.commands.search import followed


def job(state: str, done: int = 0, **more: Any) -> dict[str, Any]:
    """Return a rebuild as the API shows it."""
    return {"id": "j1", "state": state, "done": done, "total": 1500, "note": "messages", "error": "", **more}


def an_api(*answers: tuple[int, dict[str, Any]]) -> httpx.Client:
    """Return a client of an API that gives these answers, one after the other."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        expected = ("POST", "/search/v1/rebuilds") if len(left) == len(answers) else ("GET", "/search/v1/rebuilds/j1")
        assert (request.method, request.url.path) == expected
        status, body = left.pop(0)
        return httpx.Response(status, json=body)

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://chorally.test")


def test_it_tells_how_far_it_is_until_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing twice."""
    waits: list[float] = []
    states = [(202, job("queued")), (200, job("running", 500)), (200, job("running", 500)), (200, job("done", 1500))]
    assert followed(an_api(*states), wait=True, sleep=waits.append) == ""
    said = capsys.readouterr().out.splitlines()
    assert said == ["queued: 0 of 1,500 messages", "running: 500 of 1,500 messages", "done: 1,500 of 1,500 messages"]
    assert len(waits) == 3


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([(403, {"detail": "the permission is missing"})], "the permission is missing"),
        ([(202, job("queued")), (200, job("dead", error="RuntimeError: no room"))], "no room"),
        ([(202, job("queued")), (200, job("cancelled"))], "cancelled"),
    ],
)
def test_what_went_wrong_is_said(answers: list[tuple[int, dict[str, Any]]], said: str) -> None:
    """With the reason that the API or the job gives."""
    assert said in followed(an_api(*answers), wait=True, sleep=lambda seconds: None)


def test_it_need_not_be_waited_for() -> None:
    """The job goes on by itself."""
    assert followed(an_api((202, job("queued"))), wait=False) == ""
