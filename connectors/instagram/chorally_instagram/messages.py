"""Direct messages: conversations polled, messages fetched, sent and looked for, and their files read.

Sources: "Send Messages", "Conversations API", "Private Replies", "User Profile API" of the Instagram Platform (read
2026-11-23). The conversation is the person, by the id that they have for this account (IGSID).
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from chorally_meta.listing import Reader
from chorally_meta.sending import outgoing, sent
from chorally_meta.shapes import Listing, Person, Reference, inside, read, text

import chorally_sdk as sdk
from chorally_instagram import faults
from chorally_instagram.api import Api
from chorally_instagram.comments import CLOCKS_APART, IN_DOUBT, same
from chorally_instagram.names import COMMENT, MESSAGE
from chorally_instagram.shapes import Conversation, Profile, ThreadMessage

LISTED = "id,created_time,from,to,message,attachments,story,reply_to"
OVERLAP = timedelta(minutes=10)
"""How far below its floor a walk looks again, for what is indexed late."""
DETAILED = 20
"""Messages of a conversation that have more than their ids ("Conversations API")."""
OF_PROFILE = "name,username,profile_pic,follower_count"
Kind = Literal["image", "video", "audio", "file"]


async def walk(api: Api, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
    """Yield the messages of the conversations that changed since the last walk, the latest first."""
    reader = Reader(api.http)
    floor = datetime.fromisoformat(cursor["floor"]) if cursor and cursor.get("floor") else since
    earliest = max(filter(None, (floor and floor - OVERLAP, since)), default=None)
    query = {
        "platform": "instagram",
        "fields": f"id,updated_time,participants,messages.limit({DETAILED}){{{LISTED}}}",
        "limit": "10",
    }

    async def page(token: str | None) -> tuple[list[sdk.Item], str | None]:
        listing, following = await reader.page(Listing[Conversation], api.mine("conversations"), query, token or "")
        return [sdk.Item(each.updated_time, _said_in(api, each, earliest)) for each in listing.data], following

    async for each in sdk.descend(cursor, since, page):
        yield each


def _said_in(api: Api, conversation: Conversation, earliest: datetime | None) -> list[sdk.Event]:
    people = conversation.participants.data if conversation.participants else []
    person = next((each for each in people if not api.is_ours(each.id, each.username)), None)
    listed = conversation.messages.data if conversation.messages else []
    found = [to_message(api, each, person) for each in reversed(listed)]
    return [each for each in found if each is not None and (earliest is None or each.sent_at >= earliest)]


def to_message(api: Api, message: ThreadMessage, person: Person | None = None) -> sdk.Message | None:
    """Return a message of a conversation; None where Instagram gives no more than its id."""
    author = message.author
    if message.created_time is None or author is None:
        return None
    ours = api.is_ours(author.id, author.username)
    partner = person.id if person else _recipient(api, message) if ours else author.id
    if partner is None:
        return None
    files, handle = _files(message), author.username or ""
    kind = "text" if message.message or not files else files[0].kind
    return sdk.Message(
        external_id=message.id,
        channel=MESSAGE,
        conversation_id=partner,
        parent_id=text(inside(message.reply_to, "mid")) or text(inside(message.reply_to, "id")),
        author=sdk.Author(external_id=author.id, name=author.name or handle, handle=handle),
        sent_at=message.created_time,
        body=message.message or "",
        attachments=files,
        kind="story_mention" if inside(message.story, "mention") else kind,
        ours=ours,
        extra={"story": message.story} if message.story else {},
    )


def _recipient(api: Api, message: ThreadMessage) -> str | None:
    people = inside(message.to, "data")
    ids = [text(inside(each, "id")) for each in people] if isinstance(people, list) else []
    return next((each for each in ids if each and not api.is_ours(each)), None)


def _files(message: ThreadMessage) -> tuple[sdk.Attachment, ...]:
    listed = inside(message.attachments, "data")
    files = listed if isinstance(listed, list) else []
    story = text(inside(message.story, "mention", "link"))
    found = [
        sdk.Attachment(
            kind=_kind(each),
            external_id=f"{message.id}/{place}",
            url=_url(each),
            media_type=text(inside(each, "mime_type")),
            name=text(inside(each, "name")),
        )
        for place, each in enumerate(files)
    ]
    return tuple(found) or ((sdk.Attachment(kind="file", external_id=f"{message.id}/0", url=story),) if story else ())


def _kind(attachment: Any) -> Kind:
    kinds: dict[str, Kind] = {"image": "image", "video": "video", "audio": "audio"}
    by_type = kinds.get((text(inside(attachment, "mime_type")) or "").partition("/")[0])
    by_data: Kind = (
        "image" if inside(attachment, "image_data") else "video" if inside(attachment, "video_data") else "file"
    )
    return by_type or by_data


def _url(attachment: Any) -> str | None:
    return (
        text(inside(attachment, "image_data", "url"))
        or text(inside(attachment, "video_data", "url"))
        or text(inside(attachment, "file_url"))
    )


async def fetched(api: Api, message_id: str) -> Sequence[sdk.Event]:
    """Return a message with its author as their profile shows them.

    Raises:
        Rejected: It is gone.
    """
    answer = await api.http.get(api.at(message_id), params={"fields": LISTED})
    message = to_message(api, read(ThreadMessage, answer.content, "a message"))
    if message is None:
        return []
    if message.author is None or message.ours:
        return [message]
    return [message.model_copy(update={"author": await _profile(api, message.author)})]


async def _profile(api: Api, author: sdk.Author) -> sdk.Author:
    """The author as their profile shows them; as they are, where it may not be seen without their consent."""
    try:
        answer = await api.http.get(api.at(author.external_id), params={"fields": OF_PROFILE})
    except sdk.Rejected:
        return author
    profile = read(Profile, answer.content, "a profile")
    handle = profile.username or author.handle
    return author.model_copy(
        update={
            "name": profile.name or author.name or handle,
            "handle": handle,
            "url": f"https://www.instagram.com/{handle}/" if handle else None,
            "avatar_url": profile.profile_pic,
            "followers": profile.follower_count,
        }
    )


def is_private(message: sdk.OutboundMessage) -> bool:
    """Whether a comment is to be answered by direct message."""
    if message.channel == COMMENT:
        return message.options.get("private") is True
    return message.channel == MESSAGE and not (message.conversation_id or message.to) and bool(message.in_reply_to)


async def push(api: Api, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Send a message, within 24 hours, or within seven days where a person wrote it.

    Raises:
        OutcomeUnknown: Instagram's answer does not say whether it was sent.
        Rejected: There is a text and a file, or it is not said to whom.
    """
    comment = message.in_reply_to if is_private(message) else None
    body = outgoing(message, _content(message), comment=comment)
    try:
        return sent(await api.http.post(api.mine("messages"), json=body))
    except faults.Transient as error:
        raise sdk.OutcomeUnknown(f"whether the message was sent is not known: {error}") from error


