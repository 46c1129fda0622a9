"""What ``bench.pull`` measures of the SDK alone: the connector's generator, walked."""

import asyncio
from datetime import UTC, datetime

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
    async for page in connector.pull(PLATFORM, None, None):
        pages, records = pages + 1, records + len(page.events)
    await http.aclose()
    return pages, records
