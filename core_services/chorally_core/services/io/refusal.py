"""What is refused before any network, because the manifest says that the platform will."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_core.events.records import Attached
from chorally_core.services.io.model import Delivery
from chorally_core.services.io.parts import pieces
from chorally_sdk import Reason
from chorally_sdk.text import length

CANNOT = {
    "reply": "cannot be answered",
    "send": "begins no conversation; answer one that is there",
    "publish": "cannot be published on",
}
"""What a channel cannot do that has no such action."""


def too_long(
    body: str, attachments: Sequence[Attached], limits: sdk.Limits, own: Callable[[str], int], files: bool = True
) -> str:
    """Return why an answer takes more than the platform does, with what to do; empty where it does not.

    Args:
        body: The text.
        attachments: Its files.
        limits: What the platform takes in one call, and in how many.
        own: The platform's own measure.
        files: Whether files are looked at too.
    """
    if limits.max_text is not None and limits.parts == 1:
        counted = length(body, limits.unit, own)
        if counted > limits.max_text:
            unit = limits.unit.replace("_", " ")
            return f"the text has {counted} {unit}, the platform takes {limits.max_text}; shorten it"
    if files and attachments and not limits.max_media:
        return "the platform takes no attachments here; put a link into the text"
    if files and limits.parts == 1 and len(attachments) > limits.max_media:
        return f"there are {len(attachments)} attachments, the platform takes {limits.max_media}; leave some out"
    count = len(pieces(body, attachments if files else (), limits, own))
    if count > limits.parts:
        return f"it takes {count} parts, the platform takes {limits.parts}; shorten it"
    return next((why for attached in attachments if files and (why := unfit(attached, limits))), "")


def unfit(attached: Attached, limits: sdk.Limits) -> str:
    """Return why the platform does not take a file, with what to do; empty where it does, or nothing is declared."""
    if not limits.media:
        return ""
    name = attached.name or attached.kind
    kind = (attached.media_type or "").partition(";")[0].strip().lower()
    most = limits.media.get(kind, limits.media.get(f"{kind.partition('/')[0]}/*", limits.media.get("*/*")))
    if most is None:
        allowed = ", ".join(sorted(limits.media))
        return f"{name} is {kind or 'of an unknown type'}; the platform takes {allowed}"
    if attached.size_bytes is not None and attached.size_bytes > most:
        return f"{name} has {attached.size_bytes} bytes, the platform takes {most}; make it smaller"
    return ""


def unoffered(options: Mapping[str, Any], limits: sdk.Limits) -> str:
    """Return why options are not taken, with those that are; empty where all are."""
    unknown = sorted(set(options) - set(limits.options))
    if not unknown:
        return ""
    known = f"it takes {', '.join(sorted(limits.options))}" if limits.options else "it takes none"
    return f"the channel has no option {unknown[0]!r}; {known}"


def refusal(delivery: Delivery, connector: sdk.Connector, now: datetime) -> sdk.Rejected | None:
    """Return why the platform would refuse the delivery, as far as its manifest tells; None where it may go."""
    try:
        limits = connector.manifest.channel(delivery.channel).actions.get(delivery.verb)
    except LookupError as error:
        return sdk.Rejected(f"{error}; the connector that had it may be gone", reason=Reason.INVALID)
    if limits is None:
        return sdk.Rejected(f"{delivery.channel} {CANNOT[delivery.verb]}", reason=Reason.INVALID)
    if not delivery.body.strip() and not delivery.attachments and delivery.template is None:
        return sdk.Rejected("the text is empty", reason=Reason.INVALID)
    if why := too_long(delivery.body, delivery.attachments, limits, connector.measure):
        return sdk.Rejected(why, reason=Reason.INVALID)
    if why := unoffered(delivery.options, limits):
        return sdk.Rejected(why, reason=Reason.INVALID)
    return _window(delivery, limits, now)


def is_late(delivery: Delivery, limits: sdk.Limits, now: datetime) -> bool:
    """Whether the reply window is over, so that only a person within the agents' window may answer."""
    if limits.window is None:
        return False
    if delivery.answers_at is None:
        return delivery.verb == "send"  # a window opens when the person writes
    return now - delivery.answers_at > limits.window


def _window(delivery: Delivery, limits: sdk.Limits, now: datetime) -> sdk.Rejected | None:
    if not is_late(delivery, limits, now) or delivery.template is not None:
        return None
    longer, since = limits.agent_window, delivery.answers_at
    if since is None:
        why = "the person has not written, and the platform takes nothing before; take a template, where it has some"
        return sdk.Rejected(why, reason=Reason.WINDOW)
    if longer is not None and not delivery.automatic and now - since <= longer:
        return None
    return sdk.Rejected("the platform's reply window is over; wait until the person writes again", reason=Reason.WINDOW)
