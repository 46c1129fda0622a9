"""What ``bench.pull`` measures of the SDK alone: the connector's generator, walked."""

import asyncio
from datetime import UTC, datetime, timedelta

import chorally_sdk as sdk
from bench.comments import PLATFORM, Comments


async def sdk_alone(url: str, paths: list[str]) -> tuple[int, int]:
    """Walk the connector's generators, one for each account, all at once; return pages and records."""
    walked = await asyncio.gather(*(_walk(url, path, number) for number, path in enumerate(paths)))
    return sum(pages for pages, _ in walked), sum(records for _, records in walked)


async def _walk(url: str, path: str, number: int) -> tuple[int, int]:
    http = sdk.Http(base_url=url, hosts=())
    account = sdk.Account(id=f"a{number}", tenant="t", data={"list": path})
    connector = Comments(sdk.App(id=""), http, account, now=lambda: datetime.now(UTC))
    pages = records = 0
    cursor: sdk.Cursor | None = None
    while True:
        try:
            async for page in connector.pull(PLATFORM, cursor, None):
                pages, records, cursor = pages + 1, records + len(page.events), page.cursor
        except sdk.RateLimited as limited:
            await asyncio.sleep((limited.wait or timedelta(0)).total_seconds())
        else:
            await http.aclose()
            return pages, records
