"""The errors a connector raises, named for what the host does next.

A new cause on some platform never adds a branch to the host: a connector maps its platform's
codes to one of these, once, in one table. Messages are for people and end with what to do; they
never carry a secret.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Literal

Scope = Literal["app", "account", "endpoint"]


class Reason(StrEnum):
    """Why a platform will never accept a request."""

    WINDOW = "window"
    """The reply window is over."""
    GONE = "gone"
    """The object was deleted, or was never visible to this account."""
    PERMISSION = "permission"
    """A scope, a role or a review of the app is missing."""
    INVALID = "invalid"
    """A parameter, the text or the media is not acceptable."""
    BLOCKED = "blocked"
    """The platform's policies, or the person, block this."""


class ConnectorError(Exception):
    """Says what happens next; raised as one of its subclasses."""


class RetryLater(ConnectorError):
    """Not done, and may be repeated after ``wait``; None leaves the wait to the host's back-off."""

    def __init__(self, why: str = "", *, wait: timedelta | None = None) -> None:
        super().__init__(why or "the platform asks to come back later")
        self.wait = wait


class RateLimited(RetryLater):
    """A quota is used up: the budget of that scope is held, not only the call."""

    def __init__(self, why: str = "", *, wait: timedelta | None = None, scope: Scope = "account") -> None:
        super().__init__(why or "the platform's quota is used up", wait=wait)
        self.scope: Scope = scope


class Reauthorize(ConnectorError):
    """The token no longer works; from a renewal: the grant is refused and a person must consent again."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why or "the platform no longer accepts the token; connect the account again")


class Rejected(ConnectorError):
    """This request will never be accepted, for ``reason``."""

    def __init__(self, why: str = "", *, reason: Reason = Reason.INVALID) -> None:
        super().__init__(why or f"the platform refuses this request ({reason})")
        self.reason = reason


class OutcomeUnknown(ConnectorError):
    """A visible call may have happened, or a search for it cannot tell."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why or "it is not known whether the platform carried this out")


class Malformed(ConnectorError):
    """The platform sent what its documentation forbids; ``payload`` is kept aside."""

    def __init__(self, why: str, payload: bytes = b"") -> None:
        super().__init__(why)
        self.payload = payload


class Unsupported(ConnectorError):
    """The host's own refusal, before any network: the connector cannot do this."""
