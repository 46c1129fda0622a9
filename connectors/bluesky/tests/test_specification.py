"""All that the connector says, and the sandbox answers, is judged by the official lexicons."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_bluesky.config import AccountSettings
from chorally_bluesky.sandbox import Network
from chorally_bluesky.sandbox.login import PASSWORD
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import pulled
from chorally_sdk.testing.recording import Exchange, Recorder
from chorally_sdk.testing.specification import read

PICTURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x28\0\0\0\x14\x08\x02\0\0\0"
ASKED = {
    "com.atproto.identity.resolveHandle", "com.atproto.server.createSession", "com.atproto.server.refreshSession",
    "com.atproto.server.getSession", "com.atproto.server.deleteSession", "com.atproto.repo.putRecord",
    "com.atproto.repo.getRecord",
    "com.atproto.repo.deleteRecord", "com.atproto.repo.uploadBlob", "com.atproto.sync.getBlob",
    "app.bsky.notification.listNotifications", "app.bsky.notification.updateSeen", "app.bsky.feed.getPosts",
    "app.bsky.feed.getAuthorFeed", "app.bsky.feed.getPostThread",
}  # fmt: skip
"""Every operation there is for the connector."""


@pytest.fixture
async def said(network: Network, connects: Any, an_answer: Any, a_post: Any, prepared: Any) -> list[Exchange]:
    """Everything that the connector can say, with all that a post can have."""
    exchanges: list[Exchange] = []

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        yield PICTURE

    recorder = Recorder(network.transport(), exchanges)
    typed = sdk.Grant(access=SecretStr(f"acme.test:{PASSWORD}"))
    grant = await connects(platform=recorder, grant=typed).renew(typed)
    grant = await connects(platform=recorder, grant=grant).renew(grant)
    settings = AccountSettings(mark_seen=True)
    bluesky = connects(platform=recorder, grant=grant, media=media, settings=settings)
    await bluesky.check()
    network.page_size(2)
    asked = [await network.say(f"Question {number}") for number in range(5)]
    network.mention("Hi @acme.test")
    network.quote("Look at them")
    shown = await network.attach("Look", PICTURE)
    for stream in ("notifications", "threads"):
        pages = await pulled(bluesky.pull(stream, None, None))
        await pulled(bluesky.pull(stream, pages[-1].cursor, None))
    [message] = await bluesky.fetch(sdk.Ping(stream="threads", external_id=shown))
    [_ async for _ in bluesky.download(message.attachments[0])]
    await _written(network, bluesky, an_answer, a_post, prepared, asked)
    await bluesky.revoke(grant)
    return exchanges


async def _written(
    network: Network, bluesky: Any, an_answer: Any, a_post: Any, prepared: Any, asked: list[str]
) -> None:
    network.world.account("ada")
    picture = sdk.Attachment(kind="image", media_type="image/png", name="A map")
    card = {"uri": "https://example.com/", "title": "Hours", "description": "All of them"}
    text = "Hi @ada.test, see https://example.com #orari \N{CAT FACE WITH TEARS OF JOY}"
    everything = {"langs": ["it", "en"], "labels": ["graphic-media"], "quote": asked[1]}
    for outgoing in (
        an_answer(text, asked[0], attachments=(picture, picture), options=everything),
        a_post("News", attachments=(picture,), options={"card": card}),
        a_post("", options={"quote": asked[2]}),
    ):
        ready = await prepared(bluesky, outgoing)
        made = await (bluesky.push(ready) if isinstance(ready, sdk.OutboundMessage) else bluesky.publish(ready))
        assert await bluesky.find(ready) == made
    await bluesky.find(an_answer("never made", asked[0]))
    for verb, target in (("like", asked[0]), ("hide", asked[0]), ("unhide", asked[0]), ("delete", made.external_id)):
        given = {"verb": verb, "external_id": target, "channel": "bluesky_reply"}
        await bluesky.moderate(sdk.Action.model_validate(given))


def test_every_request_and_every_answer_is_as_the_lexicons_say(said: list[Exchange], specs: Path) -> None:
    """Operations, parameters, bodies with their records, and answers; the directory alone is none of theirs."""
    description = read(specs / "bluesky" / "lexicons")
    ours = [exchange for exchange in said if "/xrpc/" in exchange.url]
    judged = [
        *(f"{e.url}: no such operation" for e in ours if description.operation(e) is None),
        *(mistake for e in ours for mistake in description.parameters(e)),
        *(mistake for e in ours for mistake in description.request(e)),
        *(mistake for e in ours for mistake in description.answer(e)),
    ]
    distinct = {(e.method, e.url, e.body) for e in ours}

    assert judged == []
    assert {e.url.partition("?")[0].rpartition("/")[2] for e in ours} == ASKED
    assert len(distinct) >= 31
    assert {e.url for e in said} - {e.url for e in ours} == {
        f"https://plc.directory/{did}" for did in (e.url.rpartition("/")[2] for e in said if "plc.directory" in e.url)
    }
