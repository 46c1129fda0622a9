"""Asks for each request's part of its quotas, and passes on what the answers tell of them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from chorally_sdk.errors import ConnectorError, RateLimited
from chorally_sdk.http.budgets import Budgets, Call, lane_now
from chorally_sdk.http.quota import Usage
from chorally_sdk.model.manifest import Budget

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Meter:
    """Whose quotas an account's requests are counted in; a host gives one to each client."""

    budgets: Budgets
    app: str
    """Unique over platforms and tenants, so that no quota crosses them."""
    account: str
    declared: tuple[Budget, ...] = ()
    """The manifest's."""
    tenant: str = ""
    """See ``Call.tenant``."""


@dataclass(frozen=True)
class Metering:
    """A meter as a client uses it; without one nothing is asked."""

    base: httpx.URL
    meter: Meter | None
    is_visible: Callable[[], bool] = field(default=lambda: False)

    async def ask(self, request: httpx.Request) -> None:
        """Return when the request may be made: each one that goes out, repeats and redirects included.

        Raises:
            RateLimited: Not soon.
        """
        if self.meter is not None:
            await self.meter.budgets.ask(self._call(self.meter, request))

    async def tell(self, request: httpx.Request, usages: list[Usage], fault: ConnectorError | None) -> None:
        """Pass on what an answer tells of the quotas; where that fails, the answer stands all the same."""
        if self.meter is None or not (usages or isinstance(fault, RateLimited)):
            return
        call = self._call(self.meter, request)
        try:
            for usage in usages:
                await self.meter.budgets.told(call, usage)
            if isinstance(fault, RateLimited):
                await self.meter.budgets.limited(call, fault)
        except Exception as error:  # the call was made: what it gave must not be lost
            _log.warning("%s: what was told of a quota could not be kept (%s)", call.app, type(error).__name__)

    def _call(self, meter: Meter, request: httpx.Request) -> Call:
        lane = lane_now(self.is_visible())
        path = path_of(request.url, self.base)
        return Call(meter.app, meter.account, lane, request.method, path, meter.declared, meter.tenant)


def path_of(url: httpx.URL, base: httpx.URL) -> str:
    """Return the path that patterns of calls are compared with: after the base URL's, or ``//host/path``."""
    if url.host != base.host:
        return f"//{url.host}{url.path}"
    before = base.path.rstrip("/")
    return url.path[len(before) :] or "/" if url.path.startswith(f"{before}/") or url.path == before else url.path
