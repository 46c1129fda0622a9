"""Every kind of call that the connector makes, and every answer of the sandbox, against Meta's description of nodes."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from chorally_instagram import Instagram
from chorally_instagram.sandbox import Account, AccountOfPage
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled
from chorally_sdk.testing.recording import Exchange, Recorder
from chorally_sdk.testing.specification import Described, read
from chorally_sdk.testing.specification.several import Several

REF = "0123456789abcdef0123456789abcdef"
IMAGE = sdk.Attachment(kind="image", url="https://media.example/lamp.jpg", media_type="image/jpeg")
VIDEO = sdk.Attachment(kind="video", external_id="f", media_type="video/mp4", size_bytes=7)
FILE = sdk.Attachment(kind="image", external_id="f", media_type="image/png", size_bytes=7)
UNDESCRIBED = {
    "token": "the nodes of tokens have no path",
    "upload": "the upload host is described on the page Resumable Uploads only",
    "file": "files are read from Meta's network of files, by a link",
    "person": "the nodes leave out the profile of a person who wrote",
    "message": "the nodes leave out a message of a conversation: its fields to, story and reply_to",
    "limit": "the nodes leave out ContentPublishingLimitResponse",
    "mention": "the nodes leave out that mentioned_comment and mentioned_media are asked for by id",
}
"""What the description leaves out, and why."""
EXCUSED = (*Account.excused, r"'filedata' is not one of")
"""What the kit passes over, too; and the file of an upload, which the description leaves out."""


@pytest.fixture
def description(specs: Path) -> Described:
    """Meta's nodes: of Instagram, and of the pages that conversations are described with."""
    return Several([read(specs / "instagram" / "api_specs"), read(specs / "facebook" / "api_specs")])


async def everything(account: Account, exchanges: list[Exchange]) -> None:
    """Do all that the connector can do, once."""
    known = account.connection()

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        yield b"content"

    def speaking(grant: sdk.Grant | None, **more: Any) -> Instagram:
        return connect(
            Instagram, Recorder(account.transport(), exchanges), external_id=known.external_id, grant=grant,
            app_settings=known.app_settings, settings=known.settings, data=known.data, now=account.clock, media=media,
            **more,
        )  # fmt: skip

    instagram = speaking(known.grant)
    await instagram.check()
    person = known.consented or known.grant
    await speaking(person, for_app=True).accounts()
    await speaking(person, for_app=True).renew(person)
    await instagram.unsubscribe(await instagram.subscribe("https://chorally.example", SecretStr("s"), None))
    account.page_size(2)
    comments = [account.add_comment("ada", f"comment {n}") for n in range(3)]
    reply = account.add_comment("bob", "And on Sunday?", parent_id=comments[0].id)
    said = [account.write(name, "Open?") for name in ("ada", "bob", "cleo")]
    account.tag("ada", "With @lamps.co")
    in_comment, in_caption = account.mention("ada", "Hi", in_comment=True), account.mention("ada", "Nice")
    for stream in instagram.streams():
        await pulled(instagram.pull(stream.name, None, None))
    await instagram.fetch(sdk.Ping(stream="comments", external_id=reply.id))
    await instagram.fetch(sdk.Ping(stream="messages", external_id=said[0].id))
    mention = f"{account.world.comments[in_comment.id].media_id}/{in_comment.id}"
    (mentioned,) = await instagram.fetch(sdk.Ping(stream="mentions", external_id=mention))
    await instagram.fetch(sdk.Ping(stream="mentions", external_id=in_caption.id))
    assert isinstance(mentioned, sdk.Message)
    to = {"channel": "instagram_message", "conversation_id": said[0].person}
    in_private: dict[str, Any] = {"channel": "instagram_comment", "options": {"private": True}}
    answers: tuple[dict[str, Any], ...] = (
        {"channel": "instagram_comment", "in_reply_to": comments[0].id, "conversation_id": comments[0].media_id},
        {**in_private, "in_reply_to": comments[1].id, "to": comments[1].author},
        {"channel": "instagram_post", "in_reply_to": comments[0].media_id, "conversation_id": comments[0].media_id},
        {"channel": "instagram_comment", "in_reply_to": in_comment.id, "route": mentioned.route},
        {**to, "in_reply_to": said[0].id, "body": "Here"},
        {**to, "late": True, "body": "late"},
        {**to, "body": "", "attachments": (FILE,)},
    )
    for given in answers:
        message = sdk.OutboundMessage.model_validate({"body": "Yes", **_common(account), **given})
        message = message.model_copy(update={"prepared": (await instagram.prepare(message)).state})
        with sdk.visible_call():
            await instagram.push(message)
        if not message.attachments and not message.route:
            await instagram.find(message)
    sent = account.world.conversation(said[0].person)[0]
    attachment = sdk.Attachment(kind="image", external_id=f"{sent.id}/0")
    assert [piece async for piece in instagram.download(attachment)] == [b"content"]
    for verb in ("read", "like"):
        await instagram.moderate(sdk.Action.model_validate({"verb": verb, "external_id": said[0].id, **to}))
    publications: tuple[dict[str, Any], ...] = (
        {"body": "One", "attachments": (IMAGE,), "options": {"alt_text": "A lamp", "location_id": "1"}},
        {"body": "Film", "attachments": (VIDEO,), "options": {"share_to_feed": True, "cover_url": "https://x.example"}},
        {"body": "Several", "attachments": (IMAGE, IMAGE), "options": {"collaborators": ["ada"]}},
        {"body": "", "attachments": (IMAGE,), "options": {"story": True}},
    )
    for given in publications:
        post = sdk.Publication.model_validate({"channel": "instagram_post", **_common(account), **given})
        while True:
            step = await instagram.prepare(post)
            post = post.model_copy(update={"prepared": step.state})
            if step.ready:
                break
        with sdk.visible_call():
            await instagram.publish(post)
        await instagram.find(post)
    for verb in ("hide", "unhide", "delete"):
        told = {"verb": verb, "external_id": comments[2].id, "channel": "instagram_comment"}
        await instagram.moderate(sdk.Action.model_validate(told))


