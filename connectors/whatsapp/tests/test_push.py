"""What goes out: texts, files, places, contacts, reactions, and what WhatsApp's answers mean."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_whatsapp import WhatsApp
from chorally_whatsapp.limits import MAX_CAPTION, MAX_TEXT
from chorally_whatsapp.sandbox import Twin

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

from .building import ADA, REF, a_file, an_answer, send


@pytest.fixture(autouse=True)
async def asked(business: Twin) -> str:
    """Ada has just written; the id of her message."""
    return business.write(ADA, "text", {"body": "Open?"}).id


def sent_by(exchanges: list[Exchange]) -> dict[str, Any]:
    """The body of the last call that made something visible."""
    bodies = [json.loads(each.body) for each in exchanges if each.url.partition("?")[0].endswith("/messages")]
    found: dict[str, Any] = bodies[-1]
    return found


async def test_a_text_is_taken_and_confirmed_by_webhook(whatsapp: WhatsApp, business: Twin, asked: str) -> None:
    """The receipt is only that; a state with its id, and with our reference, says that it was sent."""
    business.courier.taken()
    receipt = await send(whatsapp, an_answer(in_reply_to=asked))
    sent, delivered = (mark for hook in business.hooks() for mark in whatsapp.parse(hook))

    assert (receipt.state, receipt.conversation_id) == ("accepted", ADA)
    assert isinstance(sent, sdk.Mark)
    assert isinstance(delivered, sdk.Mark)
    assert (sent.external_id, sent.client_ref, sent.state) == (receipt.external_id, REF, "sent")
    assert delivered.state == "delivered"


async def test_a_lost_answer_is_known_by_its_states(whatsapp: WhatsApp, business: Twin) -> None:
    """The mark bears our reference where no receipt was stored."""
    business.courier.taken()
    business.inject("timeout_after_effect", "write")
    with pytest.raises(sdk.OutcomeUnknown):
        await send(whatsapp, an_answer())
    marks = [mark for hook in business.hooks() for mark in whatsapp.parse(hook)]

    assert {mark.client_ref for mark in marks if isinstance(mark, sdk.Mark)} == {REF}


async def test_an_answer_quotes_what_it_answers(whatsapp: WhatsApp, asked: str, exchanges: list[Exchange]) -> None:
    """By the context; an id of our making, as a reaction's, is not sent."""
    await send(whatsapp, an_answer(in_reply_to=asked))
    quoted = sent_by(exchanges)
    await send(whatsapp, an_answer(in_reply_to=f"{asked}/reaction/{ADA}"))

    assert quoted["context"] == {"message_id": asked}
    assert "context" not in sent_by(exchanges)


async def test_settings_are_heeded(connected: Callable[..., WhatsApp], exchanges: list[Exchange]) -> None:
    """Neither a reference nor a preview, where they are off."""
    await send(connected(references=False, previews=False), an_answer())

    assert sent_by(exchanges)["text"] == {"body": "Yes", "preview_url": False}
    assert "biz_opaque_callback_data" not in sent_by(exchanges)


TO: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"conversation_id": None, "to": "+39 333 1234567"}, {"recipient_type": "individual", "to": "+39 333 1234567"}),
    ({"conversation_id": "IT.42"}, {"recipient_type": "individual", "recipient": "IT.42"}),
    ({"conversation_id": None, "route": {"to": "15551"}}, {"recipient_type": "individual", "to": "15551"}),
    ({"conversation_id": "Y2FwaV9ncm91cA"}, {"recipient_type": "group", "to": "Y2FwaV9ncm91cA"}),
]


@pytest.mark.parametrize(("given", "to"), TO)
def test_people_ids_and_groups_are_told_apart(given: dict[str, Any], to: dict[str, str]) -> None:
    """Who hides their number is reached by their id within the business."""
    from chorally_whatsapp.sending import recipient

    assert recipient(an_answer(**given)) == to


async def test_a_message_to_nobody_is_refused(whatsapp: WhatsApp, exchanges: list[Exchange]) -> None:
    """Before any call."""
    with pytest.raises(sdk.Rejected, match="goes to a person"):
        await whatsapp.push(an_answer(conversation_id=None))
    assert exchanges == []


