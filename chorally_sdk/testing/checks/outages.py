"""Checks of the abilities beside pulling and answering, while the platform is down or asks to wait."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import cast

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import NotApplied, check, ensure, fail, raised


async def _told(bench: Bench, call: Awaitable[object], what: str) -> None:
    """Let the platform be down; what its stand-in answers all the same shows nothing."""
    bench.levers.inject("error_500_before", "read", times=9)
    begun = len(bench.exchanges)
    try:
        outcome = await call
    except sdk.RetryLater:
        return
    answered = bench.exchanges[begun:]
    if answered and all(exchange.status < 500 for exchange in answered):
        raise NotApplied(f"the stand-in's fault error_500_before/read does not meet {what}", is_gap=True)
    fail(f"{what} while the platform is down: must raise RetryLater, returned {outcome!r}")


@check("pull", "A fetch from a platform that is down is no empty one", "Pulls", "Fetches", "say",
       "fault:error_500_before/read", may_be_exempt=False)  # fmt: skip
async def fetch_down(bench: Bench) -> None:
    """What a hook only named is forgotten when the fetch says that there is nothing, or that it is gone."""
    message = await bench.a_message()
    connector = cast("sdk.Fetches", bench.connect())
    stream = cast("sdk.Pulls", connector).streams()[0].name
    call = connector.fetch(sdk.Ping(stream=stream, external_id=message.external_id))
    await _told(bench, call, "a fetch")


@check("pull", "A download from a platform that is down is no empty file", "Pulls", "Downloads", "attach",
       "fault:error_500_before/read", may_be_exempt=False)  # fmt: skip
async def download_down(bench: Bench) -> None:
    """An empty file is kept for good, and the customer's photo with it."""
    external_id = await bench.levers.attach("See this", b"a file")
    (attachment,) = (await bench.pull()).said(external_id).attachments
    connector = cast("sdk.Downloads", bench.connect())

    async def read() -> bytes:
        return b"".join([piece async for piece in connector.download(attachment)])

    await _told(bench, read(), "a download")


@check("push", "A used-up quota holds the post back", "Publishes", "made", "fault:rate_limit/write",
       may_be_exempt=False)  # fmt: skip
async def publish_throttled(bench: Bench) -> None:
    """A 429 was not done: given up, the post that was approved and scheduled never appears."""
    bench.levers.inject("rate_limit", "write", wait_s=60)
    error = await raised(bench.send(bench.post("News")), sdk.RateLimited, "a post beyond the quota")
    ensure(error.wait == timedelta(seconds=60), f"the platform asks to wait 60 s, the error says {error.wait}")
    ensure(not bench.levers.made(), "something is seen all the same")
