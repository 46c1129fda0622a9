"""What a webhook of a page holds; the handshake and the signature are Meta's own (``chorally_meta.hooks``)."""

from collections.abc import Sequence

from chorally_meta import hooks

import chorally_sdk as sdk
from chorally_facebook.translate import from_feed


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a body says of comments, for all pages in it; none of it where it is about other objects.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    return [
        event
        for entry in hooks.entries(hook, "page")
        for change in entry.changes
        if change.field == "feed"
        for event in from_feed(entry.id, change.value, entry.time, hook.body)
    ]
