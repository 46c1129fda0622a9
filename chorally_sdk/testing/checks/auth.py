"""Checks of consenting, renewing and discovering."""

from datetime import timedelta
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import check, ensure, raised

STATE = "state-0123456789"
VERIFIER = "a-verifier-of-forty-three-characters-0123456789"
REDIRECT = "https://chorally.example/guestbook/v1/callback?x=1"


def _challenge() -> str:
    import base64
    import hashlib

    return base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


async def _page(bench: Bench) -> tuple[sdk.Consent, dict[str, list[str]]]:
    connector: sdk.Authorizes = bench.connect(for_app=True, grant=None)
    consent = await connector.authorize(STATE, _challenge(), REDIRECT, "")
    asked = parse_qs(urlsplit(consent.url).query)
    return consent, {**asked, **_pushed(bench, asked)}


def _pushed(bench: Bench, asked: dict[str, list[str]]) -> dict[str, list[str]]:
    """What the URL stands for where it only names a request that was pushed before (RFC 9126)."""
    name = asked.get("request_uri", [""])[0].encode()
    for exchange in bench.exchanges if name else ():
        if name in exchange.answer:
            return parse_qs(exchange.body.decode())
    return {}


async def _granted(bench: Bench) -> sdk.Grant:
    consent, _ = await _page(bench)
    params = bench.levers.consent(consent.url)
    return await _exchange(bench, params, consent)


async def _exchange(bench: Bench, params: Any, consent: sdk.Consent, verifier: str = VERIFIER) -> sdk.Grant:
    callback = sdk.Callback(
        params={name: value for name, value in params.items() if name != "state"},
        verifier=SecretStr(verifier),
        redirect_uri=REDIRECT,
        keep=consent.keep,
    )
    connector: sdk.Authorizes = bench.connect(for_app=True)
    return sdk.Grant.model_validate(await connector.exchange(callback))


async def _renewed(bench: Bench, grant: sdk.Grant | None) -> sdk.Grant:
    connector: sdk.Renews = bench.connect(for_app=True, grant=grant)
    return await connector.renew(grant)


def _first(bench: Bench) -> sdk.Grant:
    known = bench.levers.connection()
    grant = known.consented or known.grant
    ensure(grant, "the stand-in's account has no grant")
    return cast("sdk.Grant", grant)


def _consented(bench: Bench) -> sdk.Grant | None:
    return bench.levers.connection().consented


async def _works(bench: Bench, grant: sdk.Grant, what: str) -> None:
    try:
        await bench.connect(grant=grant).check()
    except sdk.Reauthorize as error:
        ensure(not error, f"{what} is not accepted by the platform: {error}")


@check("auth", "The page of consent carries the state", "Authorizes", "consent", may_be_exempt=False)
async def state_is_sent(bench: Bench) -> None:
    """Without the state anybody can connect their account to somebody else's installation."""
    consent, _ = await _page(bench)
    params = bench.levers.consent(consent.url)
    ensure(params.get("state") == STATE, f"the state comes back as {params.get('state')!r}")


@check("auth", "The page of consent carries the challenge", "Authorizes", "consent")
async def challenge_is_sent(bench: Bench) -> None:
    """Without PKCE a stolen code is a stolen account."""
    _, asked = await _page(bench)
    ensure(asked.get("code_challenge") == [_challenge()], "no code_challenge is asked for, or not the one given")
    ensure(asked.get("code_challenge_method") == ["S256"], "code_challenge_method is not S256")


@check("auth", "The page of consent leads back to the URL that was given", "Authorizes", "consent", may_be_exempt=False)
async def redirect_is_sent(bench: Bench) -> None:
    """Platforms compare the URL letter by letter; one that is not encoded loses its query."""
    _, asked = await _page(bench)
    ensure(REDIRECT in asked.get("redirect_uri", []), f"redirect_uri is {asked.get('redirect_uri')}")


@check("auth", "All scopes are asked for", "Authorizes", "consent", may_be_exempt=False)
async def scopes_are_asked(bench: Bench) -> None:
    """A scope that is not asked for is found missing by the first answer that fails."""
    _, asked = await _page(bench)
    words = set(" ".join(asked.get("scope", [])).replace(",", " ").split())
    lacking = set(bench.connector.manifest.scopes) - words
    ensure(not lacking, f"not asked for: {', '.join(sorted(lacking))}")


@check("auth", "The page of consent shows no secret", "Authorizes", "consent", may_be_exempt=False)
async def consent_without_secrets(bench: Bench) -> None:
    """The URL goes through the person's browser and its history."""
    consent, _ = await _page(bench)
    told = [secret for secret in {*bench.secrets(), VERIFIER} if secret in consent.url]
    ensure(not told, "the URL of the page of consent shows a secret")
    ensure(consent.url.startswith("https://"), "the page of consent is not https")


