"""Checks of what people see: made once, or said to be unknown."""

from datetime import timedelta

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import check, ensure, fail, raised, where_people_answer

_AFTER = ("timeout_after_effect", "error_500_after", "connection_reset_after_effect")
_BEFORE = ("timeout_before_effect", "error_500_before", "connection_reset")
NEEDS = ("Replies", "say", "made")


def copies(bench: Bench, body: str) -> int:
    """Return how many times people see a text of ours."""
    return sum(made.body == body for made in bench.levers.made())


@check("push", "An answer is seen once, where it belongs", *NEEDS, may_be_exempt=False)
async def seen_once(bench: Bench) -> None:
    """The one thing that agents are here for."""
    asked = await bench.a_message("Open?")
    await bench.a_message("Another", author="bob")
    receipt = await bench.send(bench.answer(asked, "Until six"))
    seen = [made for made in bench.levers.made() if made.body == "Until six"]
    ensure(len(seen) == 1, f"it is seen {len(seen)} times; ours are {[made.body for made in bench.levers.made()]}")
    ensure(seen[0].target in (None, asked.external_id), f"it answers {seen[0].target!r}, not {asked.external_id!r}")
    known = receipt.external_id in (None, seen[0].external_id)
    ensure(known, f"the receipt says {receipt.external_id!r}, the platform {seen[0].external_id!r}")
    ensure(receipt.external_id or receipt.state == "accepted", "a receipt that says sent has no id to be known by")


@check("push", "An answer to an answer is put under it", *NEEDS)
async def answers_answers(bench: Bench) -> None:
    """What is put at the top of the thread is read by nobody it is for."""
    where_people_answer(bench)
    first = await bench.a_message("Open?")
    second = await bench.a_message("And on Sunday?", author="bob", parent=first.external_id)
    await bench.send(bench.answer(second, "Not on Sunday"))
    seen = [made.target for made in bench.levers.made() if made.body == "Not on Sunday"]
    ensure(seen and seen[0] in (None, second.external_id), f"it answers {seen}, not {second.external_id!r}")


@check("push", "Text is shown as it was written", *NEEDS, may_be_exempt=False)
async def text_is_shown(bench: Bench) -> None:
    """What an agent wrote is what the customer reads."""
    asked = await bench.a_message()
    for body in ("Perché no? \N{CAT FACE WITH TEARS OF JOY}", "5 < 6 & <b>7</b> 100%", "one\ntwo", "a=b&c=d+e"):
        await bench.send(bench.answer(asked, body))
        ensure(copies(bench, body) == 1, f"{body!r} is shown as {[made.body for made in bench.levers.made()][-1:]}")


@check("push", "A lost answer is an unknown outcome", *NEEDS, "fault:timeout_after_effect/write", may_be_exempt=False)
async def lost_answers(bench: Bench) -> None:
    """Told to be repeated, an answer that was made is made twice."""
    for number, kind in enumerate(_AFTER):
        if f"{kind}/write" not in bench.levers.kinds:
            continue
        asked, body = await bench.a_message(f"Open? {number}"), f"Until six {number}"
        bench.levers.inject(kind, "write")
        await raised(bench.send(bench.answer(asked, body)), sdk.OutcomeUnknown, f"a push that meets {kind}")
        bench.levers.clear()
        ensure(copies(bench, body) == 1, f"after {kind} the answer is seen {copies(bench, body)} times")


@check("push", "Silence is not taken for a no", *NEEDS, "fault:timeout_before_effect/write", may_be_exempt=False)
async def silence(bench: Bench) -> None:
    """From here nobody can tell whether the platform acted before it went quiet."""
    for number, kind in enumerate(_BEFORE):
        if f"{kind}/write" not in bench.levers.kinds:
            continue
        asked = await bench.a_message(f"Open? {number}")
        bench.levers.inject(kind, "write")
        await raised(bench.send(bench.answer(asked)), sdk.OutcomeUnknown, f"a push that meets {kind}")
        bench.levers.clear()


