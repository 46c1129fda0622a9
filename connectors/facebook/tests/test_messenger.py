"""Messenger, as a page and the people who write to it see it."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import Fault, Kind

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect, pulled

CANARY = "0123456789abcdef0123456789abcdef"
Answer = Callable[..., sdk.OutboundMessage]


@pytest.fixture
def answer(an_answer: Answer) -> Answer:
    """Builds a message to Ada that is being sent now."""

    def build(body: str = "Yes", **changes: Any) -> sdk.OutboundMessage:
        given = {"channel": "facebook_message", "client_ref": CANARY, "in_reply_to": None, "conversation_id": "ada"}
        return an_answer(body, "", **{**given, **changes})

    return build


@pytest.fixture
def said(page: Sandbox) -> Any:
    """What Ada wrote last."""
    return page.app.write("ada", "Open?")


def events(page: Sandbox) -> list[sdk.Event]:
    """What the webhooks that wait would tell."""
    hooks = [a_hook(body) for body, _ in page.hooks.taken()]
    return [event for hook in hooks for event in connect(Facebook).parse(hook)]


def told_of(page: Sandbox) -> None:
    """Let webhooks wait to be looked at."""
    page.configure(callback_url="https://core.example/facebook", deliver="manual")


async def test_a_message_is_the_same_by_webhook_by_poll_and_fetched(page: Sandbox, facebook: Facebook) -> None:
    """Only the name comes later, which no webhook tells."""
    told_of(page)
    page.app.write("ada", "Open?")
    message, ping = events(page)
    assert isinstance(message, sdk.Message)
    assert isinstance(ping, sdk.Ping)
    [fetched] = await facebook.fetch(ping)
    [polled] = [event for each in await pulled(facebook.pull("messages", None, None)) for event in each.events]
    assert polled == fetched
    named = sdk.Author(external_id="ada", name="Ada")
    assert message.model_copy(update={"author": named}) == fetched


async def test_polls_bring_what_is_new_from_the_newest_twenty(page: Sandbox, facebook: Facebook, clock: Any) -> None:
    """Of every conversation that changed; what is older than wanted does not come."""
    page.configure(page_size=5)
    start = clock()
    for turn in range(13):
        clock.pass_(minutes=20)
        page.app.write(f"person-{turn}", f"hello {turn}", webhook=False)
    pages = await pulled(facebook.pull("messages", None, None))
    assert [len(each.events) for each in pages] == [5, 5, 3]
    clock.pass_(minutes=20)
    page.app.write("person-3", "and again", webhook=False)
    cursor = json.loads(json.dumps(dict(pages[-1].cursor)))
    [later] = await pulled(facebook.pull("messages", cursor, None))
    assert next(event.body for event in later.events if isinstance(event, sdk.Message)) == "and again"
    assert len(later.events) <= 2
    young = [e for each in await pulled(facebook.pull("messages", None, start)) for e in each.events]
    assert len(young) == 14


async def test_a_poll_goes_on_where_it_was_killed(page: Sandbox, facebook: Facebook) -> None:
    """The cursor of each page leads to the next."""
    page.configure(page_size=2)
    for turn in range(5):
        page.app.write(f"person-{turn}", "hello", webhook=False)
    cursor: Any = None
    found: list[sdk.Event] = []
    for _ in range(3):
        async for each in facebook.pull("messages", cursor, None):
            cursor, found = json.loads(json.dumps(dict(each.cursor))), [*found, *each.events]
            break
    assert len({event.external_id for event in found if isinstance(event, sdk.Message)}) == 5
    assert "sandbox-token" not in json.dumps(cursor)


async def test_an_answer_carries_our_reference_and_its_echo_brings_it_back(
    page: Sandbox, facebook: Facebook, answer: Answer, said: Any
) -> None:
    """It is known to be ours, whoever is quicker."""
    told_of(page)
    with sdk.visible_call():
        receipt = await facebook.push(answer(in_reply_to=said.id))
    [echo] = [event for event in events(page) if isinstance(event, sdk.Message) and event.ours]
    assert (echo.external_id, echo.client_ref, echo.conversation_id) == (receipt.external_id, CANARY, "ada")
    assert page.world.said[str(receipt.external_id)].reply_to == said.id


async def test_people_may_answer_for_seven_days_and_nothing_automatic_after_one(
    page: Sandbox, facebook: Facebook, answer: Answer, said: Any, clock: Any
) -> None:
    """The tag is set where a person wrote after the window, and nowhere else."""
    await facebook.push(answer("at once"))
    clock.pass_(hours=25)
    with pytest.raises(sdk.Rejected) as refused:
        await facebook.push(answer("automatic", options={"late": True, "tag": "HUMAN_AGENT"}))
    assert refused.value.reason is sdk.Reason.WINDOW
    await facebook.push(answer("a person's", late=True))
    clock.pass_(days=7)
    with pytest.raises(sdk.Rejected) as refused:
        await facebook.push(answer("too late", late=True))
    assert refused.value.reason is sdk.Reason.WINDOW
    tags = {each.message: each.tag for each in page.world.said.values() if each.metadata}
    assert tags == {"at once": "", "a person's": "HUMAN_AGENT"}


@pytest.mark.parametrize("private", [{"channel": "facebook_message"}, {"options": {"private": True}}])
async def test_a_comment_is_answered_in_private_once(
    page: Sandbox, facebook: Facebook, an_answer: Answer, private: dict[str, Any]
) -> None:
    """The receipt names the conversation that it began; it is found again by the comment."""
    asked = page.comment("7", "Rude!", author_name="Ada")
    reply = an_answer("Let us talk", asked.id, conversation_id=None, **private)
    assert await facebook.find(reply) is None
    with sdk.visible_call():
        receipt = await facebook.push(reply)
    assert (receipt.conversation_id, page.world.said[str(receipt.external_id)].message) == ("7", "Let us talk")
    found = await facebook.find(reply)
    assert found is not None
    assert found.external_id == receipt.external_id
    with pytest.raises(sdk.Rejected) as refused:
        await facebook.push(reply)
    assert refused.value.reason is sdk.Reason.WINDOW


async def test_a_private_answer_that_is_too_long_is_refused_before_any_call(an_answer: Answer) -> None:
    """There is only one, which cannot be split; a public one may be longer."""
    long = an_answer("x" * 2001, "1_2", options={"private": True}, conversation_id=None)
    with pytest.raises(sdk.Rejected, match="2000"):
        await connect(Facebook, lambda _: httpx.Response(500), external_id="1").push(long)


@pytest.mark.parametrize(("kind", "made"), [("timeout_after_effect", True), ("timeout_before_effect", False)])
async def test_a_lost_answer_is_looked_for_in_its_conversation(
    page: Sandbox, facebook: Facebook, answer: Answer, said: Any, clock: Any, kind: Kind, made: bool
) -> None:
    """Found where it was sent, proven absent where it was not; equal words of before and of the person do not count."""
    page.app.write("ada", "Yes")
    await facebook.push(answer("Yes"))
    clock.pass_(hours=1)
    page.app.write("ada", "Yes")
    reply = answer("Yes")
    page.faults.waiting.append(Fault(on="reply", kind=kind))
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
        await facebook.push(reply)
    found = await facebook.find(reply)
    assert (found is not None) is made
    if made:
        with sdk.visible_call():
            await facebook.push(reply)
        with pytest.raises(sdk.OutcomeUnknown, match="2 messages"):
            await facebook.find(reply)


async def test_messages_whose_details_are_hidden_leave_it_in_doubt(answer: Answer) -> None:
    """Below the newest twenty Facebook gives no more than ids."""

    def platform(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"data": [{"id": "t_1"}], "paging": {"cursors": {}}})

    with pytest.raises(sdk.OutcomeUnknown, match="does not show"):
        await connect(Facebook, platform, external_id="1").find(answer())


async def test_a_file_is_uploaded_unseen_and_sent(
    page: Sandbox, facebook: Facebook, answer: Answer, said: Any, clock: Any
) -> None:
    """The upload is a step of its own; people see one message with it."""
    content = [b"a" * 10, b"b" * 10]
    facebook = _with_files(page, content, clock)
    file = sdk.Attachment(kind="image", external_id="f", media_type="image/png", name="map.png", size_bytes=20)
    outgoing = answer("", attachments=(file,))
    step = await facebook.prepare(outgoing)
    assert step.ready
    assert len(page.world.said) == 1, "nobody sees an upload"
    receipt = await facebook.push(outgoing.model_copy(update={"prepared": step.state}))
    [seen] = page.world.said[str(receipt.external_id)].files
    assert page.world.files[seen].content == b"".join(content)


async def test_without_files_of_its_own_facebook_fetches_the_link(
    page: Sandbox, facebook: Facebook, answer: Answer, said: Any
) -> None:
    """Where the host keeps none, the attachment's url is sent."""
    outgoing = answer("", attachments=(sdk.Attachment(kind="image", url="https://files.example/map.png"),))
    step = await facebook.prepare(outgoing)
    receipt = await facebook.push(outgoing.model_copy(update={"prepared": step.state}))
    [seen] = page.world.said[str(receipt.external_id)].files
    assert page.world.files[seen].url == "https://files.example/map.png"


