"""Drafting a post, step by step and unseen: what it answers, whom it mentions, its pictures, then the whole record.

The record is kept between the steps and put unchanged, so that the same call again is the same record.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_bluesky.asking import AppView
from chorally_bluesky.facets import facets, found_in
from chorally_bluesky.identity import did_of
from chorally_bluesky.names import POST, uri_of
from chorally_bluesky.options import Options, options_of
from chorally_bluesky.pictures import IMAGE_BYTES, THUMB_BYTES, upload
from chorally_bluesky.shapes import Post
from chorally_bluesky.translate import root_of

MAX_GRAPHEMES = 300
MAX_BYTES = 3000
"""Both of the lexicon ``app.bsky.feed.post``."""
MAX_IMAGES = 4
_MOST_MENTIONS = 20  # handles of one text that are looked up; a text of 300 letters has hardly more


async def step(connector: sdk.Connector, appview: AppView, outgoing: sdk.Outgoing) -> sdk.Prepared:
    """Take the next step of a draft.

    Raises:
        Rejected: It can never be posted.
        ConnectorError: Something could not be asked or uploaded, and may be tried again.
    """
    options = options_of(outgoing)
    _refuse(outgoing, options)
    state = dict(outgoing.prepared)
    if "record" in state:
        return sdk.Prepared(state=state)
    if "refers" not in state:
        state["refers"] = await _references(appview, outgoing, options)
        state["dids"] = await _mentioned(connector.http, " ".join((outgoing.body, *options.thread)))
        state["at"] = _iso(connector.now())
        state["uploads"] = []
    elif len(state["uploads"]) < len(outgoing.attachments):
        attachment = outgoing.attachments[len(state["uploads"])]
        most = THUMB_BYTES if options.card else IMAGE_BYTES
        state["uploads"] = [*state["uploads"], await upload(connector, attachment, most)]
    if len(state["uploads"]) < len(outgoing.attachments):
        return sdk.Prepared(state=state, ready=False)
    return sdk.Prepared(state={"record": record_of(outgoing, options, state), "following": _following(options, state)})


def _following(options: Options, state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The posts that follow in a thread, without what they answer; each a moment later, so that they stay in order."""
    begun = datetime.fromisoformat(state["at"])
    return [
        _text(text, _iso(begun + timedelta(milliseconds=number)), options, state)
        for number, text in enumerate(options.thread, 1)
    ]


def _text(text: str, at: str, options: Options, state: Mapping[str, Any]) -> dict[str, Any]:
    """A post of nothing but text."""
    parts = {"facets": facets(text, state["dids"]), "langs": list(options.langs)}
    return {"$type": POST, "text": text, "createdAt": at} | {name: value for name, value in parts.items() if value}


def record_of(outgoing: sdk.Outgoing, options: Options, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a post, of what the steps have found."""
    refers = state["refers"]
    media = _media(outgoing, options, state["uploads"])
    quote = {"$type": "app.bsky.embed.record", "record": refers["quote"]} if "quote" in refers else None
    embed = media or quote
    if media and quote:
        embed = {"$type": "app.bsky.embed.recordWithMedia", "record": quote, "media": media}
    own = {
        "$type": "com.atproto.label.defs#selfLabels",
        "values": [{"val": each} for each in options.labels],
    }
    parts = {"reply": refers.get("reply"), "embed": embed, "labels": own if options.labels else None}
    record = _text(outgoing.body, state["at"], options, state)
    return record | {name: value for name, value in parts.items() if value}


def _media(outgoing: sdk.Outgoing, options: Options, uploads: list[dict[str, Any]]) -> dict[str, Any] | None:
    if options.card:
        thumb = {"thumb": uploads[0]["blob"]} if uploads else {}
        return {"$type": "app.bsky.embed.external", "external": {**options.card.model_dump(), **thumb}}
    images = []
    for at, uploaded in enumerate(uploads):
        alt = options.alts[at] if at < len(options.alts) else outgoing.attachments[at].name or ""
        images.append({"image": uploaded["blob"], "alt": alt, **_shape(uploaded)})
    return {"$type": "app.bsky.embed.images", "images": images} if images else None


def _shape(uploaded: Mapping[str, Any]) -> dict[str, Any]:
    return {"aspectRatio": uploaded["aspectRatio"]} if "aspectRatio" in uploaded else {}


def _refuse(outgoing: sdk.Outgoing, options: Options) -> None:
    """Refuse what Bluesky would not take, before anything is asked."""
    for number, text in enumerate((outgoing.body, *options.thread)):
        letters, size = sdk.length(text, "graphemes"), sdk.length(text, "bytes")
        if letters > MAX_GRAPHEMES or size > MAX_BYTES:
            which = f"text {number} of options.thread" if number else "the text"
            raise sdk.Rejected(
                f"{which} has {letters} letters and {size} bytes, and Bluesky takes "
                f"{MAX_GRAPHEMES} and {MAX_BYTES}; shorten it, or go on in options.thread"
            )
    if not all(text.strip() for text in options.thread):
        raise sdk.Rejected("a post of options.thread has no text; write one, or leave it out")
    if not (outgoing.body.strip() or outgoing.attachments or options.card or options.quote):
        raise sdk.Rejected("there is nothing to post; write a text, or add a picture")
    most = 1 if options.card else MAX_IMAGES
    if len(outgoing.attachments) > most:
        raise sdk.Rejected(f"a post takes {most} pictures{' beside a card' if options.card else ''}; leave some out")
    if len(options.alts) > len(outgoing.attachments):
        raise sdk.Rejected("there are more descriptions than pictures; leave some out")


async def _references(appview: AppView, outgoing: sdk.Outgoing, options: Options) -> dict[str, Any]:
    """What the post answers and quotes; a server would take a post that answers what is gone, and nobody sees it."""
    parent = uri_of(_target(outgoing)) if isinstance(outgoing, sdk.OutboundMessage) else ""
    quote = uri_of(options.quote) if options.quote else ""
    wanted = [uri for uri in dict.fromkeys((parent, quote)) if uri]
    found = await appview.posts(wanted) if wanted else {}
    for uri in wanted:
        if uri not in found:
            what = "what is answered" if uri == parent else "what is quoted"
            raise sdk.Rejected(f"{what} was deleted, or is not shown to this account", reason=sdk.Reason.GONE)
    refers: dict[str, Any] = {"quote": _reference(found[quote])} if quote else {}
    if parent:
        refers["reply"] = {"root": root_of(found[parent]), "parent": _reference(found[parent])}
    return refers


def _target(message: sdk.OutboundMessage) -> str:
    target = message.in_reply_to or message.conversation_id
    if not target:
        raise sdk.Rejected("an answer answers a post; say which")
    return target


async def _mentioned(http: sdk.Http, text: str) -> dict[str, str]:
    """The DIDs of the handles in a text; what leads nowhere stays text."""
    dids: dict[str, str] = {}
    handles = dict.fromkeys(each.value for each in found_in(text) if each.kind == "mention")
    for handle in list(handles)[:_MOST_MENTIONS]:
        try:
            dids[handle] = await did_of(http, handle)
        except sdk.Rejected:  # nobody has this handle: it is a word that begins with an @
            continue
    return dids


def _reference(post: Post) -> dict[str, str]:
    return {"uri": post.uri, "cid": post.cid}


def _iso(at: datetime) -> str:
    """A time as Bluesky's own programs write it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
