"""What goes out: texts, files, threads, and what is refused before it is sent."""

import json
from collections.abc import Callable

import httpx
import pytest
from chorally_matrix import Matrix, files
from chorally_matrix.sandbox import Homeserver
from chorally_matrix.sandbox.world import LOBBY
from chorally_matrix.sending import MAX_TEXT

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

FILE = bytes(range(256)) * 10
"""What the fixture's host keeps, whatever it is asked for."""

AnAnswer = Callable[..., sdk.OutboundMessage]


async def test_an_answer_names_what_it_answers_and_tells_who_asked(
    us: Matrix, server: Homeserver, an_answer: AnAnswer, asked: list[Exchange]
) -> None:
    """In its thread, with HTML, and others who are to know."""
    first = await server.say("Open?")
    event = first.rpartition("/")[2]
    options = {"html": "<b>Until six.</b>", "mentions": ["@bob:matrix.example"], "notice": True}
    to = {"in_reply_to": first, "to": "@ada:matrix.example", "route": {"thread": "$root"}}
    await us.push(an_answer(options=options, **to))

    assert json.loads(asked[-1].body) == {
        "msgtype": "m.notice",
        "body": "Until six.",
        "format": "org.matrix.custom.html",
        "formatted_body": "<b>Until six.</b>",
        "m.mentions": {"user_ids": ["@ada:matrix.example", "@bob:matrix.example"]},
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": "$root",
            "is_falling_back": False,
            "m.in_reply_to": {"event_id": event},
        },
        "org.chorally.client_ref": "0" * 31 + "1",
    }
    assert asked[-1].url.endswith(f"/send/m.room.message/{'0' * 31}1")


@pytest.mark.parametrize("size_bytes", [len(FILE), None])
async def test_a_file_is_uploaded_unseen_and_shown_with_its_caption(
    us: Matrix, server: Homeserver, an_answer: AnAnswer, size_bytes: int | None, asked: list[Exchange]
) -> None:
    """A step that is lost is taken again."""
    file = sdk.Attachment(kind="file", media_type="application/pdf", name="bill.pdf", size_bytes=size_bytes)
    outgoing = an_answer("The bill", attachments=(file,))
    server.inject("timeout_after_effect", "prepare")
    with pytest.raises(sdk.RetryLater):
        await us.prepare(outgoing)
    assert server.made() == []
    with pytest.raises(sdk.Rejected, match="prepare"):
        await us.push(outgoing)

    prepared = await us.prepare(outgoing)
    await us.push(outgoing.model_copy(update={"prepared": dict(prepared.state)}))

    sent = json.loads(asked[-1].body)
    assert (sent["msgtype"], sent["body"], sent["filename"]) == ("m.file", "The bill", "bill.pdf")
    assert sent["info"] == {"mimetype": "application/pdf", "size": len(FILE)}
    assert server.world.media[sent["url"]] == (FILE, "application/pdf")
    assert (await us.prepare(outgoing.model_copy(update={"prepared": dict(prepared.state)}))).state == prepared.state


