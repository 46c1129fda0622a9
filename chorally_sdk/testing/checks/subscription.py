"""Checks of subscribing: a lease that is created, renewed, healed and ended, however often it is asked for."""

from typing import cast

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import NotApplied, check, ensure, raised

CALLBACK = "https://chorally.example/hooks/of-one-account?x=1"
SECRET = SecretStr("made-by-the-host-0123456789")


def _connector(bench: Bench) -> sdk.Subscribes:
    return cast("sdk.Subscribes", bench.connect())


async def _subscribed(bench: Bench, current: sdk.Subscription | None = None) -> sdk.Subscription:
    made = await _connector(bench).subscribe(CALLBACK, SECRET, current)
    return sdk.Subscription.model_validate_json(made.model_dump_json())


@check("subscription", "A subscription is made", "Subscribes", "subscriptions", may_be_exempt=False)
async def subscribes(bench: Bench) -> None:
    """Without it nothing is heard until the next poll."""
    made = await _subscribed(bench)
    held = bench.levers.subscriptions()
    ensure(len(held) == 1, f"subscribing left {len(held)} subscriptions")
    ensure(made.external_id, "the subscription has no id of the platform")


@check("subscription", "The callback is the one that was given", "Subscribes", "subscriptions", may_be_exempt=False)
async def callback_is_exact(bench: Bench) -> None:
    """The URL has an unguessable part; cut or encoded twice, hooks arrive nowhere."""
    await _subscribed(bench)
    if bench.levers.subscriptions()[0].callback is None:
        raise NotApplied("the platform holds no URL with a subscription: it is the app's")
    ensure(bench.levers.subscriptions()[0].callback == CALLBACK, "hooks would go to another URL")


@check(
    "subscription",
    "The secret is the one that was given",
    "Subscribes",
    "subscriptions",
    "say",
    "hooks",
    may_be_exempt=False,
)
async def secret_is_given(bench: Bench) -> None:
    """Signed by another secret than the host keeps, every hook is refused."""
    await _subscribed(bench)
    await bench.levers.say("Hello")
    hook = bench.levers.hooks()[-1]
    connector = cast("sdk.Receives", bench.connect(for_app=True))
    keys = bench.levers.keys()
    live = sdk.Keys(secrets={**keys.secrets, "subscription": (SECRET,)}, jwks=keys.jwks)
    ensure(connector.verify(hook, live).kind == "accept", "a hook under the subscription's secret is refused")


@check("subscription", "Subscribing twice is subscribing once", "Subscribes", "subscriptions", may_be_exempt=False)
async def subscribes_once(bench: Bench) -> None:
    """Killed before it was stored, it is asked for again: a second one tells everything twice, an error ends it."""
    first, second = await _subscribed(bench), await _subscribed(bench)
    ensure(len(bench.levers.subscriptions()) == 1, f"{len(bench.levers.subscriptions())} subscriptions are held")
    ensure(first.external_id == second.external_id, "the same subscription has two ids")


@check(
    "subscription",
    "A lost answer does not double it",
    "Subscribes",
    "subscriptions",
    "fault:timeout_after_effect/write",
    may_be_exempt=False,
)
async def lost_answer(bench: Bench) -> None:
    """The platform subscribed us, and the answer got lost: the next try meets one that exists."""
    bench.levers.inject("timeout_after_effect", "write")
    await raised(_subscribed(bench), sdk.RetryLater, "a subscription whose answer is lost")
    await _subscribed(bench)
    ensure(len(bench.levers.subscriptions()) == 1, f"{len(bench.levers.subscriptions())} subscriptions are held")


@check("subscription", "A subscription is renewed before it ends", "Subscribes", "subscriptions", may_be_exempt=False)
async def is_renewed(bench: Bench) -> None:
    """A lease that is not renewed ends, and everything goes quiet."""
    first = await _subscribed(bench)
    if first.expires_at is None:
        ensure(bench.levers.subscriptions()[0].expires_at is None, "the platform's lease ends, the subscription's not")
        return
    left = first.expires_at - bench.levers.clock()
    bench.levers.clock.at += left / 2
    second = await _subscribed(bench, first)
    later = second.expires_at is not None and second.expires_at > first.expires_at
    ensure(later, f"renewed at half time it still ends at {second.expires_at}")
    ends = bench.levers.subscriptions()[0].expires_at
    ensure(ends == second.expires_at, f"the platform's lease ends at {ends}, the subscription says {second.expires_at}")


@check(
    "subscription",
    "A subscription that got lost is healed",
    "Subscribes",
    "subscriptions",
    "lose_subscriptions",
    may_be_exempt=False,
)
async def is_healed(bench: Bench) -> None:
    """Platforms drop subscriptions after errors; a renewal that trusts its own memory leaves the account deaf."""
    first = await _subscribed(bench)
    bench.levers.lose_subscriptions()
    await _subscribed(bench, first)
    ensure(len(bench.levers.subscriptions()) == 1, "the platform's subscription was not made anew")


@check("subscription", "A subscription ends", "Subscribes", "subscriptions", may_be_exempt=False)
async def unsubscribes(bench: Bench) -> None:
    """What is not ended goes on telling us of a customer who left."""
    made = await _subscribed(bench)
    await _connector(bench).unsubscribe(made)
    ensure(not bench.levers.subscriptions(), "the platform still holds the subscription")


@check("subscription", "Ending what has ended is no error", "Subscribes", "subscriptions", may_be_exempt=False)
async def unsubscribes_twice(bench: Bench) -> None:
    """Killed before it was noted, it is ended again; an error keeps the account from ever being disconnected."""
    made = await _subscribed(bench)
    for turn in ("first", "second"):
        try:
            await _connector(bench).unsubscribe(made)
        except sdk.ConnectorError as error:
            ensure(turn == "first", f"ending it the {turn} time raises {type(error).__name__}: {error}")
            raise


@check(
    "subscription",
    "A failed ending is told",
    "Subscribes",
    "subscriptions",
    "fault:error_500_before/write",
    may_be_exempt=False,
)
async def failed_ending(bench: Bench) -> None:
    """An outage taken for success leaves the subscription behind for ever."""
    made = await _subscribed(bench)
    bench.levers.inject("error_500_before", "write", times=9)
    await raised(_connector(bench).unsubscribe(made), sdk.RetryLater, "ending it while the platform is down")
