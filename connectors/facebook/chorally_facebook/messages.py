"""Messenger: conversations polled, messages fetched, sent and looked for, and their files read.

Sources: "Send API Reference", "Conversations API", "Attachment Upload API" (read 2026-11-23). The conversation is the
person, by the id that they have on this page (PSID).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from chorally_meta.listing import Reader, path
from chorally_meta.sending import outgoing, sent
from chorally_meta.shapes import Listing, Person, Reference, inside, read, text

import chorally_sdk as sdk
from chorally_facebook import faults
from chorally_facebook.limits import MAX_MESSAGE
from chorally_facebook.names import COMMENT, MESSAGE
from chorally_facebook.search import CLOCKS_APART, IN_DOUBT, same
from chorally_facebook.shapes import Comment, Conversation, Profile, ThreadMessage

FIELDS = "id,created_time,from,to,message,attachments,reply_to"
LISTED = "id,created_time,from,message,attachments"
OVERLAP = timedelta(minutes=10)
"""How far below its floor a walk looks again, for what is indexed late."""
DETAILED = 20
"""Messages of a conversation that have more than their ids ("Conversations API")."""
Kind = Literal["image", "video", "audio", "file"]


async def walk(
    http: sdk.Http, page_id: str, cursor: sdk.Cursor | None, since: datetime | None
) -> AsyncIterator[sdk.Page]:
    """Yield the messages of the conversations that changed since the last walk, the latest first."""
    reader = Reader(http)
    floor = datetime.fromisoformat(cursor["floor"]) if cursor and cursor.get("floor") else since
    earliest = max(filter(None, (floor and floor - OVERLAP, since)), default=None)
    query = {
        "platform": "messenger",
        "fields": f"id,updated_time,participants,messages.limit({DETAILED}){{{LISTED}}}",
        "limit": "10",
    }

    async def page(token: str | None) -> tuple[list[sdk.Item], str | None]:
        listing, following = await reader.page(
            Listing[Conversation], path(page_id, "conversations"), query, token or ""
        )
        return [sdk.Item(each.updated_time, _said_in(each, page_id, earliest)) for each in listing.data], following

    async for each in sdk.descend(cursor, since, page):
        yield each


def _said_in(conversation: Conversation, page_id: str, earliest: datetime | None) -> list[sdk.Event]:
    people = conversation.participants.data if conversation.participants else []
    person = next((each for each in people if each.id != page_id), None)
    listed = conversation.messages.data if conversation.messages else []
    found = [to_message(each, page_id, person) for each in reversed(listed)]
    return [each for each in found if each is not None and (earliest is None or each.sent_at >= earliest)]


def to_message(message: ThreadMessage, page_id: str, person: Person | None = None) -> sdk.Message | None:
    """Return a message of a conversation; None where Facebook gives no more than its id."""
    if message.created_time is None or message.author is None:
        return None
    ours = message.author.id == page_id
    partner = person.id if person else _recipient(message) if ours else message.author.id
    if partner is None:
        return None
    return sdk.Message(
        external_id=message.id,
        channel=MESSAGE,
        account=page_id,
        conversation_id=partner,
        parent_id=text(inside(message.reply_to, "mid")) or text(inside(message.reply_to, "id")),
        author=sdk.Author(external_id=message.author.id, name=message.author.name or ""),
        sent_at=message.created_time,
        body=message.message or "",
        attachments=_files(message),
        kind="text" if message.message or not (files := _files(message)) else files[0].kind,
        ours=ours,
    )


def _recipient(message: ThreadMessage) -> str | None:
    people = inside(message.to, "data")
    return text(inside(people[0], "id")) if isinstance(people, list) and people else None


def _files(message: ThreadMessage) -> tuple[sdk.Attachment, ...]:
    listed = inside(message.attachments, "data")
    return tuple(
        sdk.Attachment(
            kind=_kind(text(inside(each, "mime_type"))),
            external_id=f"{message.id}/{place}",
            url=_url(each),
            media_type=text(inside(each, "mime_type")),
            name=text(inside(each, "name")),
        )
        for place, each in enumerate(listed if isinstance(listed, list) else ())
    )


def _kind(media_type: str | None) -> Kind:
    kinds: dict[str, Kind] = {"image": "image", "video": "video", "audio": "audio"}
    return kinds.get((media_type or "").partition("/")[0], "file")


def _url(attachment: Any) -> str | None:
    return (
        text(inside(attachment, "image_data", "url"))
        or text(inside(attachment, "video_data", "url"))
        or text(inside(attachment, "file_url"))
    )


async def fetched(http: sdk.Http, page_id: str, message_id: str) -> Sequence[sdk.Event]:
    """Return a message with its author's name, from the profile where the message has none.

    Raises:
        Rejected: It is gone.
    """
    answer = await http.get(path(message_id), params={"fields": FIELDS})
    read_as = to_message(read(ThreadMessage, answer.content, "a message"), page_id)
    if read_as is None:
        return []
    if read_as.author and not read_as.author.name and not read_as.ours:
        return [read_as.model_copy(update={"author": await _profile(http, read_as.author)})]
    return [read_as]


async def _profile(http: sdk.Http, author: sdk.Author) -> sdk.Author:
    """The author as their profile shows them; as they are, where it may not be seen."""
    try:
        answer = await http.get(path(author.external_id), params={"fields": "id,name,profile_pic"})
    except sdk.Rejected:
        return author
    profile = read(Profile, answer.content, "a profile")
    return author.model_copy(update={"name": profile.name, "avatar_url": profile.profile_pic})


def is_private(message: sdk.OutboundMessage) -> bool:
    """Whether a comment is to be answered in Messenger."""
    if message.channel == COMMENT:
        return message.options.get("private") is True
    return message.channel == MESSAGE and not (message.conversation_id or message.to) and bool(message.in_reply_to)


async def push(http: sdk.Http, page_id: str, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Send a message, within 24 hours, or within seven days where a person wrote it.

    Raises:
        OutcomeUnknown: Facebook's answer does not say whether it was sent.
        Rejected: There is a text and a file, or it is not said to whom.
    """
    comment = message.in_reply_to if is_private(message) else None
    if comment is not None and len(message.body) > MAX_MESSAGE:
        raise sdk.Rejected(
            f"an answer in private has at most {MAX_MESSAGE} characters, and there is only one; shorten it"
        )
    body = outgoing(message, _content(message), comment=comment)
    try:
        return sent(await http.post(path(page_id, "messages"), json=body))
    except faults.Transient as error:
        raise sdk.OutcomeUnknown(f"whether the message was sent is not known: {error}") from error


