"""Signing in with address and password: throttled, and telling nobody whether a user is there."""

import ipaddress
from collections.abc import Callable
from datetime import datetime

from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents, Key
from chorally_core.services.identity.commands import rehash
from chorally_core.services.identity.model import User
from chorally_core.services.identity.passwords import LONGEST, Passwords
from chorally_core.services.identity.throttle import Throttle

_FREE_BY_ACCOUNT = 5
_FREE_BY_ADDRESS = 30


class WrongCredentials(Exception):
    """Tenant, address and password do not name a user who may sign in; which of them is wrong is not said."""


class SignIn:
    """Finds out whether somebody is the user they say they are."""

    def __init__(
        self, *, documents: Documents, actions: Actions, passwords: Passwords, clock: Callable[[], datetime]
    ) -> None:
        self._documents = documents
        self._actions = actions
        self._passwords = passwords
        self._by_account = Throttle(clock, free=_FREE_BY_ACCOUNT)
        self._by_address = Throttle(clock, free=_FREE_BY_ADDRESS)

    async def user(self, tenant: str, email: str, password: str, address: str) -> User:
        """Return the user whose password it is.

        Args:
            tenant: The tenant's id.
            email: The user's address.
            password: What they typed.
            address: Where the request comes from; guesses from one place are counted together.

        Raises:
            Throttled: Too many attempts failed, for the account or from the address.
            WrongCredentials: The password is not that of a user who may sign in.
        """
        login = User.login_of(tenant, email)
        place = _place(address)
        self._by_account.check(login)
        self._by_address.check(place)
        self._by_account.begin(login)
        self._by_address.begin(place)
        user = await self._documents.get(User, login, "login")
        stored = user.password_hash if user is not None else None
        if not await self._passwords.verify(stored, password[: LONGEST + 1]) or user is None or user.disabled:
            raise WrongCredentials("tenant, e-mail address and password do not belong to a user")
        self._by_account.clear(login)
        self._by_address.take_back(place)
        if self._passwords.is_outdated(user.password_hash):
            await self._rehash(user, password)
        return user

    async def _rehash(self, user: User, password: str) -> None:
        new = await self._passwords.hash(password)
        keys = (Key.by_id(User, user.id),)
        await self._actions.act(keys, lambda found: rehash(found, user.id, user.password_hash, new))


def _place(address: str) -> str:
    """What an address is counted by: an IPv6 network of 64 bits belongs to one subscriber."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 6 and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
