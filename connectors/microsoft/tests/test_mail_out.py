"""Answers and new mails: unseen drafts, their files, the one visible call, and finding it again."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.sandbox import Outlook

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

Answer = Callable[..., sdk.OutboundMessage]
Prepares = Callable[[Microsoft, sdk.OutboundMessage], Awaitable[sdk.OutboundMessage]]


def a_file(name: str, size: int | None = None) -> sdk.Attachment:
    """A file of ours."""
    return sdk.Attachment(
        kind="file", external_id=name, name=f"{name}.pdf", media_type="application/pdf", size_bytes=size
    )


def bodies(asked: list[Exchange], method: str, part: str) -> list[dict[str, object]]:
    """What was sent to some calls."""
    return [json.loads(each.body or b"{}") for each in asked if each.method == method and part in each.url]


async def test_an_answer_stands_above_what_it_answers(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares
) -> None:
    """As text made HTML: nothing of it is markup; what Graph quotes stays below."""
    asked = await mailbox.say("Open?")
    sent = await outlook.push(await prepared(outlook, an_answer("5 < 6\n  & more", in_reply_to=asked)))
    body = mailbox.store[str(sent.external_id)].body

    assert "<body><div>5 &lt; 6<br>&nbsp; &amp; more</div><br><hr" in body
    assert "Open?" in body
    assert mailbox.made()[0].target == asked


async def test_without_the_quotation_nothing_is_below(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares
) -> None:
    """Where the option says so; HTML of ours goes as it is."""
    asked = await mailbox.say("Open?")
    options = {"quote": False, "html": "<b>Yes</b>", "cc": ["boss@shop.example"]}
    sent = await outlook.push(await prepared(outlook, an_answer("Yes", in_reply_to=asked, options=options)))
    mail = mailbox.store[str(sent.external_id)]

    assert (mail.body, mail.more["kind"], mail.more["cc"]) == ("<b>Yes</b>", "html", ["boss@shop.example"])


async def test_an_answer_to_all_goes_to_all(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares
) -> None:
    """By the platform's own call for it."""
    asked = mailbox.store.add("Hi", who="ada@example.com", to=["support@shop.example", "bob@example.com"])
    sent = await outlook.push(await prepared(outlook, an_answer(in_reply_to=asked.id, options={"reply_all": True})))

    assert mailbox.store[str(sent.external_id)].more["to"] == ["ada@example.com", "bob@example.com"]


async def test_a_new_mail_goes_to_whom_it_is_for(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares
) -> None:
    """With its subject, as plain text."""
    message = an_answer("Your order is here", to="ada@example.com", options={"subject": "Your order"})
    sent = await outlook.push(await prepared(outlook, message))
    mail = mailbox.store[str(sent.external_id)]

    assert (mail.body, mail.more["subject"], mail.more["to"]) == (
        "Your order is here",
        "Your order",
        ["ada@example.com"],
    )
    with pytest.raises(sdk.Rejected, match="nobody"):
        await outlook.prepare(an_answer("To whom?"))


async def test_small_files_go_at_once_and_large_ones_in_pieces(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares, asked: list[Exchange],
    files: dict[str, bytes],
) -> None:  # fmt: skip
    """Each in a step of its own; pieces carry no token, for their URL is the key."""
    said = await mailbox.say("A map?")
    large = len(files["large"])
    message = an_answer(in_reply_to=said, attachments=(a_file("small"), a_file("large", large), a_file("large")))
    await outlook.push(await prepared(outlook, message))
    pieces = [dict(each.headers) for each in asked if each.method == "PUT"]

    assert list(mailbox.seen_files()) == [files["small"], files["large"], files["large"]]
    assert [each["content-range"] for each in pieces[:3]] == [
        f"bytes 0-3276799/{large}", f"bytes 3276800-6553599/{large}", f"bytes 6553600-{large - 1}/{large}",
    ]  # fmt: skip
    assert not any("authorization" in each for each in pieces)


async def test_a_step_whose_answer_was_lost_attaches_no_file_twice(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, files: dict[str, bytes]
) -> None:
    """The draft is asked what it has."""
    message = an_answer(in_reply_to=await mailbox.say("A map?"), attachments=(a_file("small"),))
    drafted = message.model_copy(update={"prepared": (await outlook.prepare(message)).state})
    mailbox.inject("timeout_after_effect", "prepare")
    with pytest.raises(sdk.RetryLater):
        await outlook.prepare(drafted)
    step = await outlook.prepare(drafted)
    await outlook.push(drafted.model_copy(update={"prepared": step.state}))

    assert step.ready
    assert list(mailbox.seen_files()) == [files["small"]]


