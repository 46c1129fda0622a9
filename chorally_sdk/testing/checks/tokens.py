"""Checks of webhooks that are proven by a token: whose it is, whom it is for, when, and by which key."""

from datetime import timedelta
from typing import Any, cast

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import check, ensure


def _verdict(bench: Bench, hook: sdk.RawHook, keys: sdk.Keys | None = None) -> sdk.Verdict:
    receiver = cast("sdk.Receives", bench.connect(for_app=True))
    return receiver.verify(hook, bench.levers.keys() if keys is None else keys)


def _refused(bench: Bench, what: str, **claims: Any) -> None:
    verdict = _verdict(bench, bench.levers.by_token(claims))
    ensure(verdict.kind == "reject", f"a token {what} is {verdict.kind}")


@check("webhook", "A right token is accepted", "Receives", "by_token", "keys", may_be_exempt=False)
async def genuine_token(bench: Bench) -> None:
    """A platform whose hooks are refused switches them off."""
    verdict = _verdict(bench, bench.levers.by_token({}))
    ensure(verdict.kind == "accept", f"the verdict on a genuine token is {verdict.kind}")


@check("webhook", "A token for somebody else is refused", "Receives", "by_token", "keys", may_be_exempt=False)
async def token_audience(bench: Bench) -> None:
    """The platform makes tokens for every app: those made for another one open ours, unless the audience is asked."""
    _refused(bench, "for another app", aud="https://somebody.example/hook")
    _refused(bench, "for nobody", aud=None)


@check("webhook", "A token of somebody else is refused", "Receives", "by_token", "keys", may_be_exempt=False)
async def token_issuer(bench: Bench) -> None:
    """One key set may serve several makers of tokens."""
    _refused(bench, "of another maker", iss="https://somebody.example")
    _refused(bench, "that does not say who made it", iss=None)


@check("webhook", "A token at the wrong time is refused", "Receives", "by_token", "keys", may_be_exempt=False)
async def token_times(bench: Bench) -> None:
    """A token that was kept from a log opens for ever, where its end is not looked at."""
    now, hour = int(bench.levers.clock().timestamp()), int(timedelta(hours=1).total_seconds())
    _refused(bench, "that ended an hour ago", exp=now - hour, iat=now - 2 * hour, nbf=now - 2 * hour)
    _refused(bench, "without an end", exp=None)
    _refused(bench, "that begins in an hour", nbf=now + hour, iat=now + hour, exp=now + 2 * hour)


@check("webhook", "A token by another key is refused", "Receives", "by_token", "keys", may_be_exempt=False)
async def token_key(bench: Bench) -> None:
    """A name of a key proves nothing, and the published key is no secret that could sign."""
    for key, what in (("forged", "by a key that only has the name"), ("secret", "by the public key as a secret")):
        verdict = _verdict(bench, bench.levers.by_token({}, key=key))
        ensure(verdict.kind == "reject", f"a token {what} is {verdict.kind}")
    hook = bench.levers.by_token({})
    head, _, rest = hook.headers.get("authorization", "").rpartition(".")
    bare = hook.model_copy(update={"headers": {**hook.headers, "authorization": f"{head}."}})
    ensure(rest, "the stand-in's hook has no token")
    ensure(_verdict(bench, bare).kind == "reject", "a token without a signature is accepted")


@check("webhook", "A new key is asked for", "Receives", "by_token", "rotate_keys", "keys", may_be_exempt=False)
async def new_key(bench: Bench) -> None:
    """Platforms replace their keys without notice: refused, every hook is lost from that day on."""
    old = bench.levers.keys()
    bench.levers.rotate_keys()
    hook = bench.levers.by_token({})
    verdict = _verdict(bench, hook, old)
    ensure(verdict.kind == "stale_keys", f"a token by a key that no set has yet is {verdict.kind}, not stale_keys")
    ensure(_verdict(bench, hook).kind == "accept", "with the renewed set, the hook is not accepted")
    ensure(_verdict(bench, hook, sdk.Keys(secrets=old.secrets)).kind != "accept", "without any set it is accepted")


@check("webhook", "The key sets are declared", "Receives", "by_token", "keys", may_be_exempt=False)
async def declared_keys(bench: Bench) -> None:
    """The host keeps the sets fresh that the manifest names, and no others: `verify` itself may not read them."""
    hooks = bench.connector.manifest.hooks
    missing = set(bench.levers.keys().jwks) - set(hooks.jwks if hooks else ())
    ensure(not missing, f"the manifest's hooks do not name {', '.join(sorted(missing))}")
