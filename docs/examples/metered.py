"""A connector whose platform counts calls: what it declares, and what its answers tell."""

from collections.abc import Iterable
from datetime import timedelta

import httpx

import chorally_sdk as sdk


class Metered(sdk.Connector):
    """A platform with a daily quota of units, and a smaller one for writing."""

    manifest = sdk.Manifest(
        platform="metered",
        base_url="https://metered.example",
        hosts=("metered.example",),
        channels=(sdk.Channel(name="metered_note"),),
        budgets=(
            sdk.Budget(
                limit=10_000,
                per=timedelta(days=1),
                scope="app",
                costs={"GET /search": 100, "POST *": 50},
                resets="00:00 America/Los_Angeles",
            ),
            sdk.Budget(limit=30, per=timedelta(minutes=1), match="POST /notes"),
        ),
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the account."""
        return sdk.AccountInfo.model_validate_json((await self.http.get("/me")).content)

    def usage(self, answer: httpx.Response) -> Iterable[sdk.Usage]:
        """Read the platform's own header, a share between 0 and 100, besides the usual ones."""
        yield from sdk.quota_headers(answer)
        share = answer.headers.get("x-metered-share", "")
        if share.isdecimal():
            yield sdk.Usage(used=int(share) / 100, scope="app")

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Know the platform's own way to say that it is enough: status 403 with a word."""
        if answer.status_code == 403 and b"quotaExceeded" in answer.content:
            return sdk.RateLimited("the day's quota is used up", wait=sdk.asked_wait(answer), scope="app")
        return sdk.by_status(answer)
