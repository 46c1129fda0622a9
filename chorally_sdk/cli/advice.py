"""What a person at the terminal can do about each error of the contract."""

from chorally_sdk.errors import (
    ConnectorError,
    Malformed,
    OutcomeUnknown,
    RateLimited,
    Reason,
    Reauthorize,
    Rejected,
    RetryLater,
    Unsupported,
)

_REASONS = {
    Reason.WINDOW: "the time for an answer is over; the platform may offer templates",
    Reason.GONE: "what it is about is not there any more; pull again to see what is",
    Reason.PERMISSION: "grant the scope or the role that is missing, and get a new token",
    Reason.INVALID: "correct what you gave, or the connector's request",
    Reason.BLOCKED: "the platform's policies forbid it; see the account's notices there",
}


def advice(error: ConnectorError) -> str:
    """Return what to do about an error."""
    match error:
        case RateLimited() | RetryLater() if error.wait is not None:
            return f"run it again in {error.wait.total_seconds():.0f} s"
        case RetryLater():
            return "run it again later; is the platform up, and the URL right?"
        case Reauthorize():
            return (
                "get a new token, and give it by CHORALLY_TOKEN or --token; or consent again: `chorally-connector auth`"
            )
        case Rejected():
            return _REASONS[error.reason]
        case OutcomeUnknown():
            return "look on the platform before you do it again"
        case Malformed():
            return f"the connector or the documentation is out of date; the answer began with {error.payload[:200]!r}"
        case Unsupported():
            return "the connector cannot do this; see what `chorally-connector check` tells of it"
        case _:
            return "correct the connector: this error says nothing of what happens next"