async def test_a_draft_that_was_not_sent_is_absent_and_a_sent_one_is_found(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares
) -> None:
    """By the draft's id, which stays the same; by our reference where that was never stored."""
    ready = await prepared(outlook, an_answer(in_reply_to=await mailbox.say("Open?")))
    bare = ready.model_copy(update={"prepared": {}})

    assert await outlook.find(ready) is None
    assert await outlook.find(bare) is None
    sent = await outlook.push(ready)
    for outgoing in (ready, bare):
        found = await outlook.find(outgoing)
        assert found is not None
        assert found.external_id == sent.external_id


async def test_a_mail_that_is_nowhere_any_more_is_for_a_person_to_decide(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares
) -> None:
    """Somebody deleted it: whether it had been sent cannot be told."""
    ready = await prepared(outlook, an_answer(in_reply_to=await mailbox.say("Open?")))
    mailbox.store.move(str(ready.prepared["draft"]), "purged")

    with pytest.raises(sdk.OutcomeUnknown):
        await outlook.find(ready)


async def test_a_mail_under_another_id_is_found_by_its_name(
    mailbox: Outlook, an_answer: Answer, asked: list[Exchange]
) -> None:
    """An archive mailbox gives other ids; the Message-ID stays."""

    def answer(request: httpx.Request) -> httpx.Response:
        if "filter" in str(request.url):
            assert request.url.params["$filter"] == "internetMessageId eq '<o''hara@x>'"
            return httpx.Response(200, json={"value": [{"id": "other", "isDraft": False}]})
        return httpx.Response(404, json={"error": {"code": "ErrorItemNotFound", "message": "no"}})

    ready = an_answer(prepared={"draft": "d1", "message_id": "<o'hara@x>"})
    found = await connect(Microsoft, answer, data={"address": "a@x"}).find(ready)
    assert found is not None
    assert found.external_id == "other"


async def test_what_was_not_prepared_is_not_sent(outlook: Microsoft, an_answer: Answer, asked: list[Exchange]) -> None:
    """Nothing is called."""
    with pytest.raises(sdk.Rejected, match="prepare"):
        await outlook.push(an_answer(in_reply_to="1"))

    assert asked == []


async def test_a_mail_is_marked_as_read_and_takes_nothing_else(mailbox: Outlook, outlook: Microsoft) -> None:
    """What was sent cannot be taken back."""
    said = await mailbox.say("Hi")
    action = sdk.Action(verb="read", external_id=said, channel="outlook_mail")
    await outlook.moderate(action)

    assert mailbox.store[said].more["is_read"] is True
    with pytest.raises(sdk.Rejected):
        await outlook.moderate(action.model_copy(update={"verb": "delete"}))


@pytest.mark.parametrize("difference", [-1, 1, 4_000_000])
async def test_a_file_of_another_size_than_was_said_is_no_file_of_a_mail(
    mailbox: Outlook, outlook: Microsoft, an_answer: Answer, prepared: Prepares, files: dict[str, bytes],
    difference: int,
) -> None:  # fmt: skip
    """The upload would never end, and the mail would go without it."""
    claimed = len(files["large"]) + difference
    message = an_answer(in_reply_to=await mailbox.say("A map?"), attachments=(a_file("large", claimed),))

    with pytest.raises(sdk.Rejected, match="bytes"):
        await prepared(outlook, message)


@pytest.mark.parametrize("status", [401, 404, 410])
async def test_an_upload_whose_url_has_ended_begins_anew(
    an_answer: Answer, prepared: Prepares, files: dict[str, bytes], status: int
) -> None:
    """It says nothing of the person's consent, and the URL, which is a key, is told to nobody."""

    async def in_pieces(_: sdk.Attachment) -> AsyncIterator[bytes]:
        yield files["large"]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            return httpx.Response(status, json={"error": {"code": "InvalidAuthenticationToken", "message": "ended"}})
        if "createUploadSession" in request.url.path:
            return httpx.Response(201, json={"uploadUrl": "https://outlook.office.com/up?authtoken=canary-canary"})
        return httpx.Response(200, json={"value": []})

    message = an_answer(attachments=(a_file("large", len(files["large"])),), prepared={"draft": "d1"})
    with pytest.raises(sdk.RetryLater) as error:
        await prepared(connect(Microsoft, answer, data={"address": "a@x"}, media=in_pieces), message)

    assert "canary" not in repr(error.value)
