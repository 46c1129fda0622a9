"""Everything that is asked, answered and told, judged by Graph's CSDL and the Bot Framework's Swagger."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.names import INBOX, REMOVED, SENT
from chorally_microsoft.sandbox import Outlook, TeamsBot
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import pulled
from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Described, read

Answer = Callable[..., sdk.OutboundMessage]
Prepares = Callable[[Microsoft, sdk.OutboundMessage], Awaitable[sdk.OutboundMessage]]
Connects = Callable[..., Microsoft]

OF_OTHERS = ("/oauth2/", "/api/v2.0/sessions/", "/createUploadSession")
"""Calls that are not in the file: tokens, pieces of an upload, and its beginning, which the trimmed CSDL leaves out."""


def mistakes(described: Described, asked: list[Exchange]) -> list[str]:
    """What is wrong about calls, and which are none that is described."""
    unknown = [f"{each.method} {each.url}" for each in asked if not described.operation(each)]
    judges = (described.parameters, described.request, described.answer)
    return unknown + [mistake for each in asked for judge in judges for mistake in judge(each)]


def operations(described: Described, asked: list[Exchange]) -> set[str]:
    """The kinds of calls that were made."""
    return {found.name for each in asked if (found := described.operation(each))}


def a_file(name: str, size: int) -> sdk.Attachment:
    """A file of ours."""
    return sdk.Attachment(kind="file", external_id=name, name="a.pdf", media_type="application/pdf", size_bytes=size)


async def test_all_calls_for_mails_are_as_graph_describes_them(
    specs: Path, mailbox: Outlook, outlook: Microsoft, connected: Connects, asked: list[Exchange],
    files: dict[str, bytes], an_answer: Answer, prepared: Prepares,
) -> None:  # fmt: skip
    """Each kind once, for the person's own mailbox and a shared one; and the notifications."""
    described = read(specs / "microsoft" / "graph-v1.0-metadata.trimmed.csdl.xml")
    mailbox.page_size(1)
    said = [await mailbox.say("one"), await mailbox.attach("two", b"photo")]
    hooks = [*mailbox.hooks(), mailbox.batch("a", "b")]
    await connected(mailbox, asked, for_app=True).accounts()
    shared = connected(mailbox, asked, data={"address": "sales@shop.example", "shared": "sales@shop.example"})
    for connector in (outlook, shared):
        pages = await pulled(connector.pull(INBOX, None, mailbox.clock()))
        await pulled(connector.pull(INBOX, pages[-1].cursor, None))
        await pulled(connector.pull(SENT, None, None))
        file = next(m for page in pages for m in page.events if isinstance(m, sdk.Message) and m.attachments)
        _ = [piece async for piece in connector.download(file.attachments[0])]
        await connector.fetch(sdk.Ping(stream=REMOVED, external_id=said[0]))
        attachments = (a_file("small", 10), a_file("large", len(files["large"])))
        for options in ({}, {"reply_all": True, "cc": ["b@x.example"]}):
            answer = an_answer(in_reply_to=said[0], options=options, attachments=attachments)
            ready = await prepared(connector, answer)
            await connector.push(ready)
            await connector.find(ready)
            await connector.find(ready.model_copy(update={"prepared": {}}))
        await connector.push(await prepared(connector, an_answer(to="ada@example.com")))
        await connector.moderate(sdk.Action(verb="read", external_id=said[0], channel="outlook_mail"))
        made = await connector.subscribe("https://chorally.example/h", SecretStr("s"), None)
        await connector.unsubscribe(await connector.subscribe("https://chorally.example/h", SecretStr("s"), made))
    with pytest.raises(sdk.Rejected):
        await outlook.fetch(sdk.Ping(stream=INBOX, external_id="nowhere"))

    calls = [each for each in asked if not any(part in each.url for part in OF_OTHERS)]
    assert mistakes(described, calls) == []
    assert len(operations(described, calls)) >= 25
    assert len({(each.method, each.url, each.body) for each in calls}) >= 50
    assert [mistake for hook in hooks for mistake in described.hook(hook.body)] == []


async def test_all_calls_of_a_bot_are_as_the_bot_framework_describes_them(
    specs: Path, bot: TeamsBot, teams: Microsoft, asked: list[Exchange], an_answer: Answer
) -> None:
    """Each kind once, refusals too."""
    described = read(specs / "microsoft" / "botframework-channel.swagger.json")
    said = await bot.say("Open?")
    await teams.check()
    card = {"contentType": "application/vnd.microsoft.card.adaptive", "content": {"type": "AdaptiveCard"}}
    options = {"attachments": [card], "entities": [{"type": "mention"}], "summary": "News"}
    sent = await teams.push(an_answer(channel="teams_message", in_reply_to=said, options=options))
    await teams.push(an_answer(channel="teams_message", conversation_id=sent.conversation_id))
    await teams.push(an_answer(channel="teams_message", to="29:ada"))
    action = sdk.Action(verb="edit", external_id=str(sent.external_id), channel="teams_message", body="New")
    for verb in ("edit", "delete", "delete"):
        await teams.moderate(action.model_copy(update={"verb": verb}))

    assert mistakes(described, asked) == []
    assert len(operations(described, asked)) == 6
    assert len({(each.method, each.url, each.body) for each in asked}) >= 6


async def test_the_activities_of_the_sandbox_are_as_described(specs: Path, bot: TeamsBot) -> None:
    """The description has no webhooks, but says what an activity is: what a bot sends is one too."""
    described = read(specs / "microsoft" / "botframework-channel.swagger.json")
    said = await bot.say("Open?")
    await bot.edit(said, "Open now?")
    await bot.attach("Look", b"photo")
    await bot.remove(said)
    hooks = bot.hooks()
    url = "https://smba.trafficmanager.net/v3/conversations/a/activities"
    sent = [Exchange("POST", url, (("content-type", "application/json"),), hook.body) for hook in hooks]

    assert [mistake for each in sent for mistake in described.request(each)] == []
    assert len(sent) == 4