FILES = [
    ("image/png", "image", {"caption": "Yes"}),
    ("video/mp4", "video", {"caption": "Yes"}),
    ("application/pdf", "document", {"caption": "Yes", "filename": "map.png"}),
    ("image/gif", "document", {"caption": "Yes", "filename": "map.png"}),
    ("text/plain; charset=utf-8", "document", {"caption": "Yes", "filename": "map.png"}),
]


@pytest.mark.parametrize(("media_type", "kind", "beside"), FILES)
async def test_a_file_is_uploaded_and_then_sent(
    whatsapp: WhatsApp, business: Twin, exchanges: list[Exchange], media_type: str, kind: str, beside: dict[str, Any]
) -> None:
    """Of the kind that WhatsApp shows; what it does not show is a document with its name."""
    await send(whatsapp, an_answer(attachments=[a_file(media_type)]))
    (stored,) = business.world.files.values()
    body = sent_by(exchanges)

    assert (stored.content, stored.media_type) == (b"content", media_type.partition(";")[0])
    assert (body["type"], body[kind]) == (kind, {"id": stored.id, **beside})


async def test_recordings_stickers_and_files_as_they_are(whatsapp: WhatsApp, exchanges: list[Exchange]) -> None:
    """A recording is a voice message when asked for; anything may go as a document."""
    given = [
        an_answer("", attachments=[a_file("audio/ogg; codecs=opus")], options={"voice": True}),
        an_answer("", attachments=[a_file("audio/mpeg")]),
        an_answer("", attachments=[a_file("image/webp")]),
        an_answer("", attachments=[a_file("image/png")], options={"document": True}),
    ]
    bodies = []
    for message in given:
        await send(whatsapp, message)
        bodies.append(sent_by(exchanges))

    assert [body["type"] for body in bodies] == ["audio", "audio", "sticker", "document"]
    assert [body[body["type"]].get("voice") for body in bodies] == [True, None, None, None]


async def test_a_text_beside_a_file_has_its_own_limit(whatsapp: WhatsApp, exchanges: list[Exchange]) -> None:
    """It is refused before anything is uploaded; as is a text beside a recording or a sticker."""
    longest = an_answer("a" * MAX_CAPTION, attachments=[a_file()])
    await send(whatsapp, longest)
    calls = len(exchanges)
    for message in (
        longest.model_copy(update={"body": "a" * (MAX_CAPTION + 1)}),
        an_answer(attachments=[a_file("audio/mpeg")]),
        an_answer(attachments=[a_file("image/webp")]),
    ):
        with pytest.raises(sdk.Rejected) as caught:
            await whatsapp.prepare(message)
        assert caught.value.reason == sdk.Reason.INVALID
    assert len(exchanges) == calls


async def test_a_file_without_a_store_is_fetched_by_whatsapp(business: Twin, exchanges: list[Exchange]) -> None:
    """By its address; without one it is refused."""
    known = business.connection()
    bare = connect(
        WhatsApp, business.transport(), external_id=known.external_id, grant=known.grant, settings=known.settings,
        now=business.clock,
    )  # fmt: skip
    with pytest.raises(sdk.Rejected, match="no url"):
        await bare.prepare(an_answer(attachments=[a_file()]))
    await send(bare, an_answer(attachments=[a_file(url="https://example.org/map.png")]))

    assert list(business.world.said.values())[-1].content["link"] == "https://example.org/map.png"


async def test_an_upload_whose_answer_is_lost_is_taken_again(whatsapp: WhatsApp, business: Twin) -> None:
    """Nobody sees it, so no person needs to decide."""
    business.inject("timeout_after_effect", "prepare", times=9)

    with pytest.raises(sdk.RetryLater):
        await whatsapp.prepare(an_answer(attachments=[a_file()]))


