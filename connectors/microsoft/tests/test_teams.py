"""The bot in Teams: what comes of activities, and what it says."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.config import AccountSettings, AppSettings
from chorally_microsoft.sandbox import TeamsBot
from chorally_microsoft.sandbox.bot import TENANT

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect
from chorally_sdk.testing.recording import Exchange

Answer = Callable[..., sdk.OutboundMessage]
CONVERSATION = "19:abc@thread.tacv2;messageid=1481567603816"
BASE: dict[str, Any] = {
    "type": "message",
    "id": "1485983408511",
    "timestamp": "2026-11-23T09:00:00.500Z",
    "serviceUrl": "https://smba.trafficmanager.net/emea/",
    "channelId": "msteams",
    "from": {"id": "29:ada", "name": "Ada", "aadObjectId": "0d2f…"},
    "conversation": {"id": CONVERSATION, "conversationType": "channel", "tenantId": TENANT, "isGroup": True},
    "recipient": {"id": "28:bot", "name": "Shop bot"},
    "text": "Hi",
    "textFormat": "plain",
    "locale": "it-IT",
}


def events(**changes: Any) -> list[sdk.Event]:
    """What an activity gives."""
    return list(connect(Microsoft).parse(a_hook(json.dumps({**BASE, **changes}))))


def message(**changes: Any) -> sdk.Message:
    """The message that an activity is."""
    (found,) = events(**changes)
    assert isinstance(found, sdk.Message)
    return found


def test_a_message_brings_all_that_an_answer_needs() -> None:
    """Where to, to which conversation, of which organisation."""
    found = message(replyToId="1485983408000")

    upper = message(conversation={**BASE["conversation"], "tenantId": TENANT.upper()})
    assert upper.account == found.account == TENANT
    assert found.conversation_id == CONVERSATION
    assert found.external_id == f"{CONVERSATION}/1485983408511"
    assert found.parent_id == f"{CONVERSATION}/1485983408000"
    assert found.route["service_url"] == BASE["serviceUrl"]
    assert found.author == sdk.Author(external_id="29:ada", name="Ada", language="it-IT")
    assert found.extra["conversation_type"] == "channel"


@pytest.mark.parametrize(
    ("text", "entities", "shown"),
    [
        ("<at>Shop bot</at> open?", [("28:bot", "<at>Shop bot</at>")], "open?"),
        (
            "<at>Shop bot</at> ask <at>Bob</at>",
            [("28:bot", "<at>Shop bot</at>"), ("29:bob", "<at>Bob</at>")],
            "ask Bob",
        ),
        ("Shop bot is nice", [], "Shop bot is nice"),
        ("  two  spaces ", [], "  two  spaces "),
    ],
)
def test_the_bots_own_name_is_no_part_of_what_is_said(text: str, entities: list[tuple[str, str]], shown: str) -> None:
    """It only says to whom; names of others stay."""
    mentions = [{"type": "mention", "mentioned": {"id": who}, "text": written} for who, written in entities]

    assert message(text=text, entities=mentions).body == shown


def test_markup_is_read_as_text() -> None:
    """Where the activity says that it is some."""
    assert message(text="<p>a &lt; b</p>", textFormat="xml").body == "a < b"
    assert message(text="a **b** <c>", textFormat="markdown").body == "a **b** <c>"


def test_edits_deletions_and_their_undoing_are_told() -> None:
    """As Teams calls them."""
    edited = message(type="messageUpdate", text="Hello", channelData={"eventType": "editMessage"})
    (deleted,) = events(type="messageDelete", channelData={"eventType": "softDeleteMessage"})
    back, shown = events(type="messageUpdate", channelData={"eventType": "undeleteMessage"})

    assert edited.edited_at == edited.sent_at
    assert isinstance(deleted, sdk.Mark)
    assert isinstance(shown, sdk.Mark)
    assert isinstance(back, sdk.Message)
    assert (deleted.state, shown.state) == ("deleted", "visible")
    assert deleted.external_id == shown.external_id == back.external_id == edited.external_id


@pytest.mark.parametrize("kind", ["conversationUpdate", "installationUpdate", "invoke", "messageReaction", "event"])
def test_what_happens_in_a_conversation_is_kept_as_automatic(kind: str) -> None:
    """Under an id of its own, with what it holds; no rule answers it."""
    found = message(type=kind, text=None, action="add", name="x/y", value={"a": 1}, membersAdded=[{"id": "29:bob"}])

    assert (found.kind, found.automatic) == (kind, True)
    assert found.external_id != message().external_id
    assert (found.extra["value"], found.extra["membersAdded"]) == ({"a": 1}, [{"id": "29:bob"}])


def test_typing_is_a_ping_with_nothing_to_read() -> None:
    """Somebody who begins to write has said nothing."""
    (found,) = events(type="typing")

    assert isinstance(found, sdk.Ping)
    assert found.account == TENANT


def test_an_activity_without_id_and_time_is_read() -> None:
    """Its id is made of its content, so that it is the same when read again."""
    first, again = message(id=None, timestamp=None), message(id=None, timestamp=None)

    assert first == again
    assert first.external_id.startswith(f"{CONVERSATION}/")


def test_a_files_link_is_its_own_key_and_a_card_is_kept() -> None:
    """A file's content names where it is downloaded; the HTML copy of the text is no file."""
    files = [
        {
            "contentType": "application/vnd.microsoft.teams.file.download.info",
            "contentUrl": "https://acme.sharepoint.com/a.pdf",
            "name": "a.pdf",
            "content": {"downloadUrl": "https://acme.sharepoint.com/download?k=1", "fileType": "pdf"},
        },
        {"contentType": "text/html", "content": "<p>Hi</p>"},
        {"contentType": "application/vnd.microsoft.card.adaptive", "content": {"type": "AdaptiveCard"}},
    ]
    found = message(attachments=files)

    assert [(each.name, each.url) for each in found.attachments] == [
        ("a.pdf", "https://acme.sharepoint.com/download?k=1"), (None, None),
    ]  # fmt: skip
    assert [card["contentType"] for card in found.extra["cards"]] == [
        "text/html", "application/vnd.microsoft.card.adaptive",
    ]  # fmt: skip


