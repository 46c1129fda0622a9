"""Runs one check of one connector, or says why it does not apply."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import cast

from chorally_sdk.connector.abilities import Sandboxes
from chorally_sdk.connector.base import Connector
from chorally_sdk.errors import ConnectorError
from chorally_sdk.sandbox.levers import Levers
from chorally_sdk.testing import specification
from chorally_sdk.testing.bench import Bench, Heard
from chorally_sdk.testing.checks.registry import Check, Failed, NotApplied
from chorally_sdk.testing.package import Package

NO_STAND_IN = "there is no stand-in of the platform"
Platform = Callable[[], Levers]


def platform_of(connector: type[Connector]) -> Platform | None:
    """Return what makes the connector's own sandbox, None where it has none that has levers and an account."""
    if not issubclass(connector, Sandboxes):
        return None
    made: object = connector.sandbox()
    is_whole = isinstance(made, Levers) and is_connected(type(made))
    return cast("Callable[[], Levers]", connector.sandbox) if is_whole else None


def is_connected(kind: type[Levers]) -> bool:
    """Whether a stand-in says how its account is connected, without which none can be tried."""
    return kind.connection is not Levers.connection


def applies(check: Check, connector: type[Connector], levers: Levers | None) -> None:
    """Return if a check applies.

    Raises:
        NotApplied: It does not.
    """
    able = {kind.__name__ for kind in connector.__mro__}
    for need in check.needs:
        if levers is not None and need in levers.lacks:
            raise NotApplied(f"accounts of the stand-in's kind lack the ability {need}")
        if need[0].isupper() and need not in able:
            raise NotApplied(f"the connector has no ability {need}")
        if need[0] == "~" and need[1:] in able:
            raise NotApplied(f"the connector has the ability {need[1:]}")
    word = connector.manifest.quality.get(check.id, "")
    if word.startswith("exempt:") and check.may_be_exempt:
        raise NotApplied(word, is_exempt=True)
    for need in check.needs:
        if levers is None or need not in levers.offered():
            _wanted(need, connector)
        _offered(need, levers)


def _wanted(need: str, connector: type[Connector]) -> None:
    """Say that a lever is of no use where the manifest has nothing that it could show."""
    manifest = connector.manifest
    if need in {"by_token", "rotate_keys"} and not (manifest.hooks and manifest.hooks.jwks):
        raise NotApplied("the manifest names no key set: hooks are not proven by tokens")
    limits = [each for channel in manifest.channels for each in channel.actions.values()]
    if need in {"seen_files", "media_limit"} and not any(each.media for each in limits):
        raise NotApplied("the manifest declares no files that go out")


def _offered(need: str, levers: Levers | None) -> None:
    if need[0].isupper() or need[0] == "~":
        return
    if levers is None:
        raise NotApplied(NO_STAND_IN, is_gap=True)
    if need == "description":
        if not levers.description:
            raise NotApplied("the platform has no official description that can be read")
        for name in specification.names_of(levers.description):
            if specification.find(name) is None:
                raise NotApplied(f"{name} is not below ${specification.VARIABLE}", is_gap=True)
    elif need.startswith("fault:"):
        if need.removeprefix("fault:") not in levers.kinds:
            raise NotApplied(f"the stand-in knows no fault {need.removeprefix('fault:')}", is_gap=True)
    elif need not in levers.offered():
        raise NotApplied(f"the stand-in has no lever {need}", is_gap=True)


async def run(
    check: Check, connector: type[Connector], platform: Platform | None, package: Package | None
) -> Sequence[str]:
    """Run a check on a fresh stand-in, and return what it has to say besides.

    Raises:
        NotApplied: It does not apply.
        Failed: The connector does not do what it is about.
    """
    levers = platform() if platform else None
    applies(check, connector, levers)
    bench = Bench(connector, levers, package)
    heard = Heard(bench.logs)
    root = logging.getLogger()
    level = root.level
    root.addHandler(heard)
    root.setLevel(logging.DEBUG)
    try:
        if levers is None:
            await check.run(bench)
        else:
            async with levers:
                await check.run(bench)
        return bench.notes
    except Failed:
        raise
    except (AssertionError, ConnectorError, LookupError, ValueError, TypeError, AttributeError, OSError) as error:
        raise Failed(f"{type(error).__name__}: {error}") from error
    finally:
        root.setLevel(level)
        root.removeHandler(heard)


def run_once(
    check: Check, connector: type[Connector], platform: Platform | None, package: Package | None
) -> Sequence[str]:
    """Run a check from code that is not asynchronous; see ``run``."""
    with asyncio.Runner() as runner:
        return runner.run(run(check, connector, platform, package))
