"""Gives consents back that nothing uses any more: beside the disconnecting, which never waits for it.

The grant is kept, sealed and for this alone, until the platform has taken it back or a day of tries has passed.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta

import structlog

import chorally_sdk as sdk
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.grants import GrantRecord, Grants

log = structlog.get_logger(__name__)

PAUSES = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=12))
"""How long is waited after each try that came to nothing; after the last one the grant is forgotten."""
LASTS = timedelta(days=1)
"""How long it is kept at most, however long a platform asks to wait."""


class Revoking:
    """Gives grants back to their platforms, where these take them."""

    def __init__(
        self,
        grants: Grants,
        connector: Callable[[GrantRecord], AbstractAsyncContextManager[sdk.Connector]],
        directory: Directory,
        *,
        now: Callable[[], datetime],
        call_s: float,
    ) -> None:
        """Prepare to give back.

        Args:
            grants: Where they are.
            connector: Gives a connector that is about no account.
            directory: Knows the connectors.
            now: The clock.
            call_s: Seconds that asking a platform may take.
        """
        self._grants = grants
        self._connector = connector
        self._directory = directory
        self._now = now
        self._call_s = call_s

    async def takes(self, record: GrantRecord) -> bool:
        """Whether a grant that nothing uses waits from now on to be given back; else it can be forgotten.

        Only a consent that was asked for here is: a pasted token is its owner's, and may serve elsewhere.
        """
        connector = self._directory.connectors.get(record.platform)
        if not record.consented or record.parent or connector is None or not issubclass(connector, sdk.Revokes):
            return False
        known: GrantRecord | None = record
        while known is not None and self._grants.opened(known) is not None:
            if await self._grants.end(known, self._now()):
                return True
            known = await self._grants.record(record.id)  # it was renewed meanwhile, or somebody else has ended it
        return known is None

    async def give_back(self, record: GrantRecord) -> None:
        """Give one back, and forget it; where that comes to nothing it is tried again a few times."""
        if not await self._grants.hold(record.id):
            return
        try:
            why = await self._refusal(record)
            left = (record.ended_at or self._now()) + LASTS - self._now()
            if isinstance(why, sdk.RetryLater) and record.tries < len(PAUSES) and left > timedelta(0):
                pause = max(why.wait or timedelta(0), PAUSES[record.tries])
                await self._grants.put_off(record, self._now() + min(pause, left))
                return
            if why is not None:
                log.warning(
                    "a consent was not given back", grant_id=record.id, platform=record.platform, error=str(why)
                )
            await self._grants.remove(record.id)
        finally:
            await self._grants.release(record.id)

    async def _refusal(self, record: GrantRecord) -> sdk.ConnectorError | None:
        """Ask the platform once; return why it did not take the grant back."""
        grant = self._grants.opened(record)
        try:
            async with asyncio.timeout(self._call_s), self._connector(record) as connector:
                if grant is None or not isinstance(connector, sdk.Revokes):
                    return sdk.Unsupported("the connector gives no consents back")
                await connector.revoke(grant)
        except TimeoutError:
            return sdk.RetryLater(f"the platform did not answer within {self._call_s:g} seconds")
        except sdk.Reauthorize:
            return None  # it does not know the grant any more
        except sdk.ConnectorError as error:
            return error
        except Exception as error:
            return sdk.Rejected(f"the connector failed ({type(error).__name__})")
        return None