async def test_a_text_beside_a_file_is_refused_before_any_call(answer: Answer) -> None:
    """Messenger takes one or the other; half of it would be lost."""
    file = sdk.Attachment(kind="image", url="https://files.example/map.png")
    with pytest.raises(sdk.Rejected, match="text or a file"):
        await connect(Facebook, lambda _: httpx.Response(500)).push(answer("Here", attachments=(file,)))


async def test_a_file_is_read_by_a_link_of_now(page: Sandbox, facebook: Facebook) -> None:
    """Whatever link came with it; what is gone is told as gone."""
    file = page.world.file("image", content=b"photo", media_type="image/png")
    made = page.app.write("ada", "Look", files=(file.id,))
    attachment = sdk.Attachment(kind="image", external_id=f"{made.id}/0", url="https://old.example/expired")
    assert b"".join([piece async for piece in facebook.download(attachment)]) == b"photo"
    page.app.unsay(made.id)
    for gone in (attachment, attachment.model_copy(update={"external_id": None, "url": None})):
        with pytest.raises(sdk.Rejected) as refused:
            _ = [piece async for piece in facebook.download(gone)]
        assert refused.value.reason is sdk.Reason.GONE


async def test_a_conversation_is_marked_as_seen(page: Sandbox, facebook: Facebook, said: Any) -> None:
    """By its person; nothing else can be done to messages."""
    target = {"external_id": said.id, "channel": "facebook_message", "conversation_id": "ada"}
    await facebook.moderate(sdk.Action(verb="read", **target))
    assert said.is_read
    for wrong in ({**target, "verb": "hide"}, {**target, "verb": "read", "conversation_id": None}):
        with pytest.raises(sdk.Rejected):
            await facebook.moderate(sdk.Action.model_validate(wrong))