@check(
    "push", "An answer that cannot be read is no certain failure", *NEEDS, "fault:not_json/write", may_be_exempt=False
)
async def unreadable_answer(bench: Bench) -> None:
    """The platform acted and answered oddly: what says 'not done' makes the host repeat it."""
    asked = await bench.a_message()
    bench.levers.inject("not_json", "write")
    try:
        receipt = await bench.send(bench.answer(asked))
    except (sdk.RetryLater, sdk.Rejected, sdk.Reauthorize) as error:
        fail(f"a page of HTML in place of the id is said to be not done ({type(error).__name__})")
    except Exception:
        return
    ensure(receipt.external_id or receipt.state == "accepted", "a push without an id is said to be sent")


@check("push", "What was never sent is repeated", *NEEDS, "fault:connection_refused/write", may_be_exempt=False)
async def never_sent(bench: Bench) -> None:
    """A refused connection is certain: a person need not decide, the host tries later."""
    asked = await bench.a_message()
    bench.levers.inject("connection_refused", "write")
    await raised(bench.send(bench.answer(asked)), sdk.RetryLater, "a push that reaches nobody")
    ensure(not bench.levers.made(), "something is seen all the same")


@check("push", "A used-up quota holds the answer back", *NEEDS, "fault:rate_limit/write", may_be_exempt=False)
async def throttled_push(bench: Bench) -> None:
    """A 429 was not done: given up, it is an answer that the customer never gets."""
    asked = await bench.a_message()
    bench.levers.inject("rate_limit", "write", wait_s=60)
    error = await raised(bench.send(bench.answer(asked)), sdk.RateLimited, "a push beyond the quota")
    ensure(error.wait == timedelta(seconds=60), f"the platform asks to wait 60 s, the error says {error.wait}")
    ensure(not bench.levers.made(), "something is seen all the same")


@check("push", "A lost grant is told by a push too", *NEEDS, "fault:expired_token/write", may_be_exempt=False)
async def push_unauthorised(bench: Bench) -> None:
    """A 401 was not done: the grant is renewed and the answer sent; as a refusal it is lost."""
    asked = await bench.a_message()
    bench.levers.inject("expired_token", "write")
    await raised(bench.send(bench.answer(asked)), sdk.Reauthorize, "a push whose token ended")


@check("push", "A missing permission is told by a push too", *NEEDS, "fault:forbidden/write", may_be_exempt=False)
async def push_forbidden(bench: Bench) -> None:
    """The agent is told that a role is missing; a retry would never help."""
    asked = await bench.a_message()
    bench.levers.inject("forbidden", "write")
    error = await raised(bench.send(bench.answer(asked)), sdk.Rejected, "a push that is forbidden")
    ensure(error.reason == sdk.Reason.PERMISSION, f"it is refused for {error.reason}")


@check("push", "What the platform does not take is refused", *NEEDS, "fault:invalid/write", may_be_exempt=False)
async def push_invalid(bench: Bench) -> None:
    """A 400 that is tried again is tried for ever, and the agent is never told."""
    asked = await bench.a_message()
    bench.levers.inject("invalid", "write")
    error = await raised(bench.send(bench.answer(asked)), sdk.Rejected, "a push that the platform finds invalid")
    ensure(error.reason == sdk.Reason.INVALID, f"it is refused for {error.reason}")


@check("push", "An answer to what is gone is refused", *NEEDS, "remove")
async def target_gone(bench: Bench) -> None:
    """The agent is told that the comment was deleted."""
    asked = await bench.a_message()
    await bench.levers.remove(asked.external_id)
    error = await raised(bench.send(bench.answer(asked)), sdk.Rejected, "an answer to what was removed")
    ensure(error.reason == sdk.Reason.GONE, f"it is refused for {error.reason}")


