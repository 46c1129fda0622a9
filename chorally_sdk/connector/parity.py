"""Whether what a connector declares and what it can do are the same; asked where it is discovered."""

import re
from collections.abc import Iterator, Mapping

from chorally_sdk.connector.abilities import (
    Downloads,
    Fetches,
    Finds,
    Moderates,
    OffersTemplates,
    Prepares,
    Publishes,
    Pulls,
    Receives,
    Replies,
    Subscribes,
)
from chorally_sdk.connector.base import Connector
from chorally_sdk.model.manifest import Manifest, Verb
from chorally_sdk.text import counts_graphemes

SERVES: Mapping[Verb, type] = {
    **dict.fromkeys(("reply", "send"), Replies),
    "publish": Publishes,
    **dict.fromkeys(("edit", "delete", "hide", "unhide", "like", "read"), Moderates),
}
"""The ability that serves a verb."""

_NEEDS: Mapping[type, tuple[type, ...]] = {
    Fetches: (Pulls, Receives),
    Subscribes: (Receives,),
    Downloads: (Pulls, Receives),
    Prepares: (Replies, Publishes),
    Finds: (Replies, Publishes),
    OffersTemplates: (Replies,),
}
"""Abilities that are of no use without one of others."""

_HOST = re.compile(r"\*|[a-z0-9*?-]+(\.[a-z0-9*?-]+)*", re.IGNORECASE)


def mismatches(connector: type[Connector]) -> tuple[str, ...]:
    """Return where a connector's manifest and its abilities differ, each with what to do; empty where nowhere."""
    manifest = connector.manifest
    return (
        *_of_verbs(connector, manifest),
        *_of_abilities(connector, manifest),
        *_of_limits(connector, manifest),
        *_of_versions(connector, manifest),
        *_of_names(manifest),
    )


def _of_verbs(connector: type[Connector], manifest: Manifest) -> Iterator[str]:
    declared = {verb for channel in manifest.channels for verb in channel.actions}
    for channel in manifest.channels:
        for verb in channel.actions:
            if not issubclass(connector, SERVES[verb]):
                yield f"{channel.name} declares {verb!r}; inherit {SERVES[verb].__name__}, or leave the action out"
    for ability in dict.fromkeys(SERVES.values()):
        verbs = [verb for verb, serving in SERVES.items() if serving is ability]
        if issubclass(connector, ability) and not declared.intersection(verbs):
            yield f"it inherits {ability.__name__}, but no channel declares {' or '.join(map(repr, verbs))}; add one"


def _of_abilities(connector: type[Connector], manifest: Manifest) -> Iterator[str]:
    if manifest.hooks is not None and not issubclass(connector, Receives):
        yield "the manifest declares hooks; inherit Receives, or leave them out"
    if manifest.hooks is None and issubclass(connector, Receives):
        yield "it inherits Receives; declare hooks in the manifest"
    for ability, others in _NEEDS.items():
        if issubclass(connector, ability) and not issubclass(connector, others):
            names = " or ".join(other.__name__ for other in others)
            yield f"it inherits {ability.__name__}, which is of no use without {names}; inherit one, or leave it out"


def _of_limits(connector: type[Connector], manifest: Manifest) -> Iterator[str]:
    for channel in manifest.channels:
        for verb, limits in channel.actions.items():
            where = f"{channel.name}, {verb}:"
            if limits.dedupe == "lookup" and not issubclass(connector, Finds):
                yield f"{where} dedupe by lookup asks find; inherit Finds, or choose another"
            if limits.unit == "own" and connector.measure is Connector.measure:
                yield f"{where} the unit is the platform's own; override measure, or name another unit"
            if limits.unit == "graphemes" and not counts_graphemes():
                yield f"{where} graphemes cannot be counted here; pip install chorally-sdk[graphemes]"
            if limits.media and not limits.max_media:
                yield f"{where} media are declared, but max_media is 0; say how many"
            if limits.agent_window is not None and limits.window is None:
                yield f"{where} an agent_window is longer than a window; declare the window too"


def _of_versions(connector: type[Connector], manifest: Manifest) -> Iterator[str]:
    if manifest.cursor_version > 1 and connector.upgrade is Connector.upgrade:
        yield f"cursor_version is {manifest.cursor_version}; override upgrade for the cursors of older versions"
    upgrades = ("upgrade_settings", "upgrade_app_settings")
    overridden = any(name in vars(kind) for kind in connector.__mro__ if kind is not Connector for name in upgrades)
    if manifest.settings_version > 1 and not overridden:
        yield (
            f"settings_version is {manifest.settings_version}; override upgrade_settings or upgrade_app_settings "
            "for the settings of older versions"
        )


def _of_names(manifest: Manifest) -> Iterator[str]:
    names = [channel.name for channel in manifest.channels]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield f"the channel {name!r} is declared twice; use a name once"
    for host in manifest.hosts:
        if not _HOST.fullmatch(host):
            yield f"{host!r} is no name of a host; write it without scheme, port and path, or * for every public one"
    for budget in manifest.budgets:
        if budget.scope == "endpoint" and budget.match == "*":
            yield "a budget of scope endpoint counts every endpoint; say which in its match, or choose another scope"
        dearest = max(budget.costs.values(), default=1)
        if dearest > budget.limit:
            yield f"a call costs {dearest}, more than its whole budget of {budget.limit}; correct one of them"
