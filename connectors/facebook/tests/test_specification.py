"""Every kind of call that the connector makes, and every answer of the sandbox, against Meta's description of nodes."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox.levers import Page
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled
from chorally_sdk.testing.recording import Exchange, Recorder
from chorally_sdk.testing.specification import Description, read

REF = "0123456789abcdef0123456789abcdef"
UNDESCRIBED = {
    "message": "the description has no node for a message of a conversation: its fields to and reply_to",
    "person": "the description has the node User, and not a person's profile as a page sees it",
    "file": "files are read from Meta's network of files, by a link",
}
"""What the description leaves out, and why."""
FILES = ("source", "filedata")
"""Fields of uploads, named by "Photos" and "Attachment Upload API"; the description leaves files out."""


@pytest.fixture
def description(specs: Path) -> Description:
    """Meta's nodes."""
    return read(specs / "facebook" / "api_specs")


async def everything(page: Page, exchanges: list[Exchange]) -> None:
    """Do all that the connector can do, once."""
    known = page.connection()

    async def media(_: sdk.Attachment) -> Any:
        yield b"content"

    def speaking(grant: sdk.Grant | None) -> Facebook:
        made = connect(
            Facebook, Recorder(page.transport(), exchanges), external_id=known.external_id, grant=grant,
            app_settings=known.app_settings, settings=known.settings, now=page.clock,
        )  # fmt: skip
        made._media = media
        return made

    facebook = speaking(known.grant)
    await facebook.check()
    await speaking(known.consented).accounts()
    await facebook.unsubscribe(await facebook.subscribe("https://chorally.example", SecretStr("s"), None))
    page.page_size(2)
    comments = [page.add_comment("7", f"comment {n}", author_name="Ada").id for n in range(3)]
    said = [page.write(f"person-{n}", "Open?") for n in range(3)]
    visit, mention = page.visit("7", "Hello", author_name="Ada"), page.mention("7", "Nice", author_name="Ada")
    for stream in facebook.streams():
        await pulled(facebook.pull(stream.name, None, None))
    for name, named in {"comments": comments[0], "messages": said[0].id, "posts": visit.id}.items():
        await facebook.fetch(sdk.Ping(stream=name, external_id=named))
    await facebook.fetch(sdk.Ping(stream="mentions", external_id=mention.id))
    file = sdk.Attachment(kind="image", external_id="f", media_type="image/png", size_bytes=7)
    to = {"channel": "facebook_message", "conversation_id": "person-0"}
    for given in (
        {"channel": "facebook_comment", "in_reply_to": comments[0], "conversation_id": visit.id},
        {"channel": "facebook_comment", "in_reply_to": comments[1], "options": {"private": True}},
        {"channel": "facebook_post", "in_reply_to": visit.id},
        {**to, "in_reply_to": said[0].id},
        {**to, "late": True, "body": "late"},
        {**to, "body": "", "attachments": (file,)},
    ):
        message = sdk.OutboundMessage.model_validate({"body": "Yes", **_common(page), **given})
        message = message.model_copy(update={"prepared": (await facebook.prepare(message)).state})
        with sdk.visible_call():
            await facebook.push(message)
        if not message.attachments:
            await facebook.find(message)
    sent = page.world.conversation("person-0")[-1]
    attachment = sdk.Attachment(kind="image", external_id=f"{sent.id}/0")
    assert [piece async for piece in facebook.download(attachment)] == [b"content"]
    await facebook.moderate(sdk.Action.model_validate({"verb": "read", "external_id": said[0].id, **to}))
    later = page.clock() + timedelta(hours=1)
    video = file.model_copy(update={"kind": "video"})
    for given in (
        {"body": "News", "options": {"link": "https://example.org"}},
        {"body": "Photos", "attachments": (file, file)},
        {"body": "Film", "attachments": (video,)},
        {"body": "Later", "publish_at": later, "attachments": (file,)},
    ):
        post = sdk.Publication.model_validate({"channel": "facebook_post", **_common(page), **given})
        while True:
            step = await facebook.prepare(post)
            post = post.model_copy(update={"prepared": step.state})
            if step.ready:
                break
        with sdk.visible_call():
            receipt = await facebook.publish(post)
        await facebook.find(post)
        await facebook.find(post.model_copy(update={"receipt": receipt}))
    for target, channel in ((comments[2], "facebook_comment"), (visit.id, "facebook_post")):
        for verb in ("edit", "hide", "unhide", "like", "delete"):
            told = {"verb": verb, "external_id": target, "channel": channel, "body": "other"}
            await facebook.moderate(sdk.Action.model_validate(told))


def _common(page: Page) -> dict[str, Any]:
    return {"id": "1", "client_ref": REF, "tried_at": page.clock()}


def undescribed(exchange: Exchange) -> str:
    """Why a call cannot be judged; empty where it can."""
    url = urlsplit(exchange.url)
    if url.hostname != "graph.facebook.com":
        return "file"
    if exchange.method == "GET" and re.search(r"/m_\d+_\d+$", url.path):
        return "message"
    if exchange.method == "GET" and re.search(r"/person-\d+$", url.path):
        return "person"
    return ""


def shape_of(exchange: Exchange) -> str:
    """A call without its ids: what distinguishes one kind of request from another."""
    url = urlsplit(exchange.url)
    path = re.sub(r"/(me|t_[\w-]+|m_\w+|\d[\w]*|person-\d+)(?=/|$)", "/{id}", url.path.removeprefix("/v25.0"))
    names = {name for name, _ in parse_qsl(url.query)} - {"appsecret_proof", "after"}
    try:
        names |= set(json.loads(exchange.body))
    except ValueError:
        names |= {name for name, _ in parse_qsl(exchange.body.decode("latin-1"))} if b"\r\n" not in exchange.body else {
            name.decode() for name in re.findall(rb'name="(\w+)"', exchange.body)
        }  # fmt: skip
    return f"{exchange.method} {path} {' '.join(sorted(names))}"


async def test_every_request_and_every_answer_is_as_meta_describes_it(description: Description) -> None:
    """Calls that the description knows, with parameters and bodies that it knows, and answers in its words."""
    exchanges: list[Exchange] = []
    async with Page() as page:
        await everything(page, exchanges)

    judged = [exchange for exchange in exchanges if not undescribed(exchange)]
    mistakes = {
        f"{exchange.method} {urlsplit(exchange.url).path}: {mistake}"
        for exchange in judged
        for judge in (description.parameters, description.request, description.answer)
        for mistake in judge(exchange)
        if not any(f"{name!r} is not one of" in mistake for name in FILES)
    }
    assert [each.url for each in judged if description.operation(each) is None] == []
    assert mistakes == set()
    assert {undescribed(exchange) for exchange in exchanges} - {""} <= set(UNDESCRIBED)
    assert all(exchange.status == 200 for exchange in exchanges)
    assert len({shape_of(exchange) for exchange in judged}) == 33
