"""Recordings: what was said, without secrets, played again."""

import json
from pathlib import Path

import httpx
import pytest

from chorally_sdk.testing.recording import Exchange, NotRecorded, Recorder, Replay, redacted

TOKEN = "token-0123456789"


def platform(request: httpx.Request) -> httpx.Response:
    """Repeats what it was told, as platforms do."""
    if request.url.path == "/down":
        raise httpx.ReadTimeout("late", request=request)
    told = {"access_token": TOKEN, "name": "Ada", "next": f"https://p.example/a?access_token={TOKEN}&after=2"}
    return httpx.Response(200, json=told, headers={"Set-Cookie": "session=secret", "X-Kept": "yes"})


async def recorded(folder: Path) -> tuple[Path, Recorder]:
    """Record three calls."""
    recorder = Recorder(httpx.MockTransport(platform), [])
    async with httpx.AsyncClient(transport=recorder, base_url="https://p.example") as http:
        await http.get("/a", params={"access_token": TOKEN, "limit": "5"}, headers={"Authorization": f"Bearer {TOKEN}"})
        await http.post("/oauth", data={"client_secret": "shh-0123456789", "grant_type": "refresh_token"})
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/down")
    path = folder / "recorded.json"
    recorder.save(path, secrets=["shh-0123456789"], source="made up, 2026-11-23")
    return path, recorder


async def test_nothing_secret_is_written(tmp_path: Path) -> None:
    """Not in headers, URLs, forms, answers, or links within them; the rest is."""
    path, _ = await recorded(tmp_path)
    text = path.read_text("utf-8")
    assert not [word for word in (TOKEN, "shh-0123456789", "session=secret") if word in text]
    assert all(word in text for word in ("Ada", "limit=5", "after=2", "x-kept", "made up, 2026-11-23"))


async def test_a_recording_answers_the_same_calls_in_their_order(tmp_path: Path) -> None:
    """Also under another token; an error comes again, and what was not recorded is an error of the test."""
    path, _ = await recorded(tmp_path)
    replay = Replay(path)
    async with httpx.AsyncClient(transport=replay, base_url="https://p.example") as http:
        answer = await http.get("/a", params={"access_token": "another", "limit": "5"})
        assert (answer.json()["name"], answer.headers["x-kept"]) == ("Ada", "yes")
        with pytest.raises(httpx.ReadTimeout):
            await http.get("/down")
        with pytest.raises(NotRecorded, match="record it again"):
            await http.get("/a", params={"limit": "5"})
    assert [exchange.url for exchange in replay.unused] == ["https://p.example/oauth"]


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"plain text", b"<a href='?token=1'>", b"[1, 2]", b'"text"'])
def test_what_has_no_names_stays_as_it_is(body: bytes) -> None:
    """Bytes, texts and pages are not taken for forms."""
    exchange = Exchange("POST", "https://p.example/", body=body)
    assert redacted(exchange).body == body


def test_fields_are_known_by_their_names() -> None:
    """At any depth, in any case."""
    told = {"data": [{"Access_Token": "a", "code": "b", "decoded": "c", "password": "d", "token_type": "Bearer"}]}
    shown = json.loads(redacted(Exchange("POST", "https://p.example/", body=json.dumps(told).encode())).body)
    assert shown == {
        "data": [{"Access_Token": "***", "code": "***", "decoded": "c", "password": "***", "token_type": "Bearer"}]
    }