def _content(message: sdk.OutboundMessage) -> dict[str, Any]:
    if message.attachments and message.body:
        raise sdk.Rejected("Instagram takes a text or a file in one message; send them one after the other")
    if message.attachments:
        attachment, ids = message.attachments[0], message.prepared.get("ids", ())
        known = ids[0] if ids else ""
        payload = {"attachment_id": known} if known else {"url": attachment.url}
        return {"attachment": {"type": attachment.kind, "payload": payload}}
    buttons = message.options.get("quick_replies", ())
    if isinstance(buttons, str):
        raise sdk.Rejected("quick_replies is a list of texts")
    replies = [{"content_type": "text", "title": str(each), "payload": str(each)} for each in buttons]
    return {"text": message.body, **({"quick_replies": replies} if replies else {})}


async def act(api: Api, action: sdk.Action) -> None:
    """Mark what a person wrote as seen, or give it a heart.

    Raises:
        Rejected: It is not said whose conversation it is, or Instagram offers no such thing.
    """
    if not action.conversation_id:
        raise sdk.Rejected("something is done in the conversation with a person; say with whom")
    body: dict[str, Any] = {"recipient": {"id": action.conversation_id}}
    match action.verb:
        case "read":
            body |= {"sender_action": "mark_seen"}
        case "like":
            payload = {"message_id": action.external_id, "reaction": "love"}
            body |= {"sender_action": "react", "payload": payload}
        case _:
            raise sdk.Rejected(f"messages take no {action.verb!r}")
    await api.http.post(api.mine("messages"), json=body)


async def find(api: Api, message: sdk.OutboundMessage) -> sdk.Receipt | None:
    """Return the message that a lost call sent, None where it is proven that it sent none.

    Raises:
        OutcomeUnknown: Several could be ours, or those since the attempt are no longer shown in full.
    """
    person = message.to or message.conversation_id if not is_private(message) else message.to
    if not person:
        raise sdk.OutcomeUnknown("it is not known in which conversation to look" + IN_DOUBT)
    found = Reader(api.http).all(
        Listing[Reference], api.mine("conversations"), {"platform": "instagram", "user_id": person, "fields": "id"}
    )
    threads = [each.id async for each in found]
    earliest = message.tried_at - CLOCKS_APART if message.tried_at else None
    since = earliest.replace(microsecond=0) if earliest else None
    alike: list[ThreadMessage] = []
    for thread in threads:
        query = {"fields": LISTED, "limit": str(DETAILED)}
        async for each in Reader(api.http).all(Listing[ThreadMessage], api.at(thread, "messages"), query):
            if each.created_time is not None and since is not None and each.created_time < since:
                break
            if each.created_time is None or each.author is None:
                raise sdk.OutcomeUnknown("Instagram does not show all messages since the attempt" + IN_DOUBT)
            if api.is_ours(each.author.id, each.author.username) and _is_like(each, message):
                alike.append(each)
    if len(alike) > 1 or (alike and message.attachments):
        raise sdk.OutcomeUnknown(f"{len(alike)} messages of the account could be it" + IN_DOUBT)
    return sdk.Receipt(external_id=alike[0].id, conversation_id=person) if alike else None


def _is_like(said: ThreadMessage, message: sdk.OutboundMessage) -> bool:
    return bool(_files(said)) if message.attachments else same(said.message, message.body)


async def link_of(api: Api, message_id: str, place: int) -> str | None:
    """Return the link of a file of a message, asked for now; None where it is no longer there."""
    answer = await api.http.get(api.at(message_id), params={"fields": "id,attachments,story"})
    files = _files(read(ThreadMessage, answer.content, "a message"))
    return files[place].url if place < len(files) else None
