"""Checks of `check`, and of secrets: what the first call tells, and what no output may show."""

import json
from datetime import timedelta
from fnmatch import fnmatchcase

import httpx

import chorally_sdk as sdk
from chorally_sdk.sandbox.clock import Clock
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import check, ensure, raised

_TRANSIENT = ("timeout_before_effect", "connection_refused", "error_500_before")


@check("check", "It names the account", "connection", may_be_exempt=False)
async def names_the_account(bench: Bench) -> None:
    """An account under a wrong id gets nobody's hooks; one without a name cannot be told from others."""
    info = await bench.connect().check()
    known = bench.levers.connection()
    ensure(info.external_id == known.external_id, f"{info.external_id!r} is not the account {known.external_id!r}")
    ensure(info.name.strip(), "the account has no name")
    ensure(info.name == known.name or not known.name, f"{info.name!r} is not the name {known.name!r}")


@check("check", "A draft without an id can be checked", "connection", may_be_exempt=False)
async def checks_a_draft(bench: Bench) -> None:
    """Without `Discovers` the account's id is what `check` is asked for; it cannot be given before."""
    info = await bench.connect(external_id="").check()
    ensure(info.external_id == bench.levers.connection().external_id, f"a draft's check names {info.external_id!r}")


@check("check", "It takes one call", "transport")
async def one_call(bench: Bench) -> None:
    """Accounts are checked often; calls cost quota."""
    await bench.connect().check()
    ensure(len(bench.exchanges) == 1, f"check made {len(bench.exchanges)} calls")


@check("check", "It changes nothing", "transport")
async def only_reads(bench: Bench) -> None:
    """A check that posts would be seen by people each time."""
    await bench.connect().check()
    wrote = [each for each in bench.exchanges if each.method not in {"GET", "HEAD"}]
    if "made" in bench.levers.offered():
        ensure(not bench.levers.made(), "check made something visible")
    ensure(not wrote, f"check calls {[each.method for each in wrote]}")


@check("check", "It names the scopes that are missing", "withhold", may_be_exempt=False)
async def missing_scopes(bench: Bench) -> None:
    """A scope that the person unticked shows as an error weeks later, unless it is named at once."""
    for scope in bench.connector.manifest.scopes:
        grant = bench.levers.withhold(scope)
        info = await bench.connect(grant=grant).check()
        ensure(info.missing_scopes == {scope}, f"{scope!r} is missing, named are {sorted(info.missing_scopes)}")
    ensure(not (await bench.connect().check()).missing_scopes, "a grant with all scopes lacks some")


@check("check", "A revoked grant is told", "revoke", may_be_exempt=False)
async def revoked(bench: Bench) -> None:
    """A revoked grant taken for an outage is never connected again."""
    connector = bench.connect()
    bench.levers.revoke()
    await raised(connector.check(), sdk.Reauthorize, "a check with a revoked grant")


@check("check", "A platform that is down is no lost grant", "fault:timeout_before_effect/read", may_be_exempt=False)
async def unreachable(bench: Bench) -> None:
    """An outage taken for a revoked grant asks every customer to connect again."""
    for kind in _TRANSIENT:
        bench.levers.inject(kind, "read", times=9)
        error = await raised(bench.connect().check(), sdk.RetryLater, f"a check that meets {kind}")
        ensure(not isinstance(error, sdk.RateLimited), f"{kind} is no used-up quota")
        bench.levers.clear()


@check("check", "A missing permission is told", "fault:forbidden/read", may_be_exempt=False)
async def permission(bench: Bench) -> None:
    """A 403 taken for an outage is repeated for ever; taken for a lost grant, consenting again does not help."""
    bench.levers.inject("forbidden", "read", times=9)
    error = await raised(bench.connect().check(), sdk.Rejected, "a check that is forbidden")
    ensure(error.reason == sdk.Reason.PERMISSION, f"it is refused for {error.reason}")


@check("check", "Every call speaks for the account it is about", "second_grant", "transport", may_be_exempt=False)
async def own_grant(bench: Bench) -> None:
    """A token that is remembered by the class or the module makes one customer act as another."""
    await bench.connect().check()
    grant = bench.levers.second_grant()
    bench.exchanges.clear()
    await bench.connect(grant=grant).check()
    for exchange in bench.exchanges:
        ensure(grant.access.get_secret_value() in repr(exchange), "a call does not carry the token of its account")


@check("check", "No URL carries a secret", "transport")
async def no_secret_in_urls(bench: Bench) -> None:
    """URLs are written to logs by every proxy on the way."""
    await _tour(bench)
    for exchange in bench.exchanges:
        told = [secret for secret in bench.secrets() if secret in exchange.url]
        ensure(not told, f"the URL of {exchange.method} {exchange.url.partition('?')[0]} carries a secret")


@check("check", "No log line shows a secret", "connection", may_be_exempt=False)
async def no_secret_in_logs(bench: Bench) -> None:
    """Logs are read by more people than may know a customer's token."""
    await _tour(bench)
    lines = [line for line in bench.logs if not line.startswith(("httpx ", "httpcore", "asyncio "))]
    for secret in bench.secrets():
        shown = [line for line in lines if secret in line]
        ensure(not shown, f"a log line shows a secret: {shown[:1]}".replace(secret, "***"))


@check("check", "No error and no result shows a secret", "connection", may_be_exempt=False)
async def no_secret_in_results(bench: Bench) -> None:
    """Errors are shown to agents, and accounts to administrators."""
    connector = bench.connect()
    told = [repr(await connector.check()), (await connector.check()).model_dump_json(), repr(connector)]
    if "inject" in bench.levers.offered():
        for kind in ("error_500_before", "forbidden", "expired_token", "invalid"):
            if f"{kind}/read" in bench.levers.kinds:
                bench.levers.inject(kind, "read", times=9)
                error = await raised(bench.connect().check(), Exception, f"a check that meets {kind}")
                told += [str(error), repr(error), json.dumps([str(value) for value in vars(error).values()])]
                bench.levers.clear()
    for secret in bench.secrets():
        ensure(not [text for text in told if secret in text], "a result or an error shows a secret")


@check("check", "It only calls the hosts that it declares", "transport", may_be_exempt=False)
async def declared_hosts(bench: Bench) -> None:
    """A call to any other host is refused in production, where no test looks."""
    await _tour(bench)
    manifest = bench.connector.manifest
    for host in {httpx.URL(exchange.url).host for exchange in bench.exchanges}:
        known = host == httpx.URL(manifest.base_url).host or any(fnmatchcase(host, each) for each in manifest.hosts)
        ensure(known, f"{host!r} is no declared host")


@check("check", "A clock that goes wrong by minutes harms nothing", "connection", may_be_exempt=False)
async def skewed_clock(bench: Bench) -> None:
    """Servers' clocks differ; a call that depends on theirs being ours fails on some machines only."""
    for minutes in (-4, 4):
        later = bench.levers.clock() + timedelta(minutes=minutes)
        info = await bench.connect(now=Clock(later)).check()
        ensure(info.external_id, f"with a clock {minutes} minutes off, no account is named")


async def _tour(bench: Bench) -> None:
    """Let the connector do the usual things once."""
    connector = bench.connect()
    await connector.check()
    offered = bench.levers.offered()
    if "say" in offered and isinstance(connector, sdk.Pulls | sdk.Receives):
        message = await bench.a_message()
        if isinstance(connector, sdk.Replies) and "made" in offered:
            await bench.send(bench.answer(message))
    elif isinstance(connector, sdk.Pulls):
        await bench.pull()