@check("push", "An answer after the window is refused as such", *NEEDS, "close_window", may_be_exempt=False)
async def after_window(bench: Bench) -> None:
    """Only `window` offers the agent the templates that may still be sent."""
    asked = await bench.a_message()
    bench.levers.close_window()
    error = await raised(bench.send(bench.answer(asked)), sdk.Rejected, "an answer after the reply window")
    ensure(error.reason == sdk.Reason.WINDOW, f"it is refused for {error.reason}")
    ensure(not bench.levers.made(), "something is seen all the same")


@check("push", "The same call again makes no second copy", *NEEDS, may_be_exempt=False)
async def native_key(bench: Bench) -> None:
    """Who declares a native key promises that the call may be repeated; the key must be our reference, and sent."""
    asked = await bench.a_message()
    outbound = bench.answer(asked, "Until six")
    action = next(iter(bench.connector.manifest.channel(outbound.channel).actions.items()))[1]
    if action.dedupe != "native_key":
        return
    first = await bench.send(outbound)
    second = await bench.send(outbound.model_copy(update={"tried_at": bench.levers.clock()}))
    ensure(copies(bench, "Until six") == 1, f"the same call again leaves {copies(bench, 'Until six')} copies")
    ensure(first.external_id == second.external_id, "the same call again tells another id")


@check("push", "Two answers of the same words are two", *NEEDS, may_be_exempt=False)
async def equal_texts(bench: Bench) -> None:
    """A key made of the text swallows the second 'Thank you'."""
    first, second = await bench.a_message("one"), await bench.a_message("two", author="bob")
    await bench.send(bench.answer(first, "Thank you"))
    await bench.send(bench.answer(second, "Thank you"))
    ensure(copies(bench, "Thank you") == 2, f"two answers are seen {copies(bench, 'Thank you')} times")


@check("push", "An answer needs only what is stored", *NEEDS, may_be_exempt=False)
async def route_is_enough(bench: Bench) -> None:
    """An answer is sent days later by another process: what the connector kept in memory is gone."""
    first, second = await bench.a_message("one"), await bench.a_message("two", author="bob")
    for asked in (second, first):
        body = f"To {asked.body}"
        await bench.send(bench.answer(asked, body), bench.connect())
        targets = [made.target for made in bench.levers.made() if made.body == body]
        ensure(len(targets) == 1 and targets[0] in (None, asked.external_id), f"{body!r} answers {targets}")


@check("push", "Nobody sees what is prepared", "Prepares", *NEEDS, may_be_exempt=False)
async def unseen(bench: Bench) -> None:
    """Prepare is repeated without a claim: what it shows is shown again and again."""
    asked = await bench.a_message()
    await bench.prepared(bench.answer(asked, "Until six"))
    ensure(not bench.levers.made(), f"people see {[made.body for made in bench.levers.made()]} before the visible call")


@check("push", "Preparing again harms nothing", "Prepares", *NEEDS, may_be_exempt=False)
async def prepares_again(bench: Bench) -> None:
    """Killed during a step, it is taken again from what was stored before."""
    asked = await bench.a_message()
    outbound = bench.answer(asked, "Until six")
    connector = bench.connect()
    await connector.prepare(outbound)
    ready = await bench.prepared(outbound)
    again = await bench.prepared(ready)
    await bench.send(again)
    ensure(copies(bench, "Until six") == 1, f"prepared twice, it is seen {copies(bench, 'Until six')} times")


@check(
    "push",
    "A step that fails is tried again",
    "Prepares",
    *NEEDS,
    "fault:timeout_after_effect/prepare",
    may_be_exempt=False,
)
async def prepare_is_not_visible(bench: Bench) -> None:
    """A lost answer to what nobody sees needs no person to decide."""
    asked = await bench.a_message()
    bench.levers.inject("timeout_after_effect", "prepare", times=9)
    await raised(bench.connect().prepare(bench.answer(asked)), sdk.RetryLater, "a step whose answer is lost")
