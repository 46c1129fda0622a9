"""Checks of reading: every record once, whatever happens between two pages."""

import json
from datetime import timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench, Pulled
from chorally_sdk.testing.checks.registry import NotApplied, check, ensure, fail, where_people_answer

NINE = 9


def lacks(wanted: list[str], found: Pulled, what: str) -> None:
    """Fail the check if messages did not come."""
    lost = [external_id for external_id in wanted if external_id not in found.ids]
    ensure(not lost, f"{what}: {len(lost)} of {len(wanted)} messages did not come")


async def nine(bench: Bench, **options: Any) -> list[str]:
    """Let nine things be said, and listed two by two."""
    bench.levers.page_size(2)
    return await bench.say(NINE, **options)


@check("pull", "Every record comes, over all pages", "Pulls", "say", "page_size", may_be_exempt=False)
async def complete(bench: Bench) -> None:
    """A misspelt path to the next page reads the first pages and loses the rest, silently."""
    said = await nine(bench)
    found = await bench.pull()
    lacks(said, found, "a walk over pages of two")
    ensure(set(found.ids) == set(said), f"messages came that nobody said: {set(found.ids) - set(said)}")


@check("pull", "A walk brings nothing twice", "Pulls", "say", "page_size")
async def no_doubles(bench: Bench) -> None:
    """The same record under two ids becomes two tickets."""
    said = await nine(bench)
    found = await bench.pull()
    ensure(len(found.ids) == len(set(found.ids)) == len(said), f"{len(said)} messages came as {found.ids}")


@check("pull", "A stream says its end, and ends there", "Pulls", "say", may_be_exempt=False)
async def ends(bench: Bench) -> None:
    """An end that is not said cannot be told from a connection that broke."""
    if "page_size" in bench.levers.offered():
        bench.levers.page_size(2)
    await bench.say(3)
    connector = bench.connect()
    for stream in connector.streams():
        if stream.live or stream.scope == "app":
            continue
        pages = [page async for page in connector.pull(stream.name, None, None)]
        ensure(pages and pages[-1].done, f"the stream {stream.name!r} ends without a page that is done")
        ensure(not any(page.done for page in pages[:-1]), f"{stream.name!r} says done, and yields more")


@check("pull", "Where nothing is, nothing comes", "Pulls", "say", may_be_exempt=False)
async def empty(bench: Bench) -> None:
    """The first poll of a new account fails where an empty listing was never thought of."""
    found = await bench.pull()
    ensure(not found.messages, f"came: {found.ids}")
    again = await bench.pull(found.cursors)
    ensure(not again.messages, f"the second time came: {again.ids}")
    said = await bench.say(1)
    lacks(said, await bench.pull(again.cursors), "after two empty walks")


@check("pull", "A cursor survives the store", "Pulls", "say", "page_size", may_be_exempt=False)
async def cursor_is_json(bench: Bench) -> None:
    """Cursors are stored as JSON: a date or a tuple in one comes back as something else."""
    await nine(bench)

    async def stored(stream: str, page: sdk.Page) -> None:
        try:
            back = json.loads(json.dumps(dict(page.cursor)))
        except TypeError as error:
            fail(f"a cursor of {stream!r} is no JSON: {error}")
        ensure(back == dict(page.cursor), f"a cursor of {stream!r} comes back as {back}")

    await bench.pull(stored=stored)


@check("pull", "A kill at any page loses nothing", "Pulls", "say", "page_size", may_be_exempt=False)
async def resumes_anywhere(bench: Bench) -> None:
    """Processes are killed between any two pages; a cursor that is ahead of its page loses that page's rest."""
    said = await nine(bench)
    whole = await bench.pull()
    for last in range(1, len(whole.pages)):
        seen = 0

        async def killed(_: str, __: sdk.Page, last: int = last) -> bool:
            nonlocal seen
            seen += 1
            return seen == last

        _from_the_beginning(bench)
        first = await bench.pull(stored=killed)
        rest = await bench.pull(first.cursors)
        came = Pulled(first.pages + rest.pages)
        lacks(said, came, f"killed after page {last}")


def _from_the_beginning(bench: Bench) -> None:
    """Let a walk without a cursor find what one before has read, also where reading acknowledges."""
    if "unread" in bench.levers.offered():
        bench.levers.unread()