async def test_places_contacts_and_reactions_go_in_place_of_a_text(
    whatsapp: WhatsApp, business: Twin, asked: str, exchanges: list[Exchange]
) -> None:
    """Each in the Cloud API's form."""
    person = {"name": {"formatted_name": "Bob", "first_name": "Bob"}, "phones": [{"phone": "+1 555"}]}
    given: list[tuple[dict[str, Any], Any]] = [
        ({"location": {"latitude": 45.1, "longitude": "9.2", "address": "Via Uno 1"}}, {
            "latitude": "45.1", "longitude": "9.2", "name": "Shop", "address": "Via Uno 1"}),
        ({"contacts": [person]}, [person]),
        ({"reaction": "\N{PARTY POPPER}"}, {"message_id": asked, "emoji": "\N{PARTY POPPER}"}),
        ({"reaction": ""}, {"message_id": asked, "emoji": ""}),
    ]  # fmt: skip
    for options, content in given:
        await send(whatsapp, an_answer("Shop", in_reply_to=asked, options=options))
        body = sent_by(exchanges)
        assert body[body["type"]] == content
    await send(whatsapp, an_answer("\N{THUMBS UP SIGN}", in_reply_to=asked, options={"reaction": True}))

    assert business.world.said[asked].reaction == "\N{THUMBS UP SIGN}"
    assert "context" not in sent_by(exchanges)


WRONG: list[dict[str, Any]] = [
    {"options": {"location": {"latitude": 91, "longitude": 0}}},
    {"options": {"location": {"latitude": 1}}},
    {"options": {"location": "here"}},
    {"options": {"contacts": []}},
    {"options": {"contacts": [{"phones": []}]}},
    {"options": {"reaction": "\N{PARTY POPPER}"}},
    {"options": {"reaction": 7}, "in_reply_to": "wamid.A"},
    {"options": {"contacts": [{"name": {"formatted_name": "B"}}]}, "attachments": [a_file()]},
    {"body": "  "},
]


@pytest.mark.parametrize("given", WRONG)
async def test_what_whatsapp_would_not_take_is_refused(
    whatsapp: WhatsApp, exchanges: list[Exchange], given: dict[str, Any]
) -> None:
    """Before any call."""
    with pytest.raises(sdk.Rejected):
        await whatsapp.push(an_answer(**given))
    assert exchanges == []


async def test_after_a_day_only_a_template_is_taken(whatsapp: WhatsApp, business: Twin) -> None:
    """The refusal says so, and what to do."""
    business.close_window()
    with pytest.raises(sdk.Rejected, match="send a template") as caught:
        await send(whatsapp, an_answer())
    template = sdk.Template(name="opening_hours", language="en_US")
    receipt = await send(whatsapp, an_answer("", template=template))

    assert caught.value.reason == sdk.Reason.WINDOW
    assert receipt.external_id


async def test_what_would_be_refused_is_refused_before_a_file_is_uploaded(
    whatsapp: WhatsApp, exchanges: list[Exchange]
) -> None:
    """The text below it, the options beside it, the values of a template above which it stands."""
    for options in ({"buttons": ["a", "a"]}, {"location": {"latitude": 1, "longitude": 2}}, {"reaction": "+"}):
        with pytest.raises(sdk.Rejected):
            await whatsapp.prepare(an_answer(attachments=[a_file()], options=options))
    assert exchanges == []
    template = sdk.Template(name="order_ready", language="it", values=("Ada",))
    with pytest.raises(sdk.Rejected, match="takes 2 values"):
        await whatsapp.prepare(an_answer("", template=template, attachments=[a_file()]))
    assert [each.method for each in exchanges] == ["GET"]


async def test_a_weakness_that_is_no_5xx_leaves_the_outcome_open(business: Twin) -> None:
    """The code counts, whatever the status."""
    error = {"error": {"message": "Something went wrong", "type": "OAuthException", "code": 131000}}
    known = business.connection()
    weak = connect(
        WhatsApp, httpx.MockTransport(lambda _: httpx.Response(400, json=error)), external_id=known.external_id,
        grant=known.grant, settings=known.settings,
    )  # fmt: skip
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
        await weak.push(an_answer())


async def test_an_answer_that_does_not_name_what_was_made_is_unknown(whatsapp: WhatsApp, business: Twin) -> None:
    """It was taken, maybe."""
    from chorally_whatsapp.sending import sent

    answers: list[dict[str, Any]] = [{}, {"messages": []}, {"messages": [{"message_status": "accepted"}]}]
    for told in answers:
        with pytest.raises(sdk.OutcomeUnknown):
            sent(httpx.Response(200, json=told), an_answer())


def test_the_longest_text_is_counted_in_characters() -> None:
    """As the manifest declares it."""
    limits = WhatsApp.manifest.channels[0].actions["reply"]

    assert (limits.max_text, limits.unit) == (MAX_TEXT, "code_points")
    assert limits.dedupe == "none"
