"""Comments and mentions: read, answered, looked for; and what only Instagram does."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_instagram import Instagram
from chorally_instagram.api import Api
from chorally_instagram.sandbox import Account
from chorally_instagram.sandbox.world import Comment

import chorally_sdk as sdk
from chorally_sdk.testing import pulled

Answer = Callable[..., sdk.OutboundMessage]
Speaking = Any


async def _sent(instagram: Instagram, message: sdk.OutboundMessage) -> sdk.Receipt:
    with sdk.visible_call():
        return await instagram.push(message)


async def _lost(account: Account, instagram: Instagram, message: sdk.OutboundMessage) -> None:
    account.inject("timeout_after_effect", "write")
    with pytest.raises(sdk.OutcomeUnknown):
        await _sent(instagram, message)


async def test_a_mention_in_a_comment_is_read_and_answered_there(
    account: Account, instagram: Instagram, an_answer: Answer
) -> None:
    """Instagram names it; the answer goes by the edge for mentions, with both ids."""
    made = account.mention("ada", "Ask @lamps.co", in_comment=True)
    assert isinstance(made, Comment)
    (ping,) = instagram.parse(account.hooks()[0])
    assert isinstance(ping, sdk.Ping)
    (message,) = await instagram.fetch(ping)
    assert isinstance(message, sdk.Message)
    assert (message.kind, message.body, message.channel) == ("mention", "Ask @lamps.co", "instagram_comment")
    assert message.author is not None
    assert message.author.handle == "ada"
    answer = an_answer("Thank you", in_reply_to=made.id, conversation_id=made.media_id, route=dict(message.route))
    receipt = await _sent(instagram, answer)
    assert account.world.comments[receipt.external_id or ""].parent_id == made.id
    with pytest.raises(sdk.OutcomeUnknown, match="listed nowhere"):
        await instagram.find(answer)


async def test_a_mention_in_a_caption_is_a_post_and_answered_below_it(
    account: Account, instagram: Instagram, an_answer: Answer
) -> None:
    """With the image, whose link is asked for at the time."""
    made = account.mention("ada", "My lamp by @lamps.co")
    (message,) = await instagram.fetch(sdk.Ping(stream="mentions", external_id=made.id))
    assert isinstance(message, sdk.Message)
    assert (message.channel, message.kind, message.body) == ("instagram_post", "mention", "My lamp by @lamps.co")
    expired = message.attachments[0].model_copy(update={"url": None})
    content = b"".join([piece async for piece in instagram.download(expired)])
    assert content == f"media {made.id}".encode()
    answer = an_answer("Lovely", "instagram_post", in_reply_to=made.id, route=dict(message.route))
    receipt = await _sent(instagram, answer)
    assert account.world.comments[receipt.external_id or ""].media_id == made.id


async def test_media_that_tag_the_account_are_polled(account: Account, instagram: Instagram) -> None:
    """No webhook tells of them."""
    account.tag("ada", "In our kitchen")
    pages = await pulled(instagram.pull("mentions", None, None))
    (message,) = [event for page in pages for event in page.events]
    assert isinstance(message, sdk.Message)
    assert (message.body, message.route) == ("In our kitchen", {"mention": {"media_id": message.external_id}})


@pytest.mark.parametrize("named", ["", "/", "5/6/7", "5){id}", "me?x"])
async def test_a_mention_of_a_strange_name_is_asked_of_nobody(
    account: Account, instagram: Instagram, named: str
) -> None:
    """Ids go into an expression there, which they must not change."""
    with pytest.raises(sdk.Rejected):
        await instagram.fetch(sdk.Ping(stream="mentions", external_id=named))
    assert account.calls == 0


def test_the_account_is_known_by_either_id_and_by_its_name(instagram: Instagram, account: Account) -> None:
    """Which of them a comment or a message bears is not documented."""
    api, world = Api.of(instagram.http, instagram.account, ""), account.world
    assert api.is_ours(world.account)
    assert api.is_ours(world.scoped_id)
    assert api.is_ours("7", "Lamps.Co")
    assert not api.is_ours("7", "ada")
    assert not api.is_ours(None, None)
    assert not Api.of(instagram.http, sdk.Account(id="1", tenant="acme", external_id="5"), "").is_ours("", "")


async def test_an_answer_to_a_reply_is_looked_for_in_its_thread(
    account: Account, instagram: Instagram, an_answer: Answer
) -> None:
    """It stands below the comment that both answer; an equal one there may be another's answer."""
    top = account.add_comment("ada", "Open?")
    reply = account.add_comment("bob", "On Sunday?", parent_id=top.id)
    pages = await pulled(instagram.pull("comments", None, None))
    messages = {event.external_id: event for page in pages for event in page.events if isinstance(event, sdk.Message)}
    route = dict(messages[reply.id].route)
    assert route == {"thread": top.id}
    answer = an_answer("Not then", in_reply_to=reply.id, conversation_id=top.media_id, route=route)
    assert await instagram.find(answer) is None
    await _lost(account, instagram, answer)
    with pytest.raises(sdk.OutcomeUnknown, match="could be it"):
        await instagram.find(answer)


async def test_a_comment_on_a_post_is_found_below_it(account: Account, instagram: Instagram, an_answer: Answer) -> None:
    """Without a comment that it answers; another's equal comment is not ours."""
    media = account.world.post("News")
    answer = an_answer("More soon", "instagram_post", conversation_id=media.id, in_reply_to=media.id)
    account.add_comment("ada", "More soon", media_id=media.id)
    assert await instagram.find(answer) is None
    await _lost(account, instagram, answer)
    found = await instagram.find(answer)
    assert found is not None
    assert account.world.comments[found.external_id or ""].author == account.world.account
    await instagram.moderate(
        sdk.Action(verb="delete", external_id=media.id, channel="instagram_post", conversation_id=media.id)
    )
    assert media.id not in account.world.media


