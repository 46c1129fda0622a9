"""Direct messages: windows, the tag for people, files, profiles, and the search for what was sent."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_instagram import Instagram
from chorally_instagram.config import AccountSettings
from chorally_instagram.sandbox import Account, AccountOfPage

import chorally_sdk as sdk
from chorally_sdk.testing import pulled

Answer = Callable[..., sdk.OutboundMessage]
Speaking = Any


async def _sent(instagram: Instagram, message: sdk.OutboundMessage) -> sdk.Receipt:
    with sdk.visible_call():
        return await instagram.push(message)


def _to(person: str, **more: Any) -> dict[str, Any]:
    return {"channel": "instagram_message", "conversation_id": person, **more}


async def test_a_webhook_and_a_poll_tell_the_same_message(account: Account, instagram: Instagram) -> None:
    """By the same id, of the same person, whose name a fetch adds; our own words are ours by either id."""
    said = account.write("ada", "Open?")
    heard = instagram.parse(account.hooks()[0])
    message, ping = heard
    assert isinstance(message, sdk.Message)
    assert isinstance(ping, sdk.Ping)
    (fetched,) = await instagram.fetch(ping)
    assert isinstance(fetched, sdk.Message)
    (listed,) = [event for page in await pulled(instagram.pull("messages", None, None)) for event in page.events]
    assert isinstance(listed, sdk.Message)
    for name in ("external_id", "conversation_id", "body", "kind", "sent_at", "ours", "parent_id"):
        assert getattr(message, name) == getattr(fetched, name) == getattr(listed, name)
    assert fetched.author is not None
    assert (fetched.author.name, fetched.author.handle, fetched.author.followers) == ("Ada", "ada", 12)
    account.world.say(said.person, account.world.account, "Until six")
    pages = await pulled(instagram.pull("messages", None, None))
    assert {e.body: e.ours for page in pages for e in page.events if isinstance(e, sdk.Message)} == {
        "Open?": False, "Until six": True,
    }  # fmt: skip


async def test_a_profile_that_may_not_be_seen_costs_nothing(
    account: Account, instagram: Instagram, speaking: Speaking
) -> None:
    """Instagram shows it to who was written to; the message comes with the user name."""
    said = account.write("ada", "Open?")

    async def platform(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith(f"/{said.person}"):
            return httpx.Response(403, json={"error": {"code": 230, "message": "consent is required"}})
        return await account.transport().handle_async_request(request)

    hidden = speaking(account, platform=httpx.MockTransport(platform))
    (message,) = await hidden.fetch(sdk.Ping(stream="messages", external_id=said.id))
    assert isinstance(message, sdk.Message)
    assert message.author is not None
    assert message.author.handle == "ada"


@pytest.mark.parametrize(("hours", "late", "reason"), [(23, False, None), (25, False, "window"), (25, True, None),
                                                       (24 * 8, True, "window")])  # fmt: skip
async def test_people_may_answer_for_seven_days_and_nobody_else(
    account: Account, instagram: Instagram, an_answer: Answer, hours: int, late: bool, reason: str | None
) -> None:
    """The tag is set only where the host says that a person wrote it late."""
    said = account.write("ada", "Open?")
    account.clock.pass_(hours=hours)
    message = an_answer("Yes", late=late, in_reply_to=said.id, **_to(said.person))
    if reason is None:
        await _sent(instagram, message)
        assert account.world.conversation(said.person)[0].tag == ("HUMAN_AGENT" if late else "")
        return
    with pytest.raises(sdk.Rejected) as refused:
        await _sent(instagram, message)
    assert refused.value.reason == reason


async def test_a_text_is_measured_in_bytes(instagram: Instagram) -> None:
    """A thousand of them, as the manifest says it and the sandbox counts."""
    limits = instagram.manifest.channel("instagram_message").actions["reply"]
    assert (limits.max_text, limits.unit) == (1000, "bytes")


async def test_what_was_sent_is_found_and_two_of_it_are_in_doubt(
    account: Account, instagram: Instagram, an_answer: Answer
) -> None:
    """Among the conversation's messages since the attempt; nothing there proves that nothing was sent."""
    said = account.write("ada", "Open?")
    message = an_answer("Yes", **_to(said.person))
    assert await instagram.find(message) is None
    account.inject("timeout_after_effect", "write")
    with pytest.raises(sdk.OutcomeUnknown):
        await _sent(instagram, message)
    found = await instagram.find(message)
    assert found is not None
    assert found.external_id == account.world.conversation(said.person)[0].id
    account.world.say(said.person, account.world.account, "Yes")
    with pytest.raises(sdk.OutcomeUnknown):
        await instagram.find(message)
    account.clock.pass_(hours=1)
    assert await instagram.find(an_answer("Yes", **_to(said.person))) is None


async def test_an_answer_of_a_moment_of_weakness_is_an_unknown_outcome(
    account: Account, speaking: Speaking, an_answer: Answer
) -> None:
    """An error of the platform's own says nothing of whether the message went out; nor does an odd answer."""
    for answer in (
        httpx.Response(400, json={"error": {"code": 2, "message": "try again", "is_transient": True}}),
        httpx.Response(200, json={"recipient_id": "7"}),
    ):

        def platform(_: httpx.Request, answer: httpx.Response = answer) -> httpx.Response:
            return answer

        with pytest.raises(sdk.OutcomeUnknown):
            await _sent(speaking(account, platform=platform), an_answer("Yes", **_to("7")))


