"""Connectors that are wrong about their account, their secrets, or their grants."""

import logging
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.sandbox.clock import START
from tests.sdk.kit.bad import bad
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.machine import Machine, MachineTwin


@bad("names-the-account", is_whole=False)
class NamesItself(Guestbook):
    """Its id is not the platform's."""

    async def check(self) -> sdk.AccountInfo:
        """Make one up."""
        return sdk.AccountInfo(external_id="guestbook", name=(await super().check()).name)


@bad("names-the-account", is_whole=False)
class HasNoName(Guestbook):
    """Has no name."""

    async def check(self) -> sdk.AccountInfo:
        """Leave it out."""
        return (await super().check()).model_copy(update={"name": ""})


@bad("checks-a-draft")
class KnowsItAlready(Guestbook):
    """Repeats the id that it was given."""

    async def check(self) -> sdk.AccountInfo:
        """Repeat it."""
        return (await super().check()).model_copy(update={"external_id": self.account.external_id})


@bad("one-call")
class AsksTwice(Guestbook):
    """Costs twice."""

    async def check(self) -> sdk.AccountInfo:
        """Ask twice."""
        await super().check()
        return await super().check()


@bad("only-reads")
class ChecksByPosting(Guestbook):
    """Sees whether it can post by posting."""

    async def check(self) -> sdk.AccountInfo:
        """Post."""
        await self.http.post("/posts", json={"text": "test, please ignore"})
        return await super().check()


@bad("only-reads")
class ChecksByDrafting(Guestbook):
    """Leaves a draft with each check."""

    async def check(self) -> sdk.AccountInfo:
        """Draft."""
        await self.http.post("/drafts", json={"text": "test"})
        return await super().check()


@bad("missing-scopes", "granted-scopes")
class MissesNothing(Guestbook):
    """Never says what is missing."""

    async def check(self) -> sdk.AccountInfo:
        """Say nothing."""
        return (await super().check()).model_copy(update={"missing_scopes": frozenset()})


@bad("unreachable")
class DownIsLost(Guestbook):
    """Any failure is a lost grant."""

    async def check(self) -> sdk.AccountInfo:
        """Ask."""
        try:
            return await super().check()
        except sdk.RetryLater as error:
            raise sdk.Reauthorize("connect again") from error


@bad("own-grant", is_whole=False)
class RemembersItsToken(Guestbook):
    """The first grant is everybody's."""

    kept: ClassVar[list[sdk.Grant]] = []

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Use the first."""
        self.kept.append(grant)
        return super().auth(self.kept[0])


class InTheQuery(httpx.Auth):
    """The token as a parameter."""

    def __init__(self, token: str) -> None:
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add it."""
        request.url = request.url.copy_add_param("access_token", self.token)
        yield request


@bad("no-secret-in-urls")
class TokenInTheQuery(Guestbook):
    """Puts the token where every proxy logs it."""

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """As a parameter."""
        return InTheQuery(grant.access.get_secret_value())


@bad("no-secret-in-logs")
class LogsItsToken(Guestbook):
    """Says too much to the log."""

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Tell."""
        logging.getLogger("guestbook").debug("calling with %s", grant.access.get_secret_value())
        return super().auth(grant)


@bad("no-secret-in-results")
class TellsItsToken(Guestbook):
    """Says too much to the agent."""

    async def check(self) -> sdk.AccountInfo:
        """Ask."""
        try:
            return await super().check()
        except sdk.Rejected as error:
            token = (await self.token()).get_secret_value()
            raise sdk.Rejected(f"refused for {token}", reason=error.reason) from error


@bad("no-secret-in-results")
class ShowsItself(Guestbook):
    """Its repr tells the app's secret."""

    def __repr__(self) -> str:
        return f"Guestbook({self.settings.client_secret.get_secret_value() if self.app.settings else ''})"


@bad("declared-hosts", is_whole=False)
class CallsElsewhere(Guestbook):
    """Calls a host that it did not declare."""

    async def check(self) -> sdk.AccountInfo:
        """Call."""
        told = (await self.http.get("https://api.other.example/me")).json()
        return sdk.AccountInfo(external_id=told["id"], name=told["name"])


@bad("skewed-clock")
class TrustsTheClock(Guestbook):
    """Refuses where its clock is not the platform's."""

    async def check(self) -> sdk.AccountInfo:
        """Compare."""
        if self.now() != START:
            raise sdk.RetryLater("the clocks differ")
        return await super().check()


def asking(name: str, check: str, *without: str, is_whole: bool = False, **other: str) -> None:
    """Add a connector whose page of consent is asked for in another way."""

    class Asking(Guestbook):
        def asked(self, state: str, challenge: str, redirect_uri: str) -> dict[str, str]:
            good = super().asked(state, challenge, redirect_uri)
            return {**{key: value for key, value in good.items() if key not in without}, **other}

    Asking.__name__ = name
    bad(check, is_whole=is_whole)(Asking)


asking("NoState", "state-is-sent", "state")
asking("OwnState", "state-is-sent", state="1")
asking("NoChallenge", "challenge-is-sent", "code_challenge", "code_challenge_method")
asking("PlainChallenge", "challenge-is-sent", code_challenge_method="plain")
asking("CutRedirect", "redirect-is-sent", redirect_uri="https://chorally.example/guestbook/v1/callback")
asking("FewScopes", "scopes-are-asked", scope="read")
asking("TellsTheSecret", "consent-without-secrets", client_secret="sandbox-client-secret")


