"""Checks of what comes after a push, and beside it: finding, publishing, moderating, templates."""

from typing import Any, cast

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.push import copies
from chorally_sdk.testing.checks.registry import check, ensure, fail, raised

NEEDS = ("Finds", "Replies", "say", "made")
_LOST = "fault:timeout_after_effect/write"
_MOST_PAGES = 7


async def _found(bench: Bench, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
    connector: sdk.Finds = bench.connect()
    return await connector.find(outgoing)


async def _is_taken(bench: Bench, outgoing: sdk.Outgoing, whose: str) -> None:
    """Fail if something is found where nothing of this push exists; doubt is no mistake."""
    try:
        found = await _found(bench, outgoing)
    except sdk.OutcomeUnknown:
        return
    ensure(found is None, f"{whose} is taken for the answer that was never made")


async def _lost(bench: Bench, outgoing: sdk.Outgoing) -> None:
    bench.levers.inject("timeout_after_effect", "write")
    await raised(bench.send(outgoing), sdk.OutcomeUnknown, "a push whose answer is lost")
    bench.levers.clear()


@check("push", "What was made is found", *NEEDS, _LOST, may_be_exempt=False)
async def finds_it(bench: Bench) -> None:
    """Not found, it is made again."""
    outgoing = bench.answer(await bench.a_message(), "Until six")
    await _lost(bench, outgoing)
    found = await _found(bench, outgoing)
    made = bench.levers.made()[-1]
    ensure(found is not None, "the answer is there, and find says that it is not")
    ensure(found and found.external_id == made.external_id, f"found {found!r}, made was {made.external_id!r}")


@check("push", "What is far down the listing is found", *NEEDS, _LOST, "page_size", may_be_exempt=False)
async def finds_on_later_pages(bench: Bench) -> None:
    """A search that looks at one page proves the absence of what is on the second, and it is made again."""
    asked = await bench.a_message()
    outgoing = bench.answer(asked, "Until six")
    bench.levers.page_size(2)
    for number in range(2):
        await bench.levers.say(f"before {number}", author="bob", parent=bench.under(asked.external_id))
    await _lost(bench, outgoing)
    for number in range(_MOST_PAGES):
        await bench.levers.say(f"after {number}", author="bob", parent=bench.under(asked.external_id))
    try:
        found = await _found(bench, outgoing)
    except sdk.OutcomeUnknown:
        return
    ensure(found is not None, "the answer is there, on a later page, and find says that it is not")


@check("push", "What was not made is not found", *NEEDS, may_be_exempt=False)
async def absent(bench: Bench) -> None:
    """A receipt for nothing tells the agent that the customer was answered."""
    outgoing = bench.answer(await bench.a_message(), "Until six")
    bench.levers.clock.pass_(hours=1)
    await _is_taken(bench, outgoing, "something")


@check("push", "Another's words are not ours", *NEEDS, may_be_exempt=False)
async def not_anothers(bench: Bench) -> None:
    """A customer who writes the same text must not count as our answer."""
    asked = await bench.a_message()
    outgoing = bench.answer(asked, "Until six")
    await bench.levers.say("Until six", author="bob", parent=bench.under(asked.external_id))
    bench.levers.clock.pass_(hours=1)
    await _is_taken(bench, outgoing, "another person's text")


@check("push", "Our words elsewhere are not this answer", *NEEDS, may_be_exempt=False)
async def not_elsewhere(bench: Bench) -> None:
    """'Thank you' under another comment is no answer to this one."""
    first, second = await bench.a_message("one"), await bench.a_message("two", author="bob")
    outgoing = bench.answer(second, "Thank you")
    await bench.send(bench.answer(first, "Thank you"))
    bench.levers.clock.pass_(hours=1)
    await _is_taken(bench, outgoing, "our answer to something else")


@check("push", "Our words of before are not this answer", *NEEDS, may_be_exempt=False)
async def not_earlier(bench: Bench) -> None:
    """The same words of last week, under the same message, were another answer."""
    asked = await bench.a_message()
    await bench.send(bench.answer(asked, "Thank you"))
    bench.levers.clock.pass_(days=7)
    outgoing = bench.answer(asked, "Thank you")
    bench.levers.clock.pass_(hours=1)
    await _is_taken(bench, outgoing, "our answer of a week ago")


@check("push", "Not being able to look is not absence", *NEEDS, "fault:error_500_before/read", may_be_exempt=False)
async def cannot_look(bench: Bench) -> None:
    """An outage taken for absence makes the answer again."""
    outgoing = bench.answer(await bench.a_message(), "Until six")
    kinds = (sdk.RetryLater, sdk.OutcomeUnknown, sdk.Malformed, sdk.Reauthorize)
    for kind in ("error_500_before", "timeout_before_effect", "not_json", "expired_token", "truncated_page"):
        if f"{kind}/read" in bench.levers.kinds:
            bench.levers.inject(kind, "read", times=50)
            await raised(_found(bench, outgoing), kinds, f"a search that meets {kind}")
            bench.levers.clear()


@check("push", "Looking shows nothing", *NEEDS, _LOST, may_be_exempt=False)
async def looking_is_unseen(bench: Bench) -> None:
    """A search by sending again is a blind repeat."""
    outgoing = bench.answer(await bench.a_message(), "Until six")
    await _lost(bench, outgoing)
    before = list(bench.levers.made())
    await _found(bench, outgoing)
    ensure(list(bench.levers.made()) == before, "looking for an answer made or changed one")


@check("push", "A post is seen once", "Publishes", "made", may_be_exempt=False)
async def publishes_once(bench: Bench) -> None:
    """The receipt's id is what its comments will be known by."""
    receipt = await bench.send(bench.post("News"))
    seen = [made for made in bench.levers.made() if made.body == "News"]
    ensure(len(seen) == 1, f"it is seen {len(seen)} times")
    known = receipt.external_id == seen[0].external_id or receipt.state == "accepted"
    ensure(known, f"the receipt says {receipt.external_id!r}, the platform {seen[0].external_id!r}")


@check("push", "A post whose answer is lost is an unknown outcome", "Publishes", "made", _LOST, may_be_exempt=False)
async def publish_lost(bench: Bench) -> None:
    """A campaign that is posted twice is seen by everybody."""
    bench.levers.inject("timeout_after_effect", "write")
    await raised(bench.send(bench.post("News")), sdk.OutcomeUnknown, "a post whose answer is lost")
    ensure(copies(bench, "News") == 1, f"it is seen {copies(bench, 'News')} times")


@check(
    "push",
    "A post that reaches nobody is tried again",
    "Publishes",
    "made",
    "fault:connection_refused/write",
    may_be_exempt=False,
)
async def publish_never_sent(bench: Bench) -> None:
    """A refused connection is certain: nobody has to decide."""
    bench.levers.inject("connection_refused", "write")
    await raised(bench.send(bench.post("News")), sdk.RetryLater, "a post that reaches nobody")


async def _target(bench: Bench, verb: str) -> dict[str, Any]:
    """What an action is about: what a person said, or where only that may be touched, our answer to it."""
    asked = await bench.a_message()
    target: dict[str, Any] = {
        "verb": verb, "external_id": asked.external_id, "channel": asked.channel,
        "conversation_id": asked.conversation_id, "route": dict(asked.route),
    }  # fmt: skip
    if verb in bench.levers.own_only:
        receipt = await bench.send(bench.answer(asked, f"To be followed by {verb}"))
        target |= {"external_id": receipt.external_id, "route": {}}
    return target


async def _moderated(bench: Bench, verb: str) -> None:
    if verb not in bench.connector.manifest.channel(bench.channel).actions:
        return  # another channel's: what is said here does not take it
    action = sdk.Action.model_validate(await _target(bench, verb))
    connector: sdk.Moderates = bench.connect()
    for turn in ("first", "second"):
        try:
            await connector.moderate(action)
        except sdk.ConnectorError as error:
            fail(f"{verb} raises {type(error).__name__} the {turn} time: {error}")


@check("push", "What is declared can be done, and done again", "Moderates", "say", may_be_exempt=False)
async def moderates(bench: Bench) -> None:
    """It is simply repeated after a crash: already hidden, liked or deleted is success."""
    for verb in ("hide", "unhide", "like", "read", "delete"):
        await _moderated(bench, verb)


@check("push", "Moderating is seen where it should be", "Moderates", "say", "state_of", may_be_exempt=False)
async def moderation_works(bench: Bench) -> None:
    """A success that did nothing leaves the insult on the page."""
    actions = set(bench.connector.manifest.channel(bench.channel).actions)
    other = await bench.levers.say("Leave me")
    for verb, wanted in (("hide", "hidden"), ("unhide", "visible"), ("delete", "gone")):
        if verb not in actions:
            continue
        target = await _target(bench, verb)
        connector: sdk.Moderates = bench.connect()
        if verb == "unhide":
            await connector.moderate(sdk.Action.model_validate({**target, "verb": "hide"}))
        await connector.moderate(sdk.Action.model_validate(target))
        state = bench.levers.state_of(target["external_id"])
        ensure(state == wanted, f"after {verb} the message is {state}")
        ensure(bench.levers.state_of(other) == "visible", f"{verb} changed another message")


@check("push", "A failed moderation is told", "Moderates", "say", "fault:forbidden/write", may_be_exempt=False)
async def moderation_fails(bench: Bench) -> None:
    """A refusal taken for success leaves the insult on the page, and says that it is gone."""
    actions = set(bench.connector.manifest.channel(bench.channel).actions)
    verb = next(iter(sorted(actions & {"hide", "delete", "like"})), None)
    if verb is None:
        return
    action = sdk.Action.model_validate({**await _target(bench, verb), "route": {}})
    bench.levers.inject("forbidden", "write", times=9)
    error = await raised(cast("sdk.Moderates", bench.connect()).moderate(action), sdk.Rejected, f"{verb}, forbidden")
    ensure(error.reason == sdk.Reason.PERMISSION, f"it is refused for {error.reason}")


@check("push", "All templates are listed", "OffersTemplates", "template_names", may_be_exempt=False)
async def all_templates(bench: Bench) -> None:
    """Templates on the second page cannot be chosen, and after the window nothing else may be sent."""
    connector: sdk.OffersTemplates = bench.connect()
    names = [template.name for template in await connector.templates()]
    ensure(sorted(names) == sorted(bench.levers.template_names()), f"listed are {names}")