async def test_what_people_have_read_is_told_up_to_a_time(page: Sandbox, facebook: Facebook, said: Any) -> None:
    """A mark of all of ours in the conversation."""
    told_of(page)
    page.app.read_all("ada")
    [mark] = events(page)
    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id, mark.conversation_id, mark.at) == ("read", None, "ada", facebook.now())


async def test_buttons_are_sent_below_a_text(page: Sandbox, answer: Answer) -> None:
    """As quick replies; anything but a list of texts is refused."""
    seen: list[dict[str, Any]] = []

    def platform(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json={"message_id": "m_1", "recipient_id": "ada"})

    facebook = connect(Facebook, platform, external_id="1")
    await facebook.push(answer("Which?", options={"quick_replies": ["One", "Two"]}))
    assert [each["title"] for each in seen[0]["message"]["quick_replies"]] == ["One", "Two"]
    with pytest.raises(sdk.Rejected):
        await facebook.push(answer("Which?", options={"quick_replies": "One"}))


def _with_files(page: Sandbox, content: list[bytes], clock: Any) -> Facebook:
    async def media(_: sdk.Attachment) -> Any:
        for piece in content:
            yield piece

    grant = sdk.Grant(access="sandbox-token")
    made = connect(Facebook, page.transport(), external_id=page.world.page_id, grant=grant, now=clock)
    made._media = media
    return made


@pytest.mark.parametrize(("is_shown", "name"), [(True, "Ada Lovelace"), (False, "")])
async def test_a_name_that_a_message_lacks_is_read_from_the_profile(is_shown: bool, name: str) -> None:
    """Where the person shows it to the page."""

    def platform(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/77"):
            profile = {"id": "77", "name": "Ada Lovelace", "profile_pic": "https://cdn.example/77"}
            refusal = {"error": {"code": 230, "message": "Requires consent"}}
            return httpx.Response(200, json=profile) if is_shown else httpx.Response(403, json=refusal)
        told = {"id": "m_1", "message": "Open?", "created_time": "2026-11-23T09:00:00+0000", "from": {"id": 77}}
        return httpx.Response(200, json=told)

    facebook = connect(Facebook, platform, external_id="1")
    [message] = await facebook.fetch(sdk.Ping(stream="messages", external_id="m_1"))
    assert isinstance(message, sdk.Message)
    assert message.author is not None
    assert (message.author.external_id, message.author.name) == ("77", name)


async def test_a_message_of_which_facebook_gives_only_the_id_is_no_message() -> None:
    """What came by webhook stays as it is."""
    facebook = connect(Facebook, lambda _: httpx.Response(200, json={"id": "m_1"}), external_id="1")
    assert await facebook.fetch(sdk.Ping(stream="messages", external_id="m_1")) == []