def _common(account: Account) -> dict[str, Any]:
    return {"id": "1", "client_ref": REF, "tried_at": account.clock()}


def undescribed(exchange: Exchange) -> str:
    """Why a call cannot be judged; empty where it can."""
    url = urlsplit(exchange.url)
    if url.hostname == "rupload.facebook.com":
        return "upload"
    if url.hostname not in {"graph.facebook.com", "graph.instagram.com"}:
        return "file"
    if re.search(r"access_token$", url.path):
        return "token"
    if url.path.endswith("/content_publishing_limit"):
        return "limit"
    if "fields=mentioned_" in exchange.url:
        return "mention"
    if exchange.method == "GET" and re.search(r"/aWdf\d+$|/t_\d+/messages$", url.path):
        return "message"
    return "person" if exchange.method == "GET" and re.search(r"/9\d+$", url.path) else ""


def shape_of(exchange: Exchange) -> str:
    """A call without its ids: what distinguishes one kind of request from another."""
    url = urlsplit(exchange.url)
    path = re.sub(r"/(me|t_\w+|aWdf\w+|\d\w*)(?=/|$)", "/{id}", url.path.removeprefix("/v25.0"))
    names = {name for name, _ in parse_qsl(url.query)} - {"appsecret_proof", "after"}
    names |= (
        {f"fields={value}" for name, value in parse_qsl(url.query) if name == "fields"} if path == "/{id}" else set()
    )
    try:
        names |= set(json.loads(exchange.body))
    except ValueError:
        names |= {name for name, _ in parse_qsl(exchange.body.decode("latin-1"))} if b"\r\n" not in exchange.body else {
            name.decode() for name in re.findall(rb'name="(\w+)"', exchange.body)
        }  # fmt: skip
    return f"{exchange.method} {path} {' '.join(sorted(names))}"


@pytest.mark.parametrize(("platform", "count"), [(Account, 30), (AccountOfPage, 31)])
async def test_every_request_and_every_answer_is_as_meta_describes_it(
    description: Described, platform: type[Account], count: int
) -> None:
    """Calls that the description knows, with parameters and bodies that it knows, and answers in its words."""
    exchanges: list[Exchange] = []
    async with platform() as account:
        await everything(account, exchanges)

    judged = [exchange for exchange in exchanges if not undescribed(exchange)]
    mistakes = {
        f"{exchange.method} {urlsplit(exchange.url).path}: {mistake}"
        for exchange in judged
        for judge in (description.parameters, description.request, description.answer)
        for mistake in judge(exchange)
        if not any(re.search(each, mistake) for each in EXCUSED)
    }
    assert [each.url for each in judged if description.operation(each) is None] == []
    assert mistakes == set()
    assert {undescribed(exchange) for exchange in exchanges} - {""} <= set(UNDESCRIBED)
    assert all(exchange.status == 200 for exchange in exchanges)
    assert len({shape_of(exchange) for exchange in judged}) == count