@bad("consent-without-secrets", is_whole=False)
class InTheClear(Guestbook):
    """Sends the person over a line that others read."""

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Without TLS."""
        good = await super().authorize(state, challenge, redirect_uri, hint)
        return sdk.Consent(url=good.url.replace("https://guestbook", "http://guestbook"))


def exchanging(name: str, check: str, *without: str, **other: str) -> None:
    """Add a connector that asks for tokens in another way."""

    class Exchanging(Guestbook):
        async def token_by(self, **form: str) -> Any:
            good = {key: value for key, value in form.items() if key not in without}
            return await super().token_by(**{**good, **other})

    Exchanging.__name__ = name
    bad(check, is_whole=False)(Exchanging)


exchanging("NoVerifier", "verifier-is-sent", "code_verifier")
exchanging("NoVerifier", "exchanges", "code_verifier")
exchanging("OtherRedirect", "exchanges", redirect_uri="https://chorally.example/")
exchanging("NoRefresh", "renews", "refresh_token")


@bad("bad-code")
class TakesAnything(Guestbook):
    """A refusal is a grant, too."""

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Take it."""
        try:
            return await super().exchange(callback)
        except sdk.Reauthorize:
            return sdk.Grant(access=SecretStr(""))


def granting(name: str, *checks: str, is_whole: bool = True, **wrong: Any) -> None:
    """Add a connector that reads grants in another way; a callable is given the connector, the answer and the old."""

    class Granting(Guestbook):
        def granted(self, told: Any, old: sdk.Grant | None) -> sdk.Grant:
            changes = {key: value(self, told, old) if callable(value) else value for key, value in wrong.items()}
            return super().granted(told, old).model_copy(update=changes)

    Granting.__name__ = name
    bad(*checks, is_whole=is_whole)(Granting)


granting("PretendsScopes", "granted-scopes", scopes=lambda it, told, old: frozenset(it.manifest.scopes))
granting("NeverEnds", "expiry", "renewed-expiry", expires_at=None)
granting("EndsByAnotherClock", "expiry", "renewed-expiry", expires_at=datetime(2020, 1, 1, tzinfo=UTC))
granting("NeverEndsInTime", "expiry", expires_at=lambda it, told, old: it.now() + timedelta(days=60))
granting("KeepsTheOldEnd", "renewed-expiry", expires_at=lambda it, told, old: old.expires_at if old else it.now())
granting("KeepsTheOldRefresh", "keeps-rotated", refresh=lambda it, told, old: old.refresh if old else None)
granting(
    "DropsTheRefresh",
    "keeps-unrotated",
    refresh=lambda it, told, old: SecretStr(told["refresh_token"]) if "refresh_token" in told else None,
)
granting("DropsTheKey", "keeps-the-rest", keep={})
granting("DropsTheScopes", "keeps-the-rest", scopes=frozenset())


@bad("renews")
class RenewsNothing(Guestbook):
    """Gives the old grant again."""

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Give it."""
        assert grant
        return grant


def renewing(name: str, check: str, kind: type[sdk.ConnectorError], other: sdk.ConnectorError) -> None:
    """Add a connector whose renewal raises another error."""

    class Renewing(Guestbook):
        async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
            try:
                return await super().renew(grant)
            except kind as error:
                raise other from error

    Renewing.__name__ = name
    bad(check)(Renewing)


renewing("RefusedIsDown", "renewal-refused", sdk.Reauthorize, sdk.RetryLater())
renewing("DownIsRefused", "renewal-unreachable", sdk.RetryLater, sdk.Reauthorize())
renewing("ThrottledIsRefused", "renewal-throttled", sdk.RateLimited, sdk.Reauthorize())
renewing("ThrottledIsDown", "renewal-throttled", sdk.RateLimited, sdk.RetryLater())
renewing("UnknownClientIsRefused", "wrong-client", sdk.Rejected, sdk.Reauthorize())


@bad("renewal-once")
class TriesAgain(Guestbook):
    """Tries again with a token that may be spent."""

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Try twice."""
        try:
            return await super().renew(grant)
        except sdk.RetryLater:
            return await super().renew(grant)


@bad("token-calls-hide")
class SecretInTheQuery(Guestbook):
    """Puts the client's secret where every proxy logs it."""

    async def token_by(self, **form: str) -> Any:
        """Twice."""
        secret = self.settings.client_secret.get_secret_value()
        form |= {"client_id": self.settings.client_id, "client_secret": secret}
        return (await self.http.post("/oauth/token", params=form, data=form, auth=None)).json()


@bad("client-credentials", twin=MachineTwin, is_whole=False)
class NeedsAGrant(Machine):
    """Reads what nobody has issued yet."""

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Read it."""
        assert grant, "there is no grant"
        return await super().renew(grant)


@bad("discovers-all", "all-templates")
class FirstPageOnly(Guestbook):
    """Never asks for the second page."""

    async def all_of(self, path: str, name: str) -> list[Any]:
        """The first."""
        return list((await self.http.get(path)).json()[name])


@bad("derived-grants")
class OneGrantForAll(Guestbook):
    """Gives every account the token of the first."""

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """Mix them up."""
        found = list(await super().accounts())
        return [info.model_copy(update={"grant": found[0].grant}) for info in found]
