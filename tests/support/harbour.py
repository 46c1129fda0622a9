"""A core whose platform is asked to call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chorally_core.services.io.model import Account, Health
from chorally_core.services.io.subscription import SubscriptionRecord

from tests.support.beacon import PUBLIC, Beacon, BeaconPlatform
from tests.support.world import Clock, World, a_world


class Harbour:
    """A world with a beacon, and how its accounts do."""

    def __init__(self, world: World, platform: BeaconPlatform) -> None:
        self.world = world
        self.platform = platform
        self.subscribing = world.io.tending.subscribing

    async def connect(self, tenant: str = "acme", token: str = "token") -> Account:
        """Connect an account, and let everything happen that is due."""
        account = await self.world.account("beacon", tenant, credentials={"access_token": token})
        self.subscribing.begin(account)
        await self.tend()
        return account

    async def tend(self, **later: float) -> None:
        """Let some time pass, and everything happen that is due then."""
        self.world.clock.forward(**later)
        for _ in range(4):
            await self.world.io.tending.round()
            await self.subscribing.idle()
        await self.world.io.health.flush()

    async def receive(self, *items: dict[str, Any], key: str = "sub-wall-1") -> str:
        """Let the platform call; return the verdict."""
        token, raw = self.platform.hook(*items, key=key)
        verdict = await self.world.io.journal.receive("beacon", token, raw)
        await self.world.settle()
        return verdict.kind

    async def disconnect(self, account: Account) -> None:
        """Disconnect an account as it is now."""
        now = await self.world.get(Account, account.id)
        self.subscribing.begin(await self.world.io.accounts.disconnect(now))

    async def account(self, tenant: str = "acme") -> Account:
        """Return an account as it is stored."""
        found: Account = await self.world.get(Account, f"account-beacon-{tenant}")
        return found

    async def record(self, tenant: str = "acme") -> SubscriptionRecord | None:
        """Return what is stored of a subscription."""
        found: SubscriptionRecord | None = await self.world.get(SubscriptionRecord, f"account-beacon-{tenant}")
        return found

    async def last_error(self) -> str:
        """Return the last error in an account's health."""
        found: Health = await self.world.get(Health, "account-beacon-acme")
        return found.last_error


@asynccontextmanager
async def a_harbour(folder: Path, connector: type[Beacon], *, in_order: bool = False) -> AsyncIterator[Harbour]:
    """Give one whose platform tests the URL during the call."""
    clock = Clock()
    platform = BeaconPlatform(clock)
    transports = {"beacon": platform.transport()}
    async with a_world(
        folder, {"beacon": connector}, transports=transports, clock=clock, in_order=in_order, public_url=PUBLIC
    ) as world:
        platform.doors = lambda token, raw: world.io.journal.receive("beacon", token, raw)
        yield Harbour(world, platform)
