"""What a webhook of a page holds; the handshake and the signature are Meta's own (``chorally_meta.hooks``)."""

from collections.abc import Iterator, Sequence

from chorally_meta import hooks
from chorally_meta.messaging import Messaging
from chorally_meta.shapes import inside

import chorally_sdk as sdk
from chorally_facebook import feed
from chorally_facebook.names import MESSAGE, MESSAGES, POSTS
from chorally_facebook.translate import from_feed

CHAT = Messaging(channel=MESSAGE, stream=MESSAGES)


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a body says, for all pages in it; none of it where it is about other objects.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    return [event for entry in hooks.entries(hook, "page") for event in _of(entry, hook.body)]


def _of(entry: hooks.Entry, raw: bytes) -> Iterator[sdk.Event]:
    for change in entry.changes:
        if change.field == "feed" and isinstance(change.value, dict) and inside(change.value, "item") != "comment":
            yield from feed.from_change(entry.id, change.value, entry.time, raw)
        elif change.field == "feed":
            yield from from_feed(entry.id, change.value, entry.time, raw)
        elif change.field == "mention":
            yield feed.from_mention(entry.id, change.value, raw)
        else:  # an app may be subscribed to more in its dashboard
            yield sdk.Ping(stream=POSTS, account=entry.id)
    yield from CHAT.events(entry, raw)