async def test_files_are_read_by_their_own_key_and_pictures_by_the_bots_token() -> None:
    """The token goes to services of the Bot Framework only, and nowhere else is asked."""
    seen: list[tuple[str, bool]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, "authorization" in request.headers))
        return httpx.Response(200, content=b"x")

    teams = connect(Microsoft, answer, settings=AccountSettings(kind="teams", tenant_id=TENANT))
    for host in ("acme.sharepoint.com", "smba.trafficmanager.net"):
        _ = [piece async for piece in teams.download(sdk.Attachment(kind="file", url=f"https://{host}/f"))]
    for url in ("https://evil.example/f", None):
        with pytest.raises(sdk.Rejected):
            _ = [piece async for piece in teams.download(sdk.Attachment(kind="file", url=url))]

    assert seen == [("acme.sharepoint.com", False), ("smba.trafficmanager.net", True)]


@pytest.mark.parametrize(
    "service",
    ["https://evil.example/", "http://smba.trafficmanager.net/", "https://graph.microsoft.com/", "no url", "https://["],
)
async def test_the_bots_token_goes_to_no_other_service(
    teams: Microsoft, an_answer: Answer, asked: list[Exchange], service: str
) -> None:
    """Whatever a route says."""
    given = {"channel": "teams_message", "conversation_id": "a:1", "route": {"service_url": service}}
    with pytest.raises(sdk.Rejected):
        await teams.push(an_answer(**given))

    assert asked == []


