"""What is refused before any network, because the manifest says that the platform will."""

from datetime import datetime

import chorally_sdk as sdk
from chorally_core.services.io.model import Delivery
from chorally_sdk import Reason


def length(text: str, unit: str, connector: sdk.Connector) -> int:
    """Return how long a text is in a limit's unit.

    Raises:
        Unsupported: The unit is not one that can be counted here.
    """
    match unit:
        case "code_points":
            return len(text)
        case "utf16":
            return len(text.encode("utf-16-le")) // 2
        case "bytes":
            return len(text.encode())
        case "own" | "graphemes":
            return connector.measure(text)
    raise sdk.Unsupported(f"texts cannot be counted in {unit}")


def refusal(delivery: Delivery, connector: sdk.Connector, now: datetime) -> sdk.Rejected | None:
    """Return why the platform would refuse the delivery, as far as its manifest tells; None where it may go."""
    try:
        limits = connector.manifest.channel(delivery.channel).actions.get("reply")
    except LookupError as error:
        return sdk.Rejected(f"{error}; the connector that had it may be gone", reason=Reason.INVALID)
    if limits is None:
        return sdk.Rejected(f"{delivery.channel} cannot be answered", reason=Reason.INVALID)
    if not delivery.body.strip() and not delivery.attachments:
        return sdk.Rejected("the text is empty", reason=Reason.INVALID)
    if limits.max_text is not None:
        counted = length(delivery.body, limits.unit, connector)
        if counted > limits.max_text:
            why = f"the text has {counted} {limits.unit.replace('_', ' ')}, the platform takes {limits.max_text}"
            return sdk.Rejected(f"{why}; shorten it", reason=Reason.INVALID)
    if len(delivery.attachments) > limits.max_media:
        return sdk.Rejected(f"the platform takes {limits.max_media} attachments here", reason=Reason.INVALID)
    return _window(delivery, limits, now)


def is_late(delivery: Delivery, limits: sdk.Limits, now: datetime) -> bool:
    """Whether the reply window is over, so that only a person within the agents' window may answer."""
    return limits.window is not None and delivery.answers_at is not None and now - delivery.answers_at > limits.window


def _window(delivery: Delivery, limits: sdk.Limits, now: datetime) -> sdk.Rejected | None:
    if not is_late(delivery, limits, now) or delivery.answers_at is None:
        return None
    longer = limits.agent_window
    if longer is not None and not delivery.automatic and now - delivery.answers_at <= longer:
        return None
    return sdk.Rejected("the platform's reply window is over; wait until the person writes again", reason=Reason.WINDOW)
