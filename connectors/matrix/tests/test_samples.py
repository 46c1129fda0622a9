"""The samples of real payloads, which are not part of this repository: nothing in them is dropped."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_matrix import Matrix
from chorally_matrix.shapes import Sent, Session, Shape, Synced, Uploaded, read

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect, pulled

ROOM = "!726s6s6q:example.com"
EVENTS: dict[str, tuple[str, str]] = {
    "m_reaction": ("Mark", "read"),
    "m_room_redaction": ("Mark", "deleted"),
    "m_room_message_m_audio": ("Message", "audio"),
    "m_room_message_m_file": ("Message", "file"),
    "m_room_message_m_image": ("Message", "image"),
    "m_room_message_m_video": ("Message", "video"),
    "m_room_message_m_notice": ("Message", "notice"),
    "m_room_message_m_server_notice": ("Message", "server_notice"),
}
"""What each event gives; there is none that gives nothing."""

ERRORS: dict[str, tuple[int, type[sdk.ConnectorError]]] = {
    "content_repo_get_400_response": (400, sdk.Rejected),
    "content_repo_get_413_response": (413, sdk.Rejected),
    "content_repo_post_403_response": (403, sdk.Rejected),
    "content_repo_put_403_response": (403, sdk.Rejected),
    "content_repo_put_409_response": (409, sdk.Rejected),
    "login_post_400_response": (400, sdk.Rejected),
    "whoami_get_401_response": (401, sdk.Reauthorize),
    "whoami_get_403_response": (403, sdk.Rejected),
}

UNUSED = {
    "content_repo_get_200_response": "a preview of a URL, which nobody asks for",
    "content_repo_put_200_response": "the answer to another way of uploading",
    "login_get_200_response": "a list of ways to sign in, which nobody asks for",
}
"""Samples of calls that the connector does not make."""


@pytest.fixture
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads/matrix").glob("*.json")}


def test_every_event_gives_one(samples: dict[str, Any]) -> None:
    """Told by a transaction: as many go in as come out."""
    envelope = {"event_id": "$1", "sender": "@ada:example.org", "origin_server_ts": 1, "room_id": ROOM}
    items = [{**samples[name], **envelope, "event_id": f"${name}"} for name in EVENTS]

    found = connect(Matrix).parse(a_hook(json.dumps({"events": items}), account="@us:example.org"))

    told = [(type(event).__name__, getattr(event, "kind", None) or getattr(event, "state", "")) for event in found]
    assert told == list(EVENTS.values())


def test_files_keep_their_address_name_type_and_size(samples: dict[str, Any]) -> None:
    """Of each of the four kinds of files."""
    files = [samples[name] for name in EVENTS if "url" in samples[name]["content"]]
    envelope = {"event_id": "$1", "sender": "@ada:example.org", "origin_server_ts": 1, "room_id": ROOM}
    body = json.dumps({"events": [{**file, **envelope} for file in files]})

    found = [m for m in connect(Matrix).parse(a_hook(body, account="@us:example.org")) if isinstance(m, sdk.Message)]

    told = [(a.external_id, a.name, a.media_type, a.size_bytes) for m in found for a in m.attachments]
    wanted = [(c["url"], c["body"], c["info"]["mimetype"], c["info"]["size"]) for c in (f["content"] for f in files)]
    assert told == wanted
    assert len(told) == 4
    assert [message.body for message in found] == [""] * 4


async def test_the_sync_gives_what_was_said_and_reads_the_gap(samples: dict[str, Any]) -> None:
    """One message, of a person with a name; the membership, the topic's config and the knock say nothing to us."""
    asked: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.url.path.endswith("/messages"):
            return httpx.Response(200, json={"start": "t34", "chunk": []})
        first = "since" not in request.url.params
        return httpx.Response(200, json=samples["sync_get_200_response"] if first else {"next_batch": "s2"})

    us = connect(Matrix, answers, external_id="@us:example.org", base_url="https://matrix.example.org")
    pages = await pulled(us.pull("sync", None, None))

    (message,) = [event for page in pages for event in page.events]
    assert isinstance(message, sdk.Message)
    assert (message.body, message.extra["html"]) == (
        "This is an example text message", "<b>This is an example text message</b>",
    )  # fmt: skip
    assert message.author is not None
    assert (message.author.external_id, message.author.name) == ("@example:example.org", "Example user")
    assert [path.rpartition("/")[2] for path in asked] == ["sync", "join", "messages", "sync"]
    assert pages[-1].cursor == {"since": "s2"}


def test_every_answer_is_read(samples: dict[str, Any]) -> None:
    """Sessions, uploads and sent messages; the errors lead to what the host does next."""
    shapes: dict[str, type[Shape]] = {
        "login_post_200_response": Session,
        "refresh_post_200_response": Session,
        "content_repo_post_200_response": Uploaded,
        "room_send_put_200_response": Sent,
        "redaction_put_200_response": Sent,
        "sync_get_200_response": Synced,
    }
    for name, shape in shapes.items():
        read(shape, json.dumps(samples[name]).encode(), name)
    for name, (status, kind) in ERRORS.items():
        assert type(connect(Matrix).fault(httpx.Response(status, json=samples[name]))) is kind, name
    assert set(samples) == {*shapes, *ERRORS, *EVENTS, *UNUSED}