@check("auth", "The code becomes a grant that works", "Authorizes", "consent", may_be_exempt=False)
async def exchanges(bench: Bench) -> None:
    """The way from the call-back to the first call, whole."""
    await _works(bench, await _granted(bench), "the new grant")


@check("auth", "The verifier is sent with the code", "Authorizes", "consent", "transport")
async def verifier_is_sent(bench: Bench) -> None:
    """A challenge whose verifier is never sent protects nothing."""
    await _granted(bench)
    sent = [each for each in bench.exchanges if VERIFIER.encode() in each.body]
    ensure(sent, "no request carries the verifier in its body")


@check("auth", "A code that is refused is refused", "Authorizes", "consent", may_be_exempt=False)
async def bad_code(bench: Bench) -> None:
    """A refusal that is no error would store a grant without a token."""
    consent, _ = await _page(bench)
    params = {**bench.levers.consent(consent.url), "code": "not-a-code"}
    kinds = (sdk.Reauthorize, sdk.Rejected)
    await raised(_exchange(bench, params, consent), kinds, "the exchange of a code that is not known")


@check("auth", "A grant names what was granted", "Authorizes", "consent", "withhold", may_be_exempt=False)
async def granted_scopes(bench: Bench) -> None:
    """A person may untick scopes; the grant must not pretend that they were given."""
    scope = next(iter(bench.connector.manifest.scopes))
    bench.levers.withhold(scope)
    grant = await _granted(bench)
    ensure(scope not in grant.scopes, f"{scope!r} was not granted, and the grant names it")
    info = await bench.connect(grant=grant).check()
    ensure(scope in info.missing_scopes, f"{scope!r} was not granted, and check does not miss it")


@check("auth", "A grant says when it ends", "Authorizes", "consent", "expire", may_be_exempt=False)
async def expiry(bench: Bench) -> None:
    """Without its end a grant is renewed only after a customer's call has failed."""
    grant = await _granted(bench)
    ends = grant.expires_at
    ensure(ends is not None, "the platform says when the token ends, the grant does not")
    left = ends - bench.levers.clock() if ends else timedelta(0)
    ensure(timedelta(0) < left, f"the new grant ended {-left} ago, by the clock of the call")
    bench.levers.expire()
    soon = bench.levers.clock() + (timedelta(days=1) if bench.levers.renews_alive else timedelta(0))
    ensure(ends and ends <= soon, f"the token has ended, the grant says it lasts until {ends}")


@check("auth", "A renewed grant works", "Renews", "expire", may_be_exempt=False)
async def renews(bench: Bench) -> None:
    """After the first hour everything depends on it."""
    grant = _first(bench)
    bench.levers.expire()
    await _works(bench, await _renewed(bench, grant), "the renewed grant")


@check("auth", "The rotated refresh token is kept", "Renews", "expire", may_be_exempt=False)
async def keeps_rotated(bench: Bench) -> None:
    """Where refresh tokens are used once, the old one kept means that the second renewal disconnects the account."""
    grant = _first(bench)
    for turn in ("first", "second", "third"):
        bench.levers.expire()
        try:
            grant = await _renewed(bench, grant)
        except sdk.Reauthorize as error:
            ensure(not error, f"the {turn} renewal is refused: the grant does not carry the newest refresh token")
    await _works(bench, grant, "the grant after three renewals")


@check("auth", "A refresh token that goes on is not lost", "Authorizes", "keeps_refresh", "expire", may_be_exempt=False)
async def keeps_unrotated(bench: Bench) -> None:
    """Where the answer has no new refresh token, dropping the old one disconnects the account after an hour."""
    bench.levers.keeps_refresh()
    grant = _first(bench)
    for _ in range(2):
        bench.levers.expire()
        grant = await _renewed(bench, grant)
        ensure(grant.refresh is not None, "the renewed grant has no refresh token; the old one is still good")
    await _works(bench, grant, "the grant after two renewals")


@check("auth", "What belongs to a grant survives its renewal", "Renews", "expire", may_be_exempt=False)
async def keeps_the_rest(bench: Bench) -> None:
    """An instance's address or a key of proof that is lost makes the new token useless."""
    first = _first(bench).model_copy(update={"base_url": "", "keep": {"key": SecretStr("kept-key-1234")}})
    bench.levers.expire()
    renewed = await _renewed(bench, first)
    ensure(dict(renewed.keep) == dict(first.keep), "Grant.keep is lost by the renewal")
    ensure(renewed.base_url == first.base_url, "Grant.base_url changes by the renewal")
    ensure(renewed.scopes == first.scopes, f"the scopes change from {set(first.scopes)} to {set(renewed.scopes)}")


@check("auth", "A renewed grant says when it ends", "Renews", "expire", may_be_exempt=False)
async def renewed_expiry(bench: Bench) -> None:
    """An end that stays in the past makes every call renew again."""
    grant = _first(bench)
    bench.levers.expire()
    renewed = await _renewed(bench, grant)
    ends, now = renewed.expires_at, bench.levers.clock()
    ensure(ends is not None and ends > now, f"renewed at {now}, the grant ends at {ends}")


