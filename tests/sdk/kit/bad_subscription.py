"""Connectors that keep no subscription, or never end one."""

from typing import Any

from pydantic import SecretStr

import chorally_sdk as sdk
from tests.sdk.kit.bad import bad
from tests.sdk.kit.guestbook import Guestbook


def subscribing(name: str, *checks: str, is_whole: bool = True, **wrong: Any) -> None:
    """Add a connector that subscribes with something else."""

    class Subscribing(Guestbook):
        async def subscribe(
            self, callback: str, secret: SecretStr, current: sdk.Subscription | None
        ) -> sdk.Subscription:
            given = {"callback": callback, "secret": secret, "current": current}
            return await super().subscribe(**{**given, **{key: value(given[key]) for key, value in wrong.items()}})

    Subscribing.__name__ = name
    bad(*checks, is_whole=is_whole)(Subscribing)


subscribing("CutsTheCallback", "callback-is-exact", callback=lambda url: url.partition("?")[0])
subscribing("OwnSecret", "secret-is-given", secret=lambda _: SecretStr("a secret of its own"))


@bad("subscribes", is_whole=False)
class PretendsToSubscribe(Guestbook):
    """Returns what it would have got."""

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Pretend."""
        return sdk.Subscription(external_id="s1")


@bad("subscribes-once", "lost-answer")
class AlwaysOneMore(Guestbook):
    """Subscribes once more each time."""

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Once more."""
        body = {"callback": callback, "secret": secret.get_secret_value()}
        made = (await self.http.post("/subscriptions", json=body)).json()
        return sdk.Subscription(external_id=made["id"], expires_at=made["ends_at"])


@bad("is-renewed", "is-healed")
class TrustsItsMemory(Guestbook):
    """What it has subscribed once is subscribed for ever."""

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Remember."""
        return current or await super().subscribe(callback, secret, None)


@bad("is-renewed")
class HidesTheEnd(Guestbook):
    """Does not say when the lease ends, so nobody renews it."""

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Leave it out."""
        return (await super().subscribe(callback, secret, current)).model_copy(update={"expires_at": None})


@bad("is-healed")
class CannotHeal(Guestbook):
    """Where the platform lost it, it is an error for ever."""

    async def renewed(self, current: sdk.Subscription) -> Any:
        """Renew."""
        return (await self.http.patch(f"/subscription/{current.external_id}")).json()


@bad("unsubscribes")
class NeverLeaves(Guestbook):
    """Says that it left."""

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """Stay."""


@bad("unsubscribes-twice")
class LeavesOnce(Guestbook):
    """What has ended cannot be ended."""

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End it."""
        await self.http.delete(f"/subscription/{current.external_id}")


@bad("failed-ending")
class LeavesInAnyCase(Guestbook):
    """An outage is a success."""

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End it."""
        try:
            await super().unsubscribe(current)
        except sdk.ConnectorError:
            return
