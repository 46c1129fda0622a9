"""Bluesky's posts in our words: the same message whether a notification, a thread or a look at it brought it.

So everything is taken from the record and from what all of them show. Times are the author's own, as long as they
are not later than when Bluesky first saw the post: ``createdAt`` is whatever a program wrote there.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_bluesky.names import page_of
from chorally_bluesky.shapes import Node, Post, Profile, instant

REPLY = "bluesky_reply"
"""The channel of replies, mentions and quotes."""
POSTS = "bluesky_post"
"""The channel of the account's own posts."""

_NOT_SHOWN = frozenset({"!hide", "!takedown"})
_FILES: Mapping[str, str] = {
    "app.bsky.embed.images": "images",
    "app.bsky.embed.gallery": "items",
    "app.bsky.embed.video": "video",
}


def to_message(post: Post, account: str) -> sdk.Message:
    """Return a post as a message.

    Args:
        post: The post.
        account: DID of the account that it is told to.
    """
    record = post.record
    root, parent = _reference(record, "root"), _reference(record, "parent")
    return sdk.Message(
        external_id=post.uri,
        channel=REPLY,
        conversation_id=root.get("uri") or post.uri,
        parent_id=parent.get("uri"),
        author=to_author(post.author),
        sent_at=sent_at(post),
        kind=_kind(record, account),
        body=_text(record.get("text")),
        attachments=tuple(_attached(record.get("embed"), post.author.did)),
        url=page_of(post.uri),
        ours=post.author.did == account,
        route={"cid": post.cid},
        extra=_extra(post),
    )


def to_author(profile: Profile) -> sdk.Author:
    """Return who wrote."""
    return sdk.Author(
        external_id=profile.did,
        name=profile.name or profile.handle,
        handle=profile.handle,
        url=f"https://bsky.app/profile/{profile.did}",
        avatar_url=profile.avatar,
    )


def sent_at(post: Post) -> datetime:
    """Return when a post was made: as its author says, unless that is later than Bluesky saw it."""
    try:
        return min(instant(post.record.get("createdAt")), post.indexed_at)
    except ValueError:
        return post.indexed_at


def is_shown(post: Post) -> bool:
    """Whether no label hides a post from everybody."""
    return not _NOT_SHOWN.intersection(_labels(post))


def to_marks(node: Node, at: datetime) -> Iterator[sdk.Mark]:
    """Yield what it means that a place in a thread shows nothing."""
    if node.post is not None:
        if not is_shown(node.post):
            yield hidden(node.post.uri, at, "moderation")
    elif node.uri and node.not_found:
        yield sdk.Mark(state="deleted", at=at, external_id=node.uri, channel=REPLY)
    elif node.uri and node.blocked:
        yield hidden(node.uri, at, "blocked")


def hidden(uri: str, at: datetime, reason: str) -> sdk.Mark:
    """Return the mark of a post that is not shown."""
    return sdk.Mark(state="hidden", at=at, external_id=uri, channel=REPLY, reason=reason)


def _kind(record: Mapping[str, Any], account: str) -> str:
    """What a post is to the account; it is judged by the record alone, since threads give no reason."""
    if _reference(record, "parent"):
        return "reply"
    if _quoted(record).startswith(f"at://{account}/"):
        return "quote"
    return "mention" if account in _mentioned(record) else "text"


def _reference(record: Mapping[str, Any], which: str) -> dict[str, str]:
    """The uri and cid that a reply refers to; empty where they are not whole."""
    found = _inside(record, "reply", which)
    if isinstance(found, dict) and isinstance(found.get("uri"), str) and isinstance(found.get("cid"), str):
        return {"uri": found["uri"], "cid": found["cid"]} if found["uri"] else {}
    return {}


def root_of(post: Post) -> dict[str, str]:
    """Return what a thread begins with, as a reference: what a reply names as its root, else the post itself."""
    return _reference(post.record, "root") or {"uri": post.uri, "cid": post.cid}


def _quoted(record: Mapping[str, Any]) -> str:
    embed = record.get("embed")
    return _text(_inside(embed, "record", "uri")) or _text(_inside(embed, "record", "record", "uri"))


def _mentioned(record: Mapping[str, Any]) -> set[str]:
    return {_text(feature.get("did")) for feature in _features(record)} - {""}


def _features(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for facet in _each(record.get("facets")):
        yield from _each(facet.get("features"))


def _attached(embed: Any, did: str) -> Iterator[sdk.Attachment]:
    """The files of a post, by their author and content: its server gives them."""
    media = embed.get("media") if isinstance(embed, dict) and "media" in embed else embed
    name = _FILES.get(_text(_inside(media, "$type")))
    listed = _inside(media, name) if name else None
    if name == "video":
        yield from _file("video", listed, did, "")
    for each in _each(listed) if name != "video" else ():
        yield from _file("image", each.get("image"), did, _text(each.get("alt")))


def _file(kind: Any, blob: Any, did: str, alt: str) -> Iterator[sdk.Attachment]:
    cid = _text(_inside(blob, "ref", "$link")) or _text(_inside(blob, "cid"))  # the second is of 2022
    if cid:
        size = _inside(blob, "size")
        yield sdk.Attachment(
            kind=kind,
            external_id=f"{did}/{cid}",
            media_type=_text(_inside(blob, "mimeType")) or None,
            name=alt or None,
            size_bytes=size if type(size) is int and size >= 0 else None,
        )


def _extra(post: Post) -> dict[str, Any]:
    """What people may see beside the text: languages, labels, what is quoted and linked, and the kind of embed."""
    record = post.record
    embed, langs = record.get("embed"), record.get("langs")
    card = _inside(embed, "external") or _inside(embed, "media", "external")
    linked = [_text(feature.get("uri")) for feature in _features(record)]
    found = {
        "langs": [each for each in langs if isinstance(each, str)] if isinstance(langs, list) else [],
        "labels": sorted(_labels(post)),
        "quotes": _quoted(record),
        "links": [uri for uri in linked if uri],
        "card": {name: text for name in ("uri", "title", "description") if (text := _text(_inside(card, name)))},
        "embed": _text(_inside(embed, "$type")),
    }
    return {name: value for name, value in found.items() if value}


def _labels(post: Post) -> set[str]:
    own = {_text(each.get("val")) for each in _each(_inside(post.record, "labels", "values"))} - {""}
    return ({label.val for label in post.labels if not label.neg} | own) - {
        label.val for label in post.labels if label.neg
    }


def _each(value: Any) -> Iterator[dict[str, Any]]:
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def _inside(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
