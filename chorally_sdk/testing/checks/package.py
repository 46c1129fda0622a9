"""Checks of what a connector's package and manifest say."""

import json
import re
from datetime import datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import httpx
from packaging.version import InvalidVersion, Version
from pydantic import PydanticUserError, SecretBytes, SecretStr

import chorally_sdk
from chorally_sdk.connector.abilities import ABILITIES
from chorally_sdk.model.manifest import Limits
from chorally_sdk.plugins import RESERVED, TOPICS
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import CHECKS, check, ensure, fail
from chorally_sdk.testing.package import HEAVY, Package

_SECRET = re.compile(r"(secret|token|password|passphrase|private_key|api_key)$")


def _package(bench: Bench) -> Package:
    if bench.package is None:
        fail(
            f"no installed package names {bench.connector.__name__} by an entry point of the group chorally.connectors"
        )
    return bench.package


def _limits(bench: Bench) -> list[tuple[str, Limits]]:
    channels = bench.connector.manifest.channels
    return [(f"{channel.name}/{verb}", limits) for channel in channels for verb, limits in channel.actions.items()]


@check("package", "It is found through its entry point", may_be_exempt=False)
async def entry_point(bench: Bench) -> None:
    """A package without the entry point, or whose hook returns another class, would be installed and never found."""
    package = _package(bench)
    platform = bench.connector.manifest.platform
    ensure(package.entry == platform, f"the entry point is called {package.entry!r}, the platform {platform!r}")
    ensure(package.loads is bench.connector, f"the entry point leads to {package.loads!r}")


@check("package", "It says which versions of the SDK it works with", may_be_exempt=False)
async def sdk_range(bench: Bench) -> None:
    """Without a lower and an upper bound a host cannot tell an old plugin from one that fits."""
    need = _package(bench).sdk
    ensure(need, "the package does not require chorally-sdk")
    operators = {spec.operator for spec in need.specifier} if need else set()
    ensure(operators & {">=", ">", "~=", "=="}, f"{need} has no lower bound")
    ensure(operators & {"<", "<=", "~=", "=="}, f"{need} has no upper bound")


@check("package", "Its version is one, and the manifest's")
async def version(bench: Bench) -> None:
    """A version that installers cannot order, or two that differ, make support guess what runs."""
    package = _package(bench)
    try:
        Version(package.version)
    except InvalidVersion:
        fail(f"{package.version!r} is no version (PEP 440)")
    told = bench.connector.manifest.version
    ensure(Version(told) == Version(package.version), f"the manifest says {told}, the package {package.version}")


@check("package", "It states its licence")
async def licence(bench: Bench) -> None:
    """What has no licence may not be installed by a company."""
    ensure(_package(bench).licence.strip(), "the package states no licence; add `license` to its pyproject.toml")


@check("package", "It has a README")
async def readme(bench: Bench) -> None:
    """Who installs it has to know what to set up at the platform."""
    ensure(len(_package(bench).readme.strip()) >= 80, "the package has no readme, or one that says nothing")


@check("package", "It is typed")
async def typed(bench: Bench) -> None:
    """Without the marker of PEP 561 no type checker looks at it."""
    ensure(_package(bench).is_typed, "the package has no file py.typed")


@check("package", "Importing it loads nothing heavy")
async def light_import(bench: Bench) -> None:
    """A sandbox, server or test tool that is imported with the manifest slows down every command of every host."""
    heavy = sorted({name for name in _package(bench).imported() if name in HEAVY})
    ensure(not heavy, f"importing the package loads {', '.join(heavy)}; import them where they are used")


@check("package", "Its names are free", may_be_exempt=False)
async def free_names(bench: Bench) -> None:
    """A platform called like a service, or a channel like a topic, would take over its routes and its events."""
    manifest = bench.connector.manifest
    channels = [channel.name for channel in manifest.channels]
    taken = sorted({manifest.platform, *channels} & (RESERVED | TOPICS))
    ensure(not taken, f"the names {', '.join(taken)} are the core's")
    ensure(len(channels) == len(set(channels)), "a channel's name is used twice")


@check("package", "Its channels bear its name")
async def channel_names(bench: Bench) -> None:
    """Two platforms with a channel `comment` would read each other's outgoing topic."""
    platform = bench.connector.manifest.platform
    other = [
        c.name for c in bench.connector.manifest.channels if c.name.partition("_")[0] != platform.partition("_")[0]
    ]
    ensure(not other, f"the channels {', '.join(other)} do not begin with {platform}_")


@check("package", "What it declares it can do, and the other way round", may_be_exempt=False)
async def abilities_declared(bench: Bench) -> None:
    """An action without its ability is offered to agents and fails; an ability without its action is never used."""
    declared = {verb for channel in bench.connector.manifest.channels for verb in channel.actions}
    able = {ability.__name__ for ability in ABILITIES if issubclass(bench.connector, ability)}
    moderated = declared & {"edit", "delete", "hide", "unhide", "like", "read"}
    for verbs, ability in (
        (declared & {"reply", "send"}, "Replies"),
        (declared & {"publish"}, "Publishes"),
        (moderated, "Moderates"),
    ):
        ensure(
            bool(verbs) == (ability in able), f"actions {sorted(verbs)} and the ability {ability} do not go together"
        )
    hooks = bench.connector.manifest.hooks is not None
    ensure(hooks == ("Receives" in able), "manifest.hooks and the ability Receives do not go together")


