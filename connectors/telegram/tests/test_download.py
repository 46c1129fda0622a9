"""Files that people send: which there are, and how they are read."""

import json
from typing import Any

import pytest
from chorally_telegram import Telegram
from chorally_telegram.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

FILE = {"file_id": "F", "file_unique_id": "u", "file_size": 9}
SIZED = {**FILE, "width": 2, "height": 3, "duration": 4}


def message(**content: Any) -> sdk.Message:
    """What a message with that content becomes."""
    value = {"message_id": 1, "chat": {"id": 2, "type": "private"}, "date": 1795424400, **content}
    (told,) = connect(Telegram).parse(a_hook(json.dumps({"update_id": 1, "message": value})))
    assert isinstance(told, sdk.Message)
    return told


@pytest.mark.parametrize(
    ("content", "kind", "attachment"),
    [
        ({"photo": [{**FILE, "file_id": "s", "width": 1, "height": 1}, SIZED]}, "photo", ("image", "image/jpeg")),
        ({"video": {**SIZED, "mime_type": "video/mp4"}}, "video", ("video", "video/mp4")),
        ({"animation": SIZED, "document": SIZED}, "animation", ("video", "video/mp4")),
        ({"video_note": SIZED}, "video_note", ("video", "video/mp4")),
        ({"voice": SIZED}, "voice", ("audio", "audio/ogg")),
        ({"audio": {**SIZED, "mime_type": "audio/mpeg"}}, "audio", ("audio", "audio/mpeg")),
        ({"document": FILE}, "document", ("file", None)),
        ({"document": {**FILE, "mime_type": "image/png"}}, "document", ("image", "image/png")),
        ({"live_photo": SIZED, "photo": [SIZED]}, "live_photo", ("video", "video/mp4")),
        ({"sticker": {**SIZED, "emoji": "x"}}, "sticker", ("image", "image/webp")),
        ({"sticker": {**SIZED, "is_video": True}}, "sticker", ("video", "video/webm")),
    ],
)
def test_each_kind_of_file_is_an_attachment(
    content: dict[str, Any], kind: str, attachment: tuple[str, str | None]
) -> None:
    """The largest size of a photo; a file that is repeated for older clients is one."""
    told = message(**content, caption="c")
    (found,) = told.attachments

    assert (told.kind, told.body, found.external_id, found.size_bytes) == (kind, "c", "F", 9)
    assert (found.kind, found.media_type, found.url) == (*attachment, None)


def test_paid_media_are_several_files() -> None:
    """As far as they were bought."""
    paid = [{"type": "photo", "photo": [SIZED]}, {"type": "video", "video": SIZED}, {"type": "preview"}]
    told = message(paid_media={"star_count": 1, "paid_media": paid})

    assert ([each.kind for each in told.attachments], told.kind) == (["image", "video"], "paid_media")


@pytest.mark.parametrize(
    ("content", "kind", "body"),
    [
        ({"contact": {"phone_number": "+39 1", "first_name": "Ada"}}, "contact", "Ada +39 1"),
        ({"location": {"latitude": 45.5, "longitude": 9}}, "location", "45.5, 9"),
        (
            {"venue": {"title": "Bar", "address": "Via Roma", "location": {}}, "location": {"latitude": 1}},
            "venue", "Bar, Via Roma",
        ),
        ({"poll": {"question": "When?", "options": [{"text": "now"}]}}, "poll", "When?\n- now"),
        ({"dice": {"emoji": "🎲", "value": 4}}, "dice", "🎲 4"),
        ({"rich_message": {"blocks": [{"text": ["a", {"type": "bold", "text": "b"}]}]}}, "rich_message", "ab"),
        ({"checklist": {"title": "Do", "tasks": [{"id": 1, "text": "this"}]}}, "checklist", "Do\n- this"),
        ({"invoice": {"title": "Cap", "description": "red"}}, "invoice", "Cap\nred"),
        ({"sticker": {"emoji": "x"}}, "sticker", "x"),
        ({"story": {"id": 1}}, "story", ""),
        ({"hologram": {"shape": "cat"}}, "other", ""),
    ],
)  # fmt: skip
def test_what_is_no_text_is_put_into_words(content: dict[str, Any], kind: str, body: str) -> None:
    """All of it is kept beside them, what nobody knows too; none of it is a machine's."""
    told = message(**content)

    assert (told.kind, told.body, told.automatic) == (kind, body, False)
    assert told.extra == content


def test_what_only_happened_in_a_chat_is_automatic() -> None:
    """No rule greets that somebody joined."""
    told = message(new_chat_members=[{"id": 3, "first_name": "Bob"}])

    assert (told.kind, told.automatic, told.body) == ("new_chat_members", True, "")


def test_the_messages_of_an_album_say_which() -> None:
    """They come one by one, in several updates."""
    assert message(photo=[SIZED], media_group_id="77").extra["media_group_id"] == "77"


async def test_a_file_is_read_by_its_id(bot: Sandbox, telegram: Telegram) -> None:
    """Its path is asked for each time, as it lives for an hour."""
    content = bytes(range(256)) * 1000
    held = bot.keep(content, "a.pdf", "application/pdf", "document")["document"]
    attachment = sdk.Attachment(kind="file", external_id=held["file_id"])

    assert b"".join([piece async for piece in telegram.download(attachment)]) == content


@pytest.mark.parametrize("forgotten", ["F1", None])
async def test_a_file_that_is_gone_is_told(telegram: Telegram, forgotten: str | None) -> None:
    """An error page must not be stored as a photo."""
    with pytest.raises(sdk.Rejected) as caught:
        _ = [piece async for piece in telegram.download(sdk.Attachment(kind="file", external_id=forgotten))]

    assert caught.value.reason is sdk.Reason.GONE


async def test_a_file_whose_path_has_ended_is_gone(bot: Sandbox, telegram: Telegram) -> None:
    """The second call's 404 is of the file, and not of the token."""
    bot.world.files["F2"] = b"x"
    original = bot.world.files

    class Once(dict[str, bytes]):
        def get(self, name: str, default: Any = None) -> Any:
            return original.pop(name, default)

    bot.world.files = Once()
    with pytest.raises(sdk.Rejected) as caught:
        _ = [piece async for piece in telegram.download(sdk.Attachment(kind="file", external_id="F2"))]
    assert caught.value.reason is sdk.Reason.GONE


async def test_a_file_that_bots_may_not_read_is_not_asked_for() -> None:
    """Telegram gives them 20 MB at most."""
    large = sdk.Attachment(kind="file", external_id="F", size_bytes=20 * 2**20 + 1)
    with pytest.raises(sdk.Rejected, match="20971520"):
        _ = [piece async for piece in connect(Telegram).download(large)]