@check("auth", "A refused renewal asks a person", "Authorizes", "revoke", may_be_exempt=False)
async def renewal_refused(bench: Bench) -> None:
    """Taken for an outage, a revoked grant is tried for ever and nobody is told."""
    grant = _first(bench)
    bench.levers.revoke()
    await raised(_renewed(bench, grant), sdk.Reauthorize, "the renewal of a revoked grant")


async def _spoiled(bench: Bench, kind: str, error: type[sdk.ConnectorError]) -> sdk.ConnectorError:
    grant = _first(bench)
    bench.levers.inject(kind, "token", times=9, wait_s=90)
    return await raised(_renewed(bench, grant), error, f"a renewal that meets {kind}")


@check(
    "auth", "A renewal that reaches nobody asks nobody", "Renews", "fault:error_500_before/token", may_be_exempt=False
)
async def renewal_unreachable(bench: Bench) -> None:
    """An outage of the token endpoint must not disconnect every account."""
    for kind in ("error_500_before", "connection_refused", "timeout_before_effect"):
        error = await _spoiled(bench, kind, sdk.RetryLater)
        ensure(not isinstance(error, sdk.RateLimited), f"{kind} is no used-up quota")
        bench.levers.clear()


@check("auth", "A throttled renewal waits", "Renews", "fault:rate_limit/token", may_be_exempt=False)
async def renewal_throttled(bench: Bench) -> None:
    """A 429 taken for a refusal disconnects the account; without its wait it is throttled on."""
    error = await _spoiled(bench, "rate_limit", sdk.RateLimited)
    wait = getattr(error, "wait", None)
    ensure(wait == timedelta(seconds=90), f"the platform asks to wait 90 s, the error says {wait}")


@check(
    "auth", "A renewal is asked once", "Renews", "fault:timeout_after_effect/token", "transport", may_be_exempt=False
)
async def renewal_once(bench: Bench) -> None:
    """A lost answer may have spent the refresh token; asking again with it makes platforms revoke the whole grant."""
    grant = _first(bench)
    bench.exchanges.clear()
    bench.levers.inject("timeout_after_effect", "token")
    await raised(_renewed(bench, grant), sdk.RetryLater, "a renewal whose answer is lost")
    ensure(len(bench.exchanges) == 1, f"the renewal was asked {len(bench.exchanges)} times")


@check("auth", "A client that is not known is the operator's to mend", "Renews", "connection", "expire")
async def wrong_client(bench: Bench) -> None:
    """A wrong client secret taken for a lost grant asks every customer to connect again, in vain."""
    known = bench.levers.connection().app_settings
    if known is None:
        return
    secret = next((n for n, f in type(known).model_fields.items() if f.annotation is SecretStr and "client" in n), None)
    if secret is None:
        return
    wrong = known.model_copy(update={secret: SecretStr("not-the-secret")})
    connector: sdk.Renews = bench.connect(for_app=True, app_settings=wrong)
    await raised(connector.renew(_first(bench)), sdk.Rejected, "a renewal by a client that is not known")


@check("auth", "Secrets travel in bodies and headers", "Renews", "transport", "expire")
async def token_calls_hide(bench: Bench) -> None:
    """The client's secret and the refresh token in a URL are in every proxy's log."""
    await _renewed(bench, _first(bench))
    for exchange in bench.exchanges:
        told = [secret for secret in bench.secrets() if secret in exchange.url]
        ensure(not told, "a token request carries a secret in its URL")


@check("auth", "An app without a consent gets its grant", "Renews", "~Authorizes", "connection", may_be_exempt=False)
async def client_credentials(bench: Bench) -> None:
    """Where nothing was issued yet, there is no grant to read a refresh token from."""
    await _works(bench, await _renewed(bench, None), "the first grant")


@check("auth", "All accounts of a consent are listed", "Discovers", "profiles", may_be_exempt=False)
async def discovers_all(bench: Bench) -> None:
    """Accounts on the second page can never be connected; a missing one is taken for removed after a renewal."""
    connector: sdk.Discovers = bench.connect(for_app=True, grant=_consented(bench))
    found = {info.external_id: info.name for info in await connector.accounts()}
    wanted = {profile.external_id: profile.name for profile in bench.levers.profiles()}
    ensure(found == wanted, f"the consent opens {wanted}, listed are {found}")


@check("auth", "An account's own grant is its own", "Discovers", "profiles", may_be_exempt=False)
async def derived_grants(bench: Bench) -> None:
    """A derived token under the wrong account answers in the name of another."""
    connector: sdk.Discovers = bench.connect(for_app=True, grant=_consented(bench))
    for info in await connector.accounts():
        if info.grant is not None:
            told = await bench.connect(grant=info.grant, external_id=info.external_id).check()
            ensure(
                told.external_id == info.external_id, f"the grant of {info.external_id!r} is of {told.external_id!r}"
            )
