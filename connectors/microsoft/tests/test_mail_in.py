"""What comes into a mailbox: by the changes of its folders, and by pings."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.html import to_text
from chorally_microsoft.mail.quoting import split
from chorally_microsoft.names import INBOX, REMOVED, SENT
from chorally_microsoft.sandbox import Outlook
from chorally_microsoft.sandbox.store import ADDRESS

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled
from chorally_sdk.testing.recording import Exchange

Connects = Callable[..., Microsoft]


def messages(pages: list[sdk.Page]) -> list[sdk.Message]:
    """All messages of some pages."""
    return [event for page in pages for event in page.events if isinstance(event, sdk.Message)]


async def test_the_first_walk_asks_for_what_is_wanted_and_every_call_for_lasting_ids(
    mailbox: Outlook, outlook: Microsoft, asked: list[Exchange]
) -> None:
    """Without the preference a mail that is filed elsewhere becomes another one."""
    mailbox.page_size(1)
    await mailbox.say("one")
    await mailbox.say("two")
    await pulled(outlook.pull(INBOX, None, mailbox.clock() - timedelta(days=1)))

    assert "%24filter=receivedDateTime+ge+2026-11-22T09%3A00%3A00Z" in asked[0].url
    assert len(asked) == 2
    assert all('IdType="ImmutableId"' in dict(each.headers)["prefer"] for each in asked)
    assert all('outlook.body-content-type="text"' in dict(each.headers)["prefer"] for each in asked)


@pytest.mark.parametrize("code", ["resync", "no_state"])
async def test_a_link_that_is_not_known_any_more_starts_the_walk_anew(
    mailbox: Outlook, outlook: Microsoft, code: str
) -> None:
    """Within the same call, and nothing of what came since is lost."""
    await mailbox.say("before")
    first = await pulled(outlook.pull(INBOX, None, None))
    mailbox.forget_cursors()
    await mailbox.say("meanwhile")
    again = await pulled(outlook.pull(INBOX, first[-1].cursor, None))

    assert [each.body for each in messages(again)] == ["before", "meanwhile"]
    assert again[-1].done
    last = await pulled(outlook.pull(INBOX, again[-1].cursor, None))
    assert messages(last) == []


async def test_what_leaves_the_inbox_is_looked_at(mailbox: Outlook, outlook: Microsoft) -> None:
    """Filed elsewhere it is there still; among the deleted items, or nowhere, it is gone."""
    filed, binned, purged = [await mailbox.say(body) for body in ("filed", "binned", "purged")]
    first = await pulled(outlook.pull(INBOX, None, None))
    mailbox.store.move(filed, "archive")
    mailbox.store.move(binned, "deleteditems")
    mailbox.store.move(purged, "purged")
    later = await pulled(outlook.pull(INBOX, first[-1].cursor, None))
    pings = [event for page in later for event in page.events if isinstance(event, sdk.Ping)]
    assert sum(len(page.events) for page in later) == len(pings)

    assert pings == [sdk.Ping(stream=REMOVED, external_id=each) for each in (filed, binned, purged)]
    (kept,) = await outlook.fetch(pings[0])
    assert isinstance(kept, sdk.Message)
    assert kept == messages(first)[0]
    for ping in pings[1:]:
        with pytest.raises(sdk.Rejected) as error:
            await outlook.fetch(ping)
        assert error.value.reason is sdk.Reason.GONE


async def test_what_is_sent_from_outlook_comes_as_ours(mailbox: Outlook, outlook: Microsoft) -> None:
    """From the folder of sent mails, in the conversation of what it answers."""
    asked = await mailbox.say("Open?")
    answer = await mailbox.say_elsewhere("Until six", target=asked)
    (found,) = messages(await pulled(outlook.pull(SENT, None, None)))
    (question,) = messages(await pulled(outlook.pull(INBOX, None, None)))

    assert (found.external_id, found.ours, found.body) == (answer, True, "Until six")
    assert found.conversation_id == question.conversation_id


async def test_a_draft_is_nobodys_word(mailbox: Outlook, outlook: Microsoft) -> None:
    """It is neither pulled nor fetched."""
    draft = mailbox.store.add("half a th", is_draft=True, who=ADDRESS)

    assert messages(await pulled(outlook.pull(INBOX, None, None))) == []
    assert await outlook.fetch(sdk.Ping(stream=INBOX, external_id=draft.id)) == []


async def test_a_change_that_names_only_some_properties_is_looked_at(mailbox: Outlook) -> None:
    """As of a flag; its mail is read in full."""

    def answer(_: httpx.Request) -> httpx.Response:
        link = "https://graph.microsoft.com/v1.0/me/mailFolders/inbox/messages/delta?$deltatoken=1"
        return httpx.Response(200, json={"value": [{"id": "1", "subject": "Hi"}], "@odata.deltaLink": link})

    (page,) = await pulled(connect(Microsoft, answer).pull(INBOX, None, None))

    assert page.events == (sdk.Ping(stream=INBOX, external_id="1"),)


async def test_a_page_that_leads_nowhere_or_back_is_no_end() -> None:
    """What would come after it must not be lost, nor be asked for without end."""
    link = "https://graph.microsoft.com/v1.0/me/mailFolders/inbox/messages/delta?$skiptoken=1"
    pages: list[dict[str, Any]] = [{"value": []}, {"value": [], "@odata.nextLink": link}]
    for told in pages:
        connector = connect(Microsoft, lambda _, told=told: httpx.Response(200, json=told))  # type: ignore[misc]
        with pytest.raises(sdk.Malformed):
            await pulled(connector.pull(INBOX, {"link": link}, None))


async def test_html_is_read_as_text_and_what_is_quoted_stands_beside(mailbox: Outlook, outlook: Microsoft) -> None:
    """Whatever Graph makes of the wish for plain text."""
    body = (
        "<html><head><style>p {}</style></head><body><p>Is it <b>open</b>&nbsp;&amp; free?</p>"
        '<a href="https://shop.example/map">Map</a><br>________________________________<br>From: Shop<br>'
        "Sent: Monday<br>Hello</body></html>"
    )
    mailbox.store.add(body, kind="html", who="ada@example.com")
    (found,) = messages(await pulled(outlook.pull(INBOX, None, None)))

    assert found.body == "Is it open & free?\nMap <https://shop.example/map>"
    assert found.extra["quoted"].endswith("From: Shop\nSent: Monday\nHello")


def test_a_mail_that_only_quotes_is_shown_whole() -> None:
    """An empty message would hide what somebody forwarded without a word."""
    text = "________________________________\nFrom: Shop\nSent: Monday\nHello"

    assert split(text) == (text, "")
    assert split(f"See below\n\n{text}") == ("See below", text)


@pytest.mark.parametrize(
    ("headers", "who", "is_automatic"),
    [
        ([], "ada@example.com", False),
        ([("Auto-Submitted", "no")], "ada@example.com", False),
        ([("Auto-Submitted", "auto-replied; owner")], "ada@example.com", True),
        ([("Precedence", "bulk")], "ada@example.com", True),
        ([("X-Auto-Response-Suppress", "All")], "ada@example.com", True),
        ([], "noreply@example.com", True),
        ([], "MAILER-DAEMON@example.com", True),
    ],
)
async def test_what_a_machine_wrote_is_marked(
    mailbox: Outlook, outlook: Microsoft, headers: list[tuple[str, str]], who: str, *, is_automatic: bool
) -> None:
    """So that no rule answers it."""
    mailbox.store.add("Hi", who=who, headers=headers)
    (found,) = messages(await pulled(outlook.pull(INBOX, None, None)))

    assert found.automatic is is_automatic


async def test_pictures_within_the_text_are_no_attachments(mailbox: Outlook, outlook: Microsoft) -> None:
    """Signatures are full of them."""
    said = await mailbox.attach("Look", b"photo")
    mailbox.store.files[said].append({**mailbox.store.files[said][0], "id": "logo", "isInline": True})
    (found,) = messages(await pulled(outlook.pull(INBOX, None, None)))

    assert [each.name for each in found.attachments] == ["photo.jpg"]


async def test_a_shared_mailbox_is_asked_by_its_address(mailbox: Outlook, connected: Connects) -> None:
    """As an account of its own, whose words are its own."""
    asked: list[Exchange] = []
    shared = connected(mailbox, asked, data={"address": "sales@shop.example", "shared": "sales@shop.example"})
    info = await shared.check()
    await pulled(shared.pull(INBOX, None, None))

    assert (info.name, info.data["shared"]) == ("Shop sales", "sales@shop.example")
    assert all("/users/sales@shop.example" in each.url.replace("%40", "@") for each in asked)


async def test_a_mailbox_that_a_person_may_not_open_is_not_offered(mailbox: Outlook, connected: Connects) -> None:
    """The others are; an outage is none of both."""
    person = connected(mailbox, for_app=True)
    mailbox.inject("forbidden", "read")
    with pytest.raises(sdk.Rejected):
        await person.accounts()

    def answer(request: httpx.Request) -> httpx.Response:
        if "users" in request.url.path:
            return httpx.Response(403, json={"error": {"code": "ErrorAccessDenied", "message": "no"}})
        return httpx.Response(200, json={"id": "U1", "mail": "me@shop.example"})

    known = mailbox.connection()
    found = await connect(Microsoft, answer, app_settings=known.app_settings, for_app=True).accounts()
    assert [each.external_id for each in found] == ["u1"]


def test_an_undocumented_lifecycle_event_has_the_folders_looked_at(mailbox: Outlook, outlook: Microsoft) -> None:
    """Whatever happened, nothing is lost by looking."""
    streams = [event.stream for event in outlook.parse(mailbox.unknown()) if isinstance(event, sdk.Ping)]

    assert streams == [INBOX, SENT]


@pytest.mark.parametrize("odd", ["<![ x", "<![ if y]>", "<![", "<![5]>", "<!", "<?", "</", "<![CDATA[", "<![foo[x"])
def test_html_that_is_no_html_is_read_all_the_same(odd: str) -> None:
    """One mail that cannot be read would hold up all that come after it."""
    assert to_text(f"<p>Hello</p>{odd}").startswith("Hello")


def test_a_head_need_not_be_closed() -> None:
    """HTML lets its end be left out."""
    assert to_text("<html><head><meta charset=x><body><p>Hello</body></html>") == "Hello"


MAIL: dict[str, Any] = {"id": "1", "receivedDateTime": "2026-11-23T09:00:00Z", "body": {"content": "Hi"}}


def one_page(*mails: dict[str, Any], files: int = 200, more: bool = False) -> Microsoft:
    """A connector whose folders have one page of changes; attachments are answered with a status."""
    base = "https://graph.microsoft.com/v1.0/me"

    def answer(request: httpx.Request) -> httpx.Response:
        if "attachments" not in request.url.path:
            return httpx.Response(200, json={"value": mails, "@odata.deltaLink": f"{base}/delta?$deltatoken=1"})
        if files != 200:
            return httpx.Response(files, json={"error": {"code": "ErrorItemNotFound", "message": "gone"}})
        is_last = not more or "$skip" in str(request.url)
        link = {} if is_last else {"@odata.nextLink": f"{base}/messages/1/attachments?$skip=1"}
        return httpx.Response(200, json={"value": [{"id": "b" if is_last else "a", "name": "x"}], **link})

    return connect(Microsoft, answer, data={"address": ADDRESS})


@pytest.mark.parametrize(
    "at", ["yesterday", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00"]
)
async def test_a_mail_of_an_odd_time_does_not_hold_up_the_others(at: str) -> None:
    """It is looked at by itself."""
    (page,) = await pulled(one_page({**MAIL, "id": "odd", "receivedDateTime": at}, MAIL).pull(INBOX, None, None))

    assert page.events[0] == sdk.Ping(stream=INBOX, external_id="odd")
    assert [each.external_id for each in messages([page])] == ["1"]


async def test_a_mail_that_cannot_be_read_does_not_hold_up_the_others() -> None:
    """It is looked at by itself, where its trouble is its own; what has no id cannot be."""
    (page,) = await pulled(one_page({**MAIL, "id": "odd", "subject": 5}, MAIL).pull(INBOX, None, None))

    assert page.events[0] == sdk.Ping(stream=INBOX, external_id="odd")
    assert [each.external_id for each in messages([page])] == ["1"]
    with pytest.raises(sdk.Malformed):
        await pulled(one_page({**MAIL, "id": 5}).pull(INBOX, None, None))


async def test_a_mail_that_is_deleted_while_it_is_read_does_not_hold_up_the_others() -> None:
    """Its files are not found any more."""
    attached = {**MAIL, "id": "gone", "hasAttachments": True}
    (page,) = await pulled(one_page(attached, MAIL, files=404).pull(INBOX, None, None))

    assert page.events[0] == sdk.Ping(stream=REMOVED, external_id="gone")
    assert [each.external_id for each in messages([page])] == ["1"]


async def test_files_are_listed_to_the_last_page() -> None:
    """However Graph parts them."""
    connector = one_page({**MAIL, "hasAttachments": True}, more=True)
    (mail,) = messages(await pulled(connector.pull(INBOX, None, None)))

    assert [each.external_id for each in mail.attachments] == ["1/a", "1/b"]


async def test_what_lies_among_the_sent_mails_is_ours() -> None:
    """Whatever address it bears, such as an alias; no rule answers our own word."""
    alias = {**MAIL, "from": {"emailAddress": {"address": "alias@shop.example"}}}
    (sent,) = messages(await pulled(one_page(alias).pull(SENT, None, None)))
    (came,) = messages(await pulled(one_page(alias).pull(INBOX, None, None)))

    assert (sent.ours, came.ours) == (True, False)
    (page,) = await pulled(one_page({"id": "1", "isRead": True}).pull(SENT, None, None))
    assert page.events == (sdk.Ping(stream=SENT, external_id="1"),)


async def test_a_header_without_a_name_is_passed_over() -> None:
    """Null is as good as absent."""
    headers = [{"name": None, "value": "x"}, {"name": "Precedence", "value": "bulk"}]
    (mail,) = messages(await pulled(one_page({**MAIL, "internetMessageHeaders": headers}).pull(INBOX, None, None)))

    assert mail.automatic