async def test_an_answer_in_private_goes_to_the_comments_author_once(
    account: Account, instagram: Instagram, an_answer: Answer
) -> None:
    """It begins a conversation, and a second one is refused as too late."""
    comment = account.add_comment("ada", "How much?")
    options = {"private": True}
    answer = an_answer("Nine", in_reply_to=comment.id, to=comment.author, options=options)
    assert await instagram.find(answer) is None
    receipt = await _sent(instagram, answer)
    assert receipt.conversation_id == comment.author
    found = await instagram.find(answer)
    assert found is not None
    assert found.external_id == receipt.external_id
    with pytest.raises(sdk.Rejected) as refused:
        await _sent(instagram, an_answer("Ten", in_reply_to=comment.id, to=comment.author, options=options))
    assert refused.value.reason is sdk.Reason.WINDOW


async def test_a_comment_whose_author_has_no_id_is_known_by_name(speaking: Speaking, account: Account) -> None:
    """Older answers have the user name alone; ours is known by it, too."""
    rows = [
        {"id": "1", "text": "Hi", "username": "ada", "timestamp": "2026-11-23T08:00:00+0000"},
        {"id": "2", "text": "Hello", "username": "Lamps.Co", "timestamp": "2026-11-23T08:00:01+0000"},
    ]
    media = {"id": "5", "comments": {"data": rows, "paging": {"cursors": {}}}}

    def platform(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": [media], "paging": {"cursors": {}}})

    pages = await pulled(speaking(account, platform=platform).pull("comments", None, None))
    first, second = [event for page in pages for event in page.events if isinstance(event, sdk.Message)]
    assert first.author is not None
    assert (first.author.external_id, first.ours, second.ours) == ("@ada", False, True)


async def test_verbs_that_comments_do_not_take_are_refused(instagram: Instagram) -> None:
    """Instagram has neither an edit nor a like of comments."""
    for verb in ("edit", "like"):
        action = {"verb": verb, "external_id": "1", "channel": "instagram_comment"}
        with pytest.raises(sdk.Rejected, match=verb):
            await instagram.moderate(sdk.Action.model_validate(action))
    with pytest.raises(sdk.Rejected, match="say which"):
        await instagram.push(sdk.OutboundMessage(id="1", client_ref="0" * 32, channel="instagram_comment"))


class TestArchive:
    """Old media are asked once a day, the newest at every poll; together they bring everything once."""

    async def _walk(
        self, speaking: Speaking, account: Account, stream: str, cursor: Any = None
    ) -> tuple[list[str], Any]:
        known = account.connection()
        settings = known.settings.model_copy(update={"recent_media": 2})
        pages = await pulled(speaking(account, settings=settings).pull(stream, cursor, None))
        bodies = [event.body for page in pages for event in page.events if isinstance(event, sdk.Message)]
        return bodies, pages[-1].cursor

    async def test_the_two_streams_share_the_media(self, speaking: Speaking, account: Account) -> None:
        """Two of the newest, and three older ones, whatever a page of the listing holds."""
        for number in range(5):
            account.add_comment("ada", f"on {number}", media_id=account.world.post(str(number)).id)
        for size in (1, 2, 25):
            account.page_size(size)
            assert (await self._walk(speaking, account, "comments"))[0] == ["on 4", "on 3"]
            assert (await self._walk(speaking, account, "archive"))[0] == ["on 2", "on 1", "on 0"]

    async def test_what_is_known_is_not_read_again(self, speaking: Speaking, account: Account) -> None:
        """Listings go on no further than what is older than the last walk, where they are newest first."""
        media = account.world.post("News")
        for number in range(12):
            account.add_comment("ada", f"{number}", media_id=media.id)
            account.clock.pass_(minutes=30)
        account.page_size(2)
        said, cursor = await self._walk(speaking, account, "comments")
        assert len(said) == 12
        account.clock.pass_(hours=2)
        account.add_comment("ada", "new", media_id=media.id)
        before = account.calls
        again, _ = await self._walk(speaking, account, "comments", cursor)
        assert again[0] == "new"
        assert account.calls - before < 4

    async def test_an_order_that_is_another_is_noticed(self, speaking: Speaking, account: Account) -> None:
        """A listing that is oldest first is read to its end."""
        at = account.clock()

        def row(number: int) -> dict[str, str]:
            written = (at - timedelta(days=9 - number)).strftime("%Y-%m-%dT%H:%M:%S+0000")
            return {"id": str(number), "text": str(number), "username": "ada", "timestamp": written}

        def platform(request: httpx.Request) -> httpx.Response:
            more = {"cursors": {}, "next": "https://graph.instagram.com/v25.0/5/comments?after=x"}
            first = {"data": [row(0), row(1)], "paging": more}
            media = {"id": "5", "comments": first}
            if request.url.path.endswith("/comments"):
                return httpx.Response(200, json={"data": [row(8), row(9)], "paging": {"cursors": {}}})
            return httpx.Response(200, json={"data": [media], "paging": {"cursors": {}}})

        cursor = {"floor": (at - timedelta(days=1)).isoformat()}
        pages = await pulled(speaking(account, platform=platform).pull("comments", cursor, None))
        found = [event.body for page in pages for event in page.events if isinstance(event, sdk.Message)]
        assert found == ["0", "1", "8", "9"]
