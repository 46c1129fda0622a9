"""Abilities by which an account is connected and stays so; storing, timing and locking are the host's."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from chorally_sdk.model.accounts import AccountInfo, Callback, Consent, Grant


class Renews(ABC):
    """Issues grants anew. Called by one process at a time for each grant, and stored before it is used."""

    @abstractmethod
    async def renew(self, grant: Grant | None) -> Grant:
        """Issue the grant anew; None where nothing was issued yet (client credentials).

        What the answer leaves out is kept from the old grant: a refresh token that is not rotated, the
        scopes, ``base_url``, ``keep``.

        Raises:
            Reauthorize: The platform refuses the grant; a person must consent again.
            RetryLater: The platform cannot be reached, or asks to come back; the account stays connected.
            Rejected: The app is set up wrongly; its operator is told, the account stays connected.
        """


class Authorizes(Renews):
    """Asks a person for consent (OAuth 2 with PKCE, or what the platform has instead)."""

    @abstractmethod
    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> Consent:
        """Give the page of consent.

        Args:
            state: Comes back with the call-back; opaque, unguessable, used once.
            challenge: Of PKCE, method S256 (RFC 7636).
            redirect_uri: Where the platform sends the person back.
            hint: The handle or instance that the person typed; empty where none was asked for.
        """

    @abstractmethod
    async def exchange(self, callback: Callback) -> Grant:
        """Turn the code into the grant of that consent.

        Raises:
            Rejected: The code is refused; the person starts again.
        """


class Revokes(ABC):
    """Gives a consent back when nothing uses it any more, where the platform takes it back (RFC 7009)."""

    @abstractmethod
    async def revoke(self, grant: Grant) -> None:
        """End this grant, and no other; one that has ended already is success.

        Left out where the platform would end all consents that the person ever gave to the app, for they may
        serve other accounts and other tenants. Best effort: a host tries a few times, and disconnects all the same.
        """


class Discovers(ABC):
    """Lists what one grant opens, where that is more than one account."""

    @abstractmethod
    async def accounts(self) -> Sequence[AccountInfo]:
        """List what one grant opens; also derives the accounts' own tokens anew after a renewal.

        All of it, whatever the paging: an account that is missing has lost its grant.
        """
