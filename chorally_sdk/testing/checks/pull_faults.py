"""Checks of reading while the platform fails, forgets or changes, and of what is read one by one."""

import json
from datetime import timedelta

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench, Pulled, Stuck
from chorally_sdk.testing.checks.pull import lacks, nine
from chorally_sdk.testing.checks.registry import check, ensure, fail, raised


@check(
    "pull",
    "A platform that repeats its cursor is noticed",
    "Pulls",
    "say",
    "page_size",
    "fault:repeated_cursor/read",
    may_be_exempt=False,
)
async def repeated_cursor(bench: Bench) -> None:
    """A reader that takes a repeated page for the end loses the rest; one that does not look reads for ever."""
    said = await nine(bench)
    bench.levers.inject("repeated_cursor", "read", times=500)
    try:
        found = await bench.pull()
    except (sdk.Malformed, sdk.RetryLater, Stuck):
        return
    except AssertionError as error:
        fail(f"it goes in circles: {error}")
    lacks(said, found, "the platform repeats its cursor, and the stream says that it is done")


@check(
    "pull",
    "A page that breaks off is no end",
    "Pulls",
    "say",
    "page_size",
    "fault:truncated_page/read",
    may_be_exempt=False,
)
async def truncated_page(bench: Bench) -> None:
    """Half a page taken for the last one loses the rest."""
    await nine(bench)
    bench.levers.inject("truncated_page", "read", times=500)
    await raised(bench.pull(), (sdk.Malformed, sdk.RetryLater), "a page whose body breaks off")


@check(
    "pull",
    "A page of something else is no end",
    "Pulls",
    "say",
    "page_size",
    "fault:not_json/read",
    may_be_exempt=False,
)
async def not_json(bench: Bench) -> None:
    """A proxy's page of HTML under status 200 is no empty listing."""
    await nine(bench)
    bench.levers.inject("not_json", "read", times=500)
    await raised(bench.pull(), (sdk.Malformed, sdk.RetryLater), "a page of HTML in place of records")


@check(
    "pull",
    "An outage in the middle loses nothing",
    "Pulls",
    "say",
    "page_size",
    "fault:error_500_before/read",
    may_be_exempt=False,
)
async def outage_between_pages(bench: Bench) -> None:
    """An error taken for the end says done with half of the records."""
    said = await nine(bench)

    async def down(_: str, __: sdk.Page) -> None:
        bench.levers.inject("error_500_before", "read", times=500)

    found = Pulled()

    async def stored(stream: str, page: sdk.Page) -> None:
        found.pages.append((stream, page))
        found.cursors[stream] = json.loads(json.dumps(dict(page.cursor)))
        await down(stream, page)

    try:
        await bench.pull(stored=stored)
        came = found
    except sdk.RetryLater:
        bench.levers.clear()
        rest = await bench.pull(found.cursors)
        came = Pulled(found.pages + rest.pages)
    lacks(said, came, "an outage after the first page")


@check(
    "pull",
    "A lost grant in the middle is told",
    "Pulls",
    "say",
    "page_size",
    "fault:expired_token/read",
    may_be_exempt=False,
)
async def lost_grant_between_pages(bench: Bench) -> None:
    """A 401 in the middle that is taken for the end stops the account without a word."""
    await nine(bench)
    bench.levers.inject("expired_token", "read", times=500)
    await raised(bench.pull(), sdk.Reauthorize, "a pull whose token ended")


@check(
    "pull",
    "A used-up quota in the middle is told",
    "Pulls",
    "say",
    "page_size",
    "fault:rate_limit/read",
    may_be_exempt=False,
)
async def throttled_pull(bench: Bench) -> None:
    """A 429 that is taken for the end loses what the quota did not reach."""
    await nine(bench)
    bench.levers.inject("rate_limit", "read", times=500, wait_s=60)
    error = await raised(bench.pull(), sdk.RateLimited, "a pull whose quota is used up")
    ensure(error.wait == timedelta(seconds=60), f"the platform asks to wait 60 s, the error says {error.wait}")


@check(
    "pull",
    "A cursor that the platform forgot starts over",
    "Pulls",
    "say",
    "page_size",
    "forget_cursors",
    may_be_exempt=False,
)
async def forgotten_cursor(bench: Bench) -> None:
    """Platforms drop their cursors; a connector that gives up then never reads that account again."""
    said = await nine(bench)

    async def killed(_: str, __: sdk.Page) -> bool:
        return True

    first = await bench.pull(stored=killed)
    bench.levers.forget_cursors()
    rest = await bench.pull(first.cursors)
    lacks(said, Pulled(first.pages + rest.pages), "the platform forgot the cursor")