async def test_files_go_by_their_address_or_are_uploaded(
    account: Account, speaking: Speaking, an_answer: Answer
) -> None:
    """Unseen before the message; a text does not go with them."""
    said = account.write("ada", "A photo?")

    async def media(_: sdk.Attachment) -> Any:
        for piece in (b"pho", b"to"):
            yield piece

    instagram = speaking(account, media=media)
    kept = sdk.Attachment(kind="image", external_id="f", media_type="image/png", size_bytes=5)
    linked = sdk.Attachment(kind="image", url="https://media.example/lamp.png")
    for file in (kept, linked):
        message = an_answer("", attachments=(file,), **_to(said.person))
        step = await instagram.prepare(message)
        assert step.ready
        await _sent(instagram, message.model_copy(update={"prepared": step.state}))
    second, first = account.world.conversation(said.person)[:2]
    assert account.world.files[first.files[0]].content == b"photo"
    assert account.world.files[second.files[0]].url == linked.url
    with pytest.raises(sdk.Rejected, match="one after the other"):
        await instagram.push(an_answer("Look", attachments=(linked,), **_to(said.person)))
    with pytest.raises(sdk.Rejected, match="keeps no files"):
        await speaking(account).prepare(an_answer("", attachments=(kept,), **_to(said.person)))


async def test_buttons_seen_and_hearts(account: Account, instagram: Instagram, an_answer: Answer) -> None:
    """What else can be done in a conversation."""
    said = account.write("ada", "Open?")
    await _sent(instagram, an_answer("Which day?", options={"quick_replies": ["Today"]}, **_to(said.person)))
    for verb in ("read", "like"):
        await instagram.moderate(sdk.Action.model_validate({"verb": verb, "external_id": said.id, **_to(said.person)}))
    assert said.reactions == {account.world.account: "love"}
    with pytest.raises(sdk.Rejected, match="hide"):
        await instagram.moderate(sdk.Action(verb="hide", external_id=said.id, **_to(said.person)))
    with pytest.raises(sdk.Rejected, match="with whom"):
        await instagram.moderate(sdk.Action(verb="read", external_id=said.id, channel="instagram_message"))
    with pytest.raises(sdk.Rejected, match="list of texts"):
        await instagram.push(an_answer("Which?", options={"quick_replies": "Today"}, **_to(said.person)))


async def test_what_a_person_does_is_told(account: Account, instagram: Instagram) -> None:
    """Edits, deletions, reactions, what was read."""
    said = account.write("ada", "No. 17")
    account.hooks()
    account.rewrite(said.id, "No. 18")
    account.react(said.id)
    account.react(said.id, takes_back=True)
    account.read_it(said.id)
    account.unsay(said.id)
    events = [event for hook in account.hooks() for event in instagram.parse(hook)]
    assert [(type(e).__name__, getattr(e, "state", getattr(e, "kind", ""))) for e in events] == [
        ("Message", "text"), ("Message", "reaction"), ("Mark", "deleted"), ("Mark", "read"), ("Mark", "deleted"),
    ]  # fmt: skip


async def test_a_story_that_mentions_us_is_the_same_by_hook_and_poll(account: Account, instagram: Instagram) -> None:
    """Its file is the story."""
    link = "https://scontent.cdninstagram.com/_files/1"
    account.write("ada", "", story={"mention": {"id": "s1", "link": link}})
    heard = instagram.parse(account.hooks()[0])[0]
    (listed,) = [event for page in await pulled(instagram.pull("messages", None, None)) for event in page.events]
    for message in (heard, listed):
        assert isinstance(message, sdk.Message)
        assert (message.kind, [file.url for file in message.attachments]) == ("story_mention", [link])


async def test_by_facebook_messages_are_the_pages(
    of_page: AccountOfPage, speaking: Speaking, an_answer: Answer
) -> None:
    """The account's media have its own id, all else is of its page; both are at Facebook's host."""
    said = of_page.write("ada", "Open?")
    asked: list[str] = []

    async def platform(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.method} {request.url.host}{request.url.path}")
        return await of_page.transport().handle_async_request(request)

    instagram = speaking(of_page, platform=httpx.MockTransport(platform))
    await _sent(instagram, an_answer("Yes", **_to(said.person)))
    await pulled(instagram.pull("comments", None, None))
    assert asked == [
        "POST graph.facebook.com/v25.0/me/messages",
        f"GET graph.facebook.com/v25.0/{of_page.world.account}/media",
    ]


async def test_an_app_without_messages_neither_polls_nor_subscribes_to_them(
    account: Account, speaking: Speaking
) -> None:
    """By a setting of the account."""
    instagram = speaking(account, settings=AccountSettings(messages=False))
    assert [stream.name for stream in instagram.streams()] == ["comments", "mentions", "archive"]
    await instagram.subscribe("https://chorally.example", None, None)
    assert account.subscribed[account.world.account] == ("comments", "live_comments", "mentions")