def _content(message: sdk.OutboundMessage) -> dict[str, Any]:
    if message.attachments and message.body:
        raise sdk.Rejected("Messenger takes a text or a file in one message; send them one after the other")
    if message.attachments:
        attachment, ids = message.attachments[0], message.prepared.get("ids", ())
        known = ids[0] if ids else ""
        payload = {"attachment_id": known} if known else {"url": attachment.url, "is_reusable": False}
        return {"attachment": {"type": attachment.kind, "payload": payload}}
    buttons = message.options.get("quick_replies", ())
    if isinstance(buttons, str):
        raise sdk.Rejected("quick_replies is a list of texts")
    replies = [{"content_type": "text", "title": str(each), "payload": str(each)} for each in buttons]
    return {"text": message.body, **({"quick_replies": replies} if replies else {})}


async def seen(http: sdk.Http, page_id: str, person: str | None) -> None:
    """Mark what a person wrote as seen.

    Raises:
        Rejected: It is not said whose conversation it is.
    """
    if not person:
        raise sdk.Rejected("a conversation is marked as seen by its person; say which")
    await http.post(path(page_id, "messages"), json={"recipient": {"id": person}, "sender_action": "mark_seen"})


async def find(http: sdk.Http, page_id: str, message: sdk.OutboundMessage) -> sdk.Receipt | None:
    """Return the message that a lost call sent, None where it is proven that it sent none.

    Raises:
        OutcomeUnknown: Several could be ours, or those since the attempt are no longer shown in full.
    """
    threads = await _threads(http, page_id, message)
    earliest = message.tried_at - CLOCKS_APART if message.tried_at else None
    query = {"fields": LISTED, "limit": str(DETAILED)}
    alike: list[ThreadMessage] = []
    for thread in threads:
        async for each in Reader(http).all(Listing[ThreadMessage], path(thread, "messages"), query):
            if each.created_time is None or each.author is None:
                raise sdk.OutcomeUnknown("Facebook does not show all messages since the attempt" + IN_DOUBT)
            if earliest is not None and each.created_time < earliest.replace(microsecond=0):
                break
            if each.author.id == page_id and _is_like(each, message):
                alike.append(each)
    if len(alike) > 1 or (alike and message.attachments):
        raise sdk.OutcomeUnknown(f"{len(alike)} messages of the page could be it" + IN_DOUBT)
    return sdk.Receipt(external_id=alike[0].id, conversation_id=message.conversation_id) if alike else None


def _is_like(said: ThreadMessage, message: sdk.OutboundMessage) -> bool:
    return bool(_files(said)) if message.attachments else same(said.message, message.body)


async def _threads(http: sdk.Http, page_id: str, message: sdk.OutboundMessage) -> list[str]:
    if is_private(message):
        fields = {"fields": "id,created_time,private_reply_conversation"}
        answer = await http.get(path(message.in_reply_to or ""), params=fields)
        thread = read(Comment, answer.content, "a comment").private_reply_conversation
        return [thread.id] if thread else []
    person = message.to or message.conversation_id or ""
    query = {"platform": "messenger", "user_id": person, "fields": "id"}
    found = Reader(http).all(Listing[Reference], path(page_id, "conversations"), query)
    return [each.id async for each in found]


async def download(http: sdk.Http, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
    """Yield a file of a message by a link that is asked for now; any other file by its own link.

    Raises:
        Rejected: The message or the file is gone.
    """
    message_id, _, place = (attachment.external_id or "").rpartition("/")
    url = attachment.url
    if message_id and place.isdecimal():
        answer = await http.get(path(message_id), params={"fields": "id,attachments"})
        listed = inside(read(ThreadMessage, answer.content, "a message").attachments, "data")
        files = listed if isinstance(listed, list) else []
        url = _url(files[int(place)]) if int(place) < len(files) else None
    if not url:
        raise sdk.Rejected("the file is no longer there", reason=sdk.Reason.GONE)
    async with http.stream("GET", url, auth=None, follow_redirects=True) as opened:
        async for piece in opened.aiter_bytes():
            yield piece