@check("package", "What is looked up after a lost answer can be looked up", may_be_exempt=False)
async def lookup_needs_finds(bench: Bench) -> None:
    """`dedupe` by lookup or by our reference without `Finds` leaves every lost answer to a person, against its word."""
    for where, limits in _limits(bench):
        able = issubclass(bench.connector, chorally_sdk.Finds)
        ensure(limits.dedupe != "lookup" or able, f"{where}: dedupe by lookup needs the ability Finds")
        ensure(
            limits.dedupe_for is None or limits.dedupe == "native_key", f"{where}: dedupe_for is of native keys only"
        )


@check("package", "Its settings say what they are")
async def settings_described(bench: Bench) -> None:
    """A form shows the title and the description of every setting."""
    for name, field in _settings(bench):
        ensure(field.title and field.description, f"the setting {name!r} has no title, or no description")


@check("package", "Its secret settings are secrets", may_be_exempt=False)
async def settings_secret(bench: Bench) -> None:
    """A secret kept as a plain string is stored in clear and shown in logs, forms and errors."""
    for name, field in _settings(bench):
        kinds = {field.annotation, *get_args(field.annotation)}
        if _SECRET.search(name):
            ensure(kinds & {SecretStr, SecretBytes}, f"the setting {name!r} is {field.annotation}, not SecretStr")


def _settings(bench: Bench) -> list[tuple[str, Any]]:
    manifest = bench.connector.manifest
    models = [model for model in (manifest.account_settings, manifest.app_settings) if model]
    return [(name, field) for model in models for name, field in model.model_fields.items()]


@check("package", "Its manifest is data", may_be_exempt=False)
async def manifest_is_data(bench: Bench) -> None:
    """The API, the inbox and the documentation read the manifest as JSON."""
    manifest = bench.connector.manifest
    models = {"account_settings", "app_settings"}
    told = json.dumps(manifest.model_dump(mode="json", exclude=models))
    ensure(type(manifest).model_validate_json(told), "the manifest does not survive JSON")
    for model in (manifest.account_settings, manifest.app_settings):
        try:
            json.dumps(model.model_json_schema() if model else {})
        except PydanticUserError as error:
            fail(f"the settings {model and model.__name__} have no JSON schema: {str(error).splitlines()[0]}")


@check("package", "It calls declared hosts over TLS", may_be_exempt=False)
async def hosts_declared(bench: Bench) -> None:
    """A base URL in clear sends tokens in clear; one whose host is not declared cannot be called."""
    manifest = bench.connector.manifest
    if not manifest.base_url:
        return
    url = httpx.URL(manifest.base_url)
    ensure(url.scheme == "https", f"{manifest.base_url} is not https")
    ensure(manifest.hosts, "the manifest declares no hosts")
    ensure(url.host in manifest.hosts or "*" in manifest.hosts, f"the host {url.host!r} is not declared")


@check("package", "It reads its budgets")
async def budgets(bench: Bench) -> None:
    """A period of no time, or a clock time without a zone, holds an account back for ever or never."""
    for budget in bench.connector.manifest.budgets:
        ensure(budget.per > timedelta(0), f"a budget of {budget.limit} calls counts over no time")
        ensure(all(cost >= 0 for cost in budget.costs.values()), "a call costs less than nothing")
        if budget.resets:
            clock, _, zone = budget.resets.partition(" ")
            ensure(datetime.strptime(clock, "%H:%M") and ZoneInfo(zone), budget.resets)  # noqa: DTZ007 - a clock time


@check("package", "It is made without a call, for the app too", may_be_exempt=False)
async def made_without_calls(bench: Bench) -> None:
    """A connector is made for each call; one that asks for its account, or the network, when made cannot take hooks."""
    before = len(bench.exchanges)
    bench.connect(for_app=True)
    bench.connect()
    ensure(len(bench.exchanges) == before, "making a connector calls the platform")


@check("package", "It keeps no state between calls", may_be_exempt=False)
async def stateless(bench: Bench) -> None:
    """State shared by the class makes one account answer for another."""
    first, second = bench.connect(external_id="one"), bench.connect(external_id="two")
    told = (first.account.external_id, second.account.external_id)
    ensure(told == ("one", "two"), f"two connectors for the accounts one and two speak for {told}")


@check("package", "Its streams have names of their own", "Pulls", may_be_exempt=False)
async def stream_names(bench: Bench) -> None:
    """Cursors are kept by stream name: a name used twice lets one stream read on where the other is."""
    names = [stream.name for stream in bench.connect().streams()]
    ensure(names, "it pulls, and has no stream")
    ensure(len(names) == len(set(names)), f"a name is used twice: {names}")


@check("package", "Its word on quality can be read", may_be_exempt=False)
async def quality_known(bench: Bench) -> None:
    """An exemption without a reason, of what is no check, or of what nothing may be exempt from, hides a defect."""
    for name, word in bench.connector.manifest.quality.items():
        state, _, why = word.partition(":")
        ensure(state in {"done", "todo", "exempt"}, f"quality {name!r}: {word!r} is none of done, todo, `exempt: why`")
        if state == "exempt":
            known = CHECKS.get(name)
            ensure(known, f"{name!r} is exempt, and is no check")
            ensure(len(why.strip()) >= 10, f"{name!r} is exempt without a reason")
            ensure(known and known.may_be_exempt, f"nothing may be exempt from {name!r}")