async def test_an_answer_goes_to_the_thread_and_the_region_of_what_it_answers(an_answer: Answer) -> None:
    """By the route alone, whatever the settings say; a pasted id of a thread stays one part of the path."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, json={"id": "99"})

    teams = connect(Microsoft, answer, settings=AccountSettings(kind="teams", tenant_id=TENANT))
    asked = message()
    receipt = await teams.push(
        an_answer(
            channel="teams_message", in_reply_to=asked.external_id, conversation_id=asked.conversation_id,
            route=asked.route, options={"format": "plain", "summary": "News"},
        )
    )  # fmt: skip

    assert str(seen[0].url) == (
        "https://smba.trafficmanager.net/emea/v3/conversations/"
        "19%3Aabc%40thread.tacv2%3Bmessageid%3D1481567603816/activities/1485983408511"
    )
    told = json.loads(seen[0].content)
    assert told == {
        "type": "message", "text": "Until six", "textFormat": "plain", "summary": "News", "replyToId": "1485983408511",
    }  # fmt: skip
    assert receipt.external_id == f"{CONVERSATION}/99"


async def test_a_conversation_is_begun_with_a_person(bot: TeamsBot, teams: Microsoft, an_answer: Answer) -> None:
    """In the organisation of the account; one that begins with nobody is refused."""
    receipt = await teams.push(an_answer("Hello", channel="teams_message", to="29:ada"))

    assert receipt.conversation_id == "a:ada"
    assert [made.external_id for made in bot.made()] == [receipt.external_id]
    with pytest.raises(sdk.Rejected):
        await teams.push(an_answer("Hello", channel="teams_message"))


async def test_the_bot_edits_and_deletes_its_own_words(bot: TeamsBot, teams: Microsoft, an_answer: Answer) -> None:
    """Deleting twice is success; other actions are refused."""
    sent = await teams.push(an_answer(channel="teams_message", in_reply_to=await bot.say("Open?")))
    action = sdk.Action(verb="edit", external_id=str(sent.external_id), channel="teams_message", body="Until seven")
    await teams.moderate(action)

    assert [made.body for made in bot.made()] == ["Until seven"]
    for _ in range(2):
        await teams.moderate(action.model_copy(update={"verb": "delete"}))
    assert bot.made() == []
    with pytest.raises(sdk.Rejected):
        await teams.moderate(action.model_copy(update={"verb": "like"}))
    with pytest.raises(sdk.Rejected) as error:
        await teams.moderate(action)
    assert error.value.reason is sdk.Reason.GONE


async def test_an_answer_without_an_id_is_of_unknown_outcome(an_answer: Answer) -> None:
    """It may be there; only a person can see."""
    for body in (b"{}", b"<html>"):
        teams = connect(
            Microsoft, lambda _, body=body: httpx.Response(200, content=body),  # type: ignore[misc]
            settings=AccountSettings(kind="teams", tenant_id=TENANT),
        )  # fmt: skip
        with pytest.raises(sdk.OutcomeUnknown):
            await teams.push(an_answer(channel="teams_message", conversation_id="a:1"))


async def test_a_service_that_lists_no_conversations_is_as_good() -> None:
    """Teams need not offer the list; that it knows the bot is enough."""
    for status in (404, 405):
        teams = connect(
            Microsoft, lambda _, status=status: httpx.Response(status, json={"error": {"code": "x", "message": "y"}}),  # type: ignore[misc]
            settings=AccountSettings(kind="teams", tenant_id=TENANT.upper()),
        )  # fmt: skip
        assert (await teams.check()).external_id == TENANT
    with pytest.raises(sdk.Rejected, match="directory"):
        await connect(Microsoft, settings=AccountSettings(kind="teams")).check()


async def test_a_bot_is_not_pulled_and_cannot_look(teams: Microsoft, an_answer: Answer) -> None:
    """What people say is told; what the bot said cannot be read."""
    assert teams.streams() == []
    assert await teams.fetch(sdk.Ping(stream="activities", external_id="typing/1")) == []
    with pytest.raises(sdk.OutcomeUnknown):
        await teams.find(an_answer(channel="teams_message"))


async def test_the_bots_token_is_issued_by_the_apps_secret(
    bot: TeamsBot, teams: Microsoft, asked: list[Exchange]
) -> None:
    """At the directory of the bot, for the Bot Framework; again when it has ended, without a person."""
    first = await teams.renew(None)
    again = await teams.renew(first)

    assert first.access != again.access
    assert [each.url for each in asked] == ["https://login.microsoftonline.com/botframework.com/oauth2/v2.0/token"] * 2
    assert b"scope=https%3A%2F%2Fapi.botframework.com%2F.default" in asked[0].body


def test_only_teams_says_whose_organisation_it_is() -> None:
    """Who talks by another channel, such as web chat, writes the channel's data themselves."""
    claimed = {"channelData": {"tenant": {"id": TENANT}}}

    assert message(**claimed).account == TENANT
    for other in ("webchat", "directline", None):
        found = message(**claimed, channelId=other)
        assert (found.account, found.route["tenant"]) == (None, "")


def test_what_is_null_is_as_good_as_absent() -> None:
    """Somebody without an id is nobody; the message is heard."""
    found = message(**{"from": {"id": None, "name": "Ada"}})

    assert (found.author, found.body) == (None, "Hi")


async def test_a_files_own_link_that_has_ended_says_nothing_of_the_bot() -> None:
    """The file is gone; the bot's token was not even shown."""
    teams = connect(Microsoft, lambda _: httpx.Response(401), settings=AccountSettings(kind="teams", tenant_id=TENANT))
    with pytest.raises(sdk.Rejected) as error:
        _ = [piece async for piece in teams.download(sdk.Attachment(kind="file", url="https://acme.sharepoint.com/f"))]

    assert error.value.reason is sdk.Reason.GONE


async def test_a_directory_is_claimed_only_where_the_app_lets_it(
    bot: TeamsBot, connected: Callable[..., Microsoft]
) -> None:
    """Where several customers share one bot, none may name the directory of another and hear its people."""
    app = bot.connection().app_settings
    assert isinstance(app, AppSettings)

    for allowed in ((), (TENANT.upper(),)):
        known = connected(bot, app_settings=app.model_copy(update={"bot_directories": allowed}))
        assert (await known.check()).external_id == TENANT
    other = connected(bot, app_settings=app.model_copy(update={"bot_directories": ("another",)}))
    with pytest.raises(sdk.Rejected, match="bot_directories"):
        await other.check()