async def test_a_file_of_unknown_size_is_not_put_aside_for_ever(
    us: Matrix, an_answer: AnAnswer, asked: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is more than a homeserver takes is refused as soon as it is read, and nothing is sent."""
    monkeypatch.setattr(files, "MAX_FILE", len(FILE) - 1)
    with pytest.raises(sdk.Rejected, match=r"bill\.pdf has more than"):
        await us.prepare(an_answer("The bill", attachments=(sdk.Attachment(kind="file", name="bill.pdf"),)))
    assert asked == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"route": {"encrypted": True}}, "encrypted"),
        ({"body": "\u0001" * MAX_TEXT}, "shorten"),
        ({"body": "a", "options": {"html": "b" * 65_000}}, "shorten"),
        ({"body": ""}, "needs a text"),
        ({"conversation_id": None}, "which conversation"),
        ({"in_reply_to": "not-ours"}, "no room and event"),
    ],
)
async def test_what_cannot_be_said_is_refused_before_it_is_sent(
    us: Matrix, an_answer: AnAnswer, asked: list[Exchange], changes: dict[str, object], why: str
) -> None:
    """Nothing goes over the network."""
    message = an_answer()
    with pytest.raises(sdk.Rejected, match=why):
        await us.push(message.model_copy(update=changes))
    assert asked == []


async def test_a_first_message_goes_to_a_room(us: Matrix, server: Homeserver, an_answer: AnAnswer) -> None:
    """Without answering anything; the receipt says which event it is."""
    receipt = await us.push(an_answer("Hello"))

    (made,) = server.made()
    assert (receipt.external_id, receipt.conversation_id, made.target) == (made.external_id, LOBBY, None)
    assert receipt.url == f"https://matrix.to/#/{made.external_id}"


async def test_the_search_gives_up_where_too_much_was_said(an_answer: AnAnswer) -> None:
    """A person decides; a room that leads back to itself is no proof either."""
    pages = iter(range(1000))

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"start": "t", "chunk": [], "end": f"t{next(pages)}"})

    us = connect(Matrix, answer, base_url="https://x.example")
    with pytest.raises(sdk.OutcomeUnknown, match="too much"):
        await us.find(an_answer())
    stuck = connect(
        Matrix,
        lambda _: httpx.Response(200, json={"start": "t", "chunk": [], "end": "t"}),
        base_url="https://x.example",
    )
    with pytest.raises(sdk.OutcomeUnknown, match="back to itself"):
        await stuck.find(an_answer())


class TestModeration:
    """What is done to what is there."""

    def action(self, verb: str, external_id: str, **more: object) -> sdk.Action:
        """Return an action."""
        given = {"verb": verb, "external_id": external_id, "channel": "matrix_message"}
        return sdk.Action.model_validate({**given, **more})

    async def test_an_edit_replaces_the_text_and_may_go_back(
        self, us: Matrix, server: Homeserver, an_answer: AnAnswer
    ) -> None:
        """The same text a second time is another edit."""
        receipt = await us.push(an_answer("one"))
        ours = str(receipt.external_id)
        for body in ("two", "one", "two"):
            server.clock.pass_(seconds=1)
            await us.moderate(self.action("edit", ours, body=body))

        (message,) = await us.fetch(sdk.Ping(stream="sync", external_id=ours))
        assert isinstance(message, sdk.Message)
        assert message.body == "two"
        assert len(server.world.edits(server.world.event(ours.rpartition("/")[2]))) == 3

    async def test_a_caption_is_not_edited(self, us: Matrix) -> None:
        """It would take the file away."""
        with pytest.raises(sdk.Rejected, match="only texts"):
            await us.moderate(self.action("edit", f"{LOBBY}/$1", body="x", route={"kind": "m.image"}))

    async def test_what_is_gone_is_deleted(self, us: Matrix) -> None:
        """There is nothing left to do."""
        await us.moderate(self.action("delete", f"{LOBBY}/$gone"))

    async def test_reading_is_told(self, us: Matrix, server: Homeserver) -> None:
        """By a receipt."""
        asked = await server.say("Hello")
        await us.moderate(self.action("read", asked))
        assert [(each[2], each[3]) for each in server.world.receipts] == [
            ("@support:matrix.example", asked.rpartition("/")[2])
        ]

    async def test_hiding_is_not_offered(self, us: Matrix) -> None:
        """Nobody but the homeserver hides."""
        with pytest.raises(sdk.Rejected):
            await us.moderate(self.action("hide", f"{LOBBY}/$1"))


class TestDownloads:
    """Files of people."""

    async def test_an_older_homeserver_is_asked_the_older_way(self) -> None:
        """It does not know the endpoint that asks who downloads."""
        asked: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            if "/v1/" in request.url.path:
                return httpx.Response(404, json={"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"})
            return httpx.Response(200, content=b"photo")

        us = connect(Matrix, answer, base_url="https://x.example")
        file = sdk.Attachment(kind="image", external_id="mxc://x.example/abc")
        assert b"".join([piece async for piece in us.download(file)]) == b"photo"
        assert asked == ["/_matrix/client/v1/media/download/x.example/abc", "/_matrix/media/v3/download/x.example/abc"]

    async def test_a_redirect_to_another_host_does_not_carry_the_token(self) -> None:
        """As homeservers do that keep files elsewhere."""
        asked: list[httpx.Request] = []

        def answer(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            if request.url.host == "x.example":
                return httpx.Response(307, headers={"Location": "https://cdn.example/abc?signature=1"})
            return httpx.Response(200, content=b"photo")

        us = connect(Matrix, answer, base_url="https://x.example")
        file = sdk.Attachment(kind="image", external_id="mxc://x.example/abc")
        assert b"".join([piece async for piece in us.download(file)]) == b"photo"
        assert "authorization" not in asked[1].headers

    @pytest.mark.parametrize("uri", [None, "https://x/1", "mxc://x/../1", "mxc://x/a/b"])
    async def test_what_is_no_content_uri_is_not_asked_for(self, us: Matrix, uri: str | None) -> None:
        """Such as a path out of the media."""
        with pytest.raises(sdk.Rejected):
            _ = [piece async for piece in us.download(sdk.Attachment(kind="image", external_id=uri))]