@check(
    "pull", "A page waits until the one before is stored", "Pulls", "say", "page_size", "transport", may_be_exempt=False
)
async def reads_no_page_ahead(bench: Bench) -> None:
    """Asking for a page may acknowledge the one before: asked too early, a kill loses it."""
    await nine(bench)
    asked: list[int] = []

    async def stored(_: str, __: sdk.Page) -> None:
        asked.append(len(bench.exchanges))

    bench.exchanges.clear()
    found = await bench.pull(stored=stored)
    total = len(bench.exchanges)
    if not total:
        raise NotApplied("the streams are not read over HTTP, where requests could be counted")
    ensure(asked[-1] == total, "the last page came before the last request was made")
    if len(found.pages) > 1:
        ensure(asked[0] < total, f"all {total} requests were made before the first page was stored")


@check("pull", "A second walk brings nothing new", "Pulls", "say", "page_size", may_be_exempt=False)
async def nothing_new(bench: Bench) -> None:
    """What an overlap reads again must be known by its id and be the same, or it becomes a new message."""
    await nine(bench)
    first = await bench.pull()
    bench.levers.clock.pass_(minutes=1)
    again = await bench.pull(first.cursors)
    known = {message.external_id: message for message in first.messages}
    for message in again.messages:
        ensure(message.external_id in known, f"{message.external_id!r} is new, and nobody said it")
        ensure(message == known[message.external_id], f"{message.external_id!r} came again with other content")


@check("pull", "What is said later comes with the next walk", "Pulls", "say", "page_size", may_be_exempt=False)
async def incremental(bench: Bench) -> None:
    """A cursor that is ahead of the clock, or of the newest record, passes over what comes next."""
    bench.levers.page_size(2)
    cursors: dict[str, Any] = {}
    for count in (3, 1, 5):
        said = await bench.say(count)
        found = await bench.pull(cursors)
        lacks(said, found, f"{count} new messages")
        cursors = found.cursors


@check("pull", "What is said during a walk is not lost", "Pulls", "say", "page_size", may_be_exempt=False)
async def news_during_walk(bench: Bench) -> None:
    """New records move the pages under way: the walk, or the next one, must still bring all of them."""
    said = await nine(bench)

    async def more(_: str, __: sdk.Page) -> None:
        if len(said) < NINE + 4:
            said.extend(await bench.say(1))

    first = await bench.pull(stored=more)
    second = await bench.pull(first.cursors)
    lacks(said, Pulled(first.pages + second.pages), "while a message came between every two pages")


@check(
    "pull",
    "What is removed during a walk hides nothing else",
    "Pulls",
    "say",
    "page_size",
    "remove",
    may_be_exempt=False,
)
async def removal_during_walk(bench: Bench) -> None:
    """Where pages are counted, a removal moves the rest up, and the record at the border is passed over."""
    said = await nine(bench)
    gone: list[str] = []

    async def less(_: str, page: sdk.Page) -> None:
        ids = [event.external_id for event in page.events if isinstance(event, sdk.Message)]
        if ids and not gone:
            gone.append(ids[0])
            await bench.levers.remove(ids[0])

    first = await bench.pull(stored=less)
    second = await bench.pull(first.cursors)
    wanted = [external_id for external_id in said if external_id not in gone]
    lacks(wanted, Pulled(first.pages + second.pages), "while one message was removed")


@check("pull", "All records of one second come", "Pulls", "say", "page_size", may_be_exempt=False)
async def same_second(bench: Bench) -> None:
    """A cursor that is a time passes over what else was said in its second."""
    said = await nine(bench, every_s=0)
    first = await bench.pull()
    lacks(said, first, "nine messages of one second")
    late = await bench.say(1, every_s=0)
    lacks(late, await bench.pull(first.cursors), "a tenth of the same second")


@check("pull", "Nothing older than wanted comes, and all that is newer", "Pulls", "say", "page_size")
async def since(bench: Bench) -> None:
    """An account that is connected today must not import a decade; nor miss what was said since."""
    bench.levers.page_size(2)
    old = await bench.say(4, every_s=3600)
    bench.levers.clock.pass_(hours=1)
    at = bench.levers.clock()
    new = [await bench.levers.say("at that very time"), *await bench.say(4, every_s=3600)]
    found = await bench.pull(since=at)
    lacks(new, found, "since a time")
    early = [external_id for external_id in old if external_id in found.ids]
    ensure(not early, f"{len(early)} messages came that are older than wanted")


@check("pull", "The same record is the same", "Pulls", "say", "page_size", may_be_exempt=False)
async def stable(bench: Bench) -> None:
    """An id, author or time made up at reading gives every poll new messages and every person many tickets."""
    await nine(bench)
    first = await bench.pull()
    bench.levers.clock.pass_(hours=1)
    _from_the_beginning(bench)
    second = await bench.pull()
    ensure(first.messages == second.messages, "two walks over the same records differ")


