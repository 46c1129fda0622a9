"""Checks against the platform's official description, where there is one."""

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import cast

import chorally_sdk as sdk
from chorally_sdk.testing import specification
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import NotApplied, check, ensure
from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Described


async def _said(bench: Bench) -> tuple[Described, list[Exchange]]:
    """Let the connector do all it can once, and return what was said meanwhile."""
    description = bench.description
    connector = bench.connect()
    await connector.check()
    offered = bench.levers.offered()
    if "page_size" in offered and "say" in offered:
        bench.levers.page_size(2)
        await bench.say(5)
    lacks = bench.levers.lacks
    if isinstance(connector, sdk.Pulls) and "Pulls" not in lacks:
        found = await bench.pull()
        await bench.pull(found.cursors)
        for message in found.messages[:1]:
            await _acted(bench, message)
    elif {"say", "hooks"} <= offered and isinstance(connector, sdk.Receives):
        await _acted(bench, await bench.a_message())
    if isinstance(connector, sdk.Publishes):
        await bench.send(bench.post())
    if isinstance(connector, sdk.Discovers) and "Discovers" not in lacks and "profiles" in offered:
        by_person: sdk.Discovers = bench.connect(for_app=True, grant=bench.levers.connection().consented)
        await by_person.accounts()
    if isinstance(connector, sdk.Subscribes) and "Subscribes" not in lacks and "subscriptions" in offered:
        from chorally_sdk.testing.checks.subscription import CALLBACK, SECRET

        await connector.unsubscribe(await connector.subscribe(CALLBACK, SECRET, None))
    if isinstance(connector, sdk.OffersTemplates):
        await connector.templates()
    return description, bench.exchanges


async def _acted(bench: Bench, message: sdk.Message) -> None:
    connector = bench.connect()
    ours = ""
    if isinstance(connector, sdk.Replies):
        outgoing = bench.answer(bench.stored(message))
        ours = (await bench.send(outgoing)).external_id or ""
        if isinstance(connector, sdk.Finds):
            with suppress(sdk.OutcomeUnknown):  # what matters here is what was asked
                await connector.find(outgoing)
    is_fetched = isinstance(connector, sdk.Fetches) and "Fetches" not in bench.levers.lacks
    if is_fetched and isinstance(connector, sdk.Pulls):
        await cast("sdk.Fetches", connector).fetch(
            sdk.Ping(stream=connector.streams()[0].name, external_id=message.external_id)
        )
    if isinstance(connector, sdk.Moderates):
        verbs = bench.connector.manifest.channel(message.channel).actions
        for verb in ("like", "hide", "unhide", "delete"):
            if verb in verbs:
                target = ours if verb in bench.levers.own_only else message.external_id
                given = {"verb": verb, "external_id": target, "channel": message.channel}
                await connector.moderate(sdk.Action.model_validate({**given, "route": dict(message.route)}))


def _ensure_none(bench: Bench, mistakes: Iterable[str]) -> None:
    """Fail the check for mistakes, but for those that the stand-in excuses."""
    found, needed = [], dict[str, str]()
    for mistake in dict.fromkeys(mistakes):
        known = next((each for each in bench.levers.excused if re.search(each, mistake)), None)
        if known is None:
            found.append(mistake)
        else:
            needed[known] = bench.levers.excused[known]
    bench.notes += [f"passed over {each!r} ({why})" for each, why in needed.items()]
    ensure(not found, f"{len(found)} mistakes: " + "; ".join(found[:5]))


@check("specification", "Every call is one that the platform describes", "description", "transport")
async def known_operations(bench: Bench) -> None:
    """A call that the sandbox answers and the platform does not have works in tests only."""
    description, exchanges = await _said(bench)
    known = {found.name for each in exchanges if (found := description.operation(each))}
    names = ", ".join(specification.names_of(bench.levers.description))
    bench.notes.append(f"{len(exchanges)} calls of {len(known)} operations judged by {names}")
    asked = (f"{e.method} {e.url.partition('?')[0]}" for e in exchanges if not description.operation(e))
    _ensure_none(bench, (f"it has no {each}" for each in asked))


@check("specification", "Every parameter is one that the platform describes", "description", "transport")
async def known_parameters(bench: Bench) -> None:
    """A misspelt parameter is passed over by the platform, and by a sandbox that shares the mistake."""
    description, exchanges = await _said(bench)
    mistakes = [mistake for exchange in exchanges for mistake in description.parameters(exchange)]
    _ensure_none(bench, mistakes)


@check("specification", "Every body is as the platform describes it", "description", "transport")
async def valid_requests(bench: Bench) -> None:
    """A field of the wrong type, or one that is missing, is refused by the platform only."""
    description, exchanges = await _said(bench)
    mistakes = [mistake for exchange in exchanges for mistake in description.request(exchange)]
    _ensure_none(bench, mistakes)


@check("specification", "The sandbox answers as the platform describes", "description", "transport")
async def valid_answers(bench: Bench) -> None:
    """A connector that is right about a wrong sandbox is wrong about the platform."""
    description, exchanges = await _said(bench)
    mistakes = [mistake for exchange in exchanges for mistake in description.answer(exchange)]
    _ensure_none(bench, mistakes)


@check("specification", "The sandbox's hooks are as the platform describes", "description", "say", "hooks", "Receives")
async def valid_hooks(bench: Bench) -> None:
    """Hooks that only the sandbox sends are read by tests only."""
    description = bench.description
    if not description.has_hooks:
        raise NotApplied("the official description has no webhooks")
    await bench.levers.say("Hello")
    mistakes = [mistake for hook in bench.levers.hooks() for mistake in description.hook(hook.body)]
    _ensure_none(bench, mistakes)