@check(
    "pull",
    "New fields harm nothing",
    "Pulls",
    "say",
    "page_size",
    "fault:extra_fields/read",
)
async def new_fields(bench: Bench) -> None:
    """Platforms add fields without notice; that is no reason to stop reading."""
    said = await nine(bench)
    bench.levers.inject("extra_fields", "read", times=500)
    lacks(said, await bench.pull(), "answers have a field more")


@check("pull", "A cursor of an older version is understood", "Pulls", "say", "older", may_be_exempt=False)
async def older_cursors(bench: Bench) -> None:
    """After an upgrade every account goes on from a cursor that the older version wrote."""
    first = await bench.say(3)
    connector = bench.connect()
    today = connector.manifest.cursor_version
    cursors = (await bench.pull()).cursors
    said = await bench.say(2)
    for version in range(1, today):
        upgraded = {}
        for stream, cursor in cursors.items():
            old = bench.levers.older(cursor, version)
            for step in range(version, today):
                old = json.loads(json.dumps(dict(connector.upgrade(old, step))))
            upgraded[stream] = old
        found = await bench.pull(upgraded)
        lacks(said, found, f"going on from a cursor of version {version}")
        again = [external_id for external_id in first if external_id in found.ids]
        ensure(len(again) < len(first), f"a cursor of version {version} starts over")


@check("pull", "A ping brings what a pull brings", "Pulls", "Fetches", "say", may_be_exempt=False)
async def fetches(bench: Bench) -> None:
    """A fetched record under another id, or with other content, is a second message."""
    external_id = (await bench.say(2))[0]
    stream = bench.connect().streams()[0].name
    fetched = await bench.connect().fetch(sdk.Ping(stream=stream, external_id=external_id))
    pulled = (await bench.pull()).said(external_id)
    same = [message for message in fetched if isinstance(message, sdk.Message) and message.external_id == external_id]
    ensure(same, f"the ping of {external_id!r} brought {[getattr(e, 'external_id', e) for e in fetched]}")
    for name in ("body", "channel", "conversation_id", "parent_id", "author", "sent_at"):
        ours, theirs = getattr(same[0], name), getattr(pulled, name)
        ensure(ours == theirs, f"fetched, {name} is {ours!r}; pulled, it is {theirs!r}")


@check("pull", "A ping of what was deleted says so", "Fetches", "say", "remove", may_be_exempt=False)
async def fetch_gone(bench: Bench) -> None:
    """Only GONE makes the host mark the message deleted; anything else repeats the ping for ever."""
    external_id = await bench.levers.say("Oops")
    await bench.levers.remove(external_id)
    connector = bench.connect()
    stream = connector.streams()[0].name if isinstance(connector, sdk.Pulls) else "any"
    error = await raised(connector.fetch(sdk.Ping(stream=stream, external_id=external_id)), sdk.Rejected, "the fetch")
    ensure(error.reason == sdk.Reason.GONE, f"it is refused for {error.reason}")


@check("pull", "An attachment comes and can be read", "Pulls", "Downloads", "attach", may_be_exempt=False)
async def downloads(bench: Bench) -> None:
    """A photo of the damage is half of the complaint."""
    content = bytes(range(256)) * 50
    external_id = await bench.levers.attach("Look", content)
    message = bench.stored((await bench.pull()).said(external_id))
    ensure(len(message.attachments) == 1, f"one file came as {len(message.attachments)} attachments")
    pieces = [piece async for piece in bench.connect().download(message.attachments[0])]
    ensure(b"".join(pieces) == content, "the file's bytes are not those that were sent")


@check("pull", "A file that is gone is told", "Pulls", "Downloads", "attach", "remove", may_be_exempt=False)
async def download_gone(bench: Bench) -> None:
    """An error page that is stored as a photo is found by the customer."""
    external_id = await bench.levers.attach("Look", b"photo")
    attachment = (await bench.pull()).said(external_id).attachments[0]
    await bench.levers.remove(external_id)

    async def read() -> list[bytes]:
        return [piece async for piece in bench.connect().download(attachment)]

    error = await raised(read(), sdk.Rejected, "the download of a file that was removed")
    ensure(error.reason == sdk.Reason.GONE, f"it is refused for {error.reason}")