@check("pull", "Times are the platform's, to the second", "Pulls", "say", may_be_exempt=False)
async def exact_times(bench: Bench) -> None:
    """A wrong zone or the time of reading puts answers before questions and closes reply windows."""
    for _ in range(3):
        bench.levers.clock.pass_(hours=7)
        external_id, at = await bench.levers.say("When?"), bench.levers.clock()
        bench.levers.clock.pass_(hours=2)
        sent = (await bench.pull()).said(external_id).sent_at
        ensure(abs(sent - at) < timedelta(seconds=1), f"said at {at}, the message says {sent}")


@check("pull", "Two people are two authors, one person is one", "Pulls", "say", may_be_exempt=False)
async def authors(bench: Bench) -> None:
    """Tickets are kept by author: two people under one id read each other's answers."""
    ada, bob = await bench.levers.say("I", author="ada"), await bench.levers.say("I", author="bob")
    again = await bench.levers.say("again", author="ada")
    found = await bench.pull()
    ids = [message.author.external_id if message.author else None for message in map(found.said, (ada, bob, again))]
    ensure(None not in ids, "a message of a known person has no author")
    ensure(ids[0] == ids[2], f"one person has the ids {ids[0]!r} and {ids[2]!r}")
    ensure(ids[0] != ids[1], f"two people share the id {ids[0]!r}")


@check("pull", "What nobody signed comes too", "Pulls", "say", may_be_exempt=True)
async def anonymous(bench: Bench) -> None:
    """Platforms hide authors who left; a reader that relies on them loses the page that holds one."""
    external_id = await bench.levers.say("Boo", author=None)
    other = await bench.levers.say("Who was that?", author="ada")
    lacks([external_id, other], await bench.pull(), "one message without an author")


@check("pull", "Text comes as it was written", "Pulls", "say", may_be_exempt=False)
async def exact_text(bench: Bench) -> None:
    """Escaped twice, cut, or in a wrong encoding, people's words are not theirs."""
    texts = (
        "Caffè \N{CAT FACE WITH TEARS OF JOY} \u05e9\u05dc\u05d5\u05dd",
        "5 < 6 & <b>7</b> &amp; 100%",
        "one\ntwo",
        "0",
    )
    for text in texts:
        external_id = await bench.levers.say(text)
        body = (await bench.pull()).said(external_id).body
        ensure(body == text, f"{text!r} came as {body!r}")


@check("pull", "An answer is in the conversation of what it answers", "Pulls", "say", may_be_exempt=False)
async def threads(bench: Bench) -> None:
    """An answer outside its thread opens a ticket of its own."""
    where_people_answer(bench)
    asked = await bench.levers.say("Open?", author="ada")
    told = await bench.levers.say("Yes", author="bob", parent=asked)
    found = await bench.pull()
    same = found.said(told).conversation_id == found.said(asked).conversation_id
    ensure(same, "an answer and what it answers are in two conversations")


@check("pull", "An answer names what it answers", "Pulls", "say")
async def parents(bench: Bench) -> None:
    """Agents see what was meant, and an answer goes under the right comment."""
    where_people_answer(bench)
    asked = await bench.levers.say("Open?", author="ada")
    told = await bench.levers.say("Yes", author="bob", parent=asked)
    parent = (await bench.pull()).said(told).parent_id
    ensure(parent == asked, f"parent_id is {parent!r}, not {asked!r}")


@check("pull", "Messages are on channels that are declared", "Pulls", "say", may_be_exempt=False)
async def declared_channels(bench: Bench) -> None:
    """What comes on an undeclared channel has no topic and can never be answered."""
    await bench.say(3)
    known = {channel.name for channel in bench.connector.manifest.channels}
    other = {message.channel for message in (await bench.pull()).messages} - known
    ensure(not other, f"not in the manifest: {', '.join(sorted(other))}")


@check("pull", "Our own words are ours", "Pulls", "Replies", "say", "made", may_be_exempt=False)
async def own_words(bench: Bench) -> None:
    """An answer of ours that is read as a customer's message opens a ticket, and a rule may answer it."""
    receipt = await bench.send(bench.answer(await bench.a_message()))
    found = await bench.pull()
    for message in found.messages:
        is_ours = message.external_id == receipt.external_id
        ensure(message.ours == is_ours, f"{message.body!r} is {'not ' if is_ours else ''}ours, and read as if")


@check("pull", "An edit comes", "Pulls", "say", "edit")
async def edits(bench: Bench) -> None:
    """A customer who corrects an order number is answered about the wrong one."""
    said = await bench.say(3)
    first = await bench.pull()
    bench.levers.clock.pass_(minutes=5)
    await bench.levers.edit(said[1], "corrected")
    found = await bench.pull(first.cursors)
    bodies = [message.body for message in found.messages if message.external_id == said[1]]
    ensure("corrected" in bodies, "an edited message did not come again, or with its old text")
