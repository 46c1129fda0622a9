"""Consents at Meta: code, short-lived token, long-lived token, and the pages that a person gives.

Sources: "Manually Build a Login Flow", "Long-Lived Access Tokens", "Get a Page Access Token", "Business Login for
Instagram" (read 2026-11-23). A connector's part is three lines::

    async def authorize(self, state, challenge, redirect_uri, hint):
        return FACEBOOK.consent(self, state, challenge, redirect_uri)

    async def exchange(self, callback):
        return await FACEBOOK.exchanged(self, callback)

    async def renew(self, grant):
        return await FACEBOOK.renewed(self, grant)

A long-lived token ends after about 60 days and is exchanged while it lives; once it has ended a person must consent
again. The tokens of pages that are taken with it have no end of their own.
"""

from dataclasses import dataclass
from typing import Literal, TypeVar

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_meta.listing import Reader
from chorally_meta.settings import VERSION, MetaApp
from chorally_meta.shapes import Id, Listing, Shape
from chorally_sdk import oauth

_AT_ONCE = 100


@dataclass(frozen=True)
class Step:
    """How one token is exchanged for a longer one."""

    grant_type: str
    parameter: str
    """What carries the token that is exchanged."""
    url: str = ""
    """Another endpoint than that of the codes."""
    method: Literal["GET", "POST"] = "POST"


@dataclass(frozen=True)
class Login:
    """One of Meta's ways to log in, as data."""

    name: str
    """As people know it, for messages."""
    dialog: str
    """The page of consent."""
    tokens: str
    """Where the code is exchanged; relative to the connector's base URL, or absolute."""
    lengthens: Step
    """Short-lived to long-lived."""
    renews: Step
    """Long-lived to another long-lived one."""
    code_grant: str = ""
    """``grant_type`` of the exchange of a code, where the platform wants one."""
    scopes: tuple[str, ...] | None = None
    """What is asked for, where it is not what the connector's manifest says."""

    def client(self, connector: sdk.Connector, granted: frozenset[str] | None = None) -> oauth.Client:
        """Return the app as an OAuth client.

        Args:
            connector: Whose app it is.
            granted: Scopes that hold where an answer names none, in place of what is asked for.

        Raises:
            Rejected: The app's settings do not name it.
        """
        app = connector.app.settings
        if not isinstance(app, MetaApp) or not app.client_id:
            why = "the app's settings have no app id; an operator must add it"
            raise sdk.Rejected(why, reason=sdk.Reason.PERMISSION)
        return oauth.Client(
            connector, app.client_id, app.app_secret, token_url=self.tokens, authorize_url=self.dialog, separator=",",
            pkce=False, fault=connector.fault, scopes=self.scopes if granted is None else granted,
        )  # fmt: skip

    def consent(
        self, connector: sdk.Connector, state: str, challenge: str, redirect_uri: str, config_id: str = ""
    ) -> sdk.Consent:
        """Return the page of consent; ``config_id`` is of Facebook Login for Business. Meta documents no PKCE."""
        more = {"config_id": config_id} if config_id else {}
        return self.client(connector).consent(state, challenge, redirect_uri, keep=None, **more)

    async def exchanged(self, connector: sdk.Connector, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code of a call-back into a short-lived token, and that into a long-lived one.

        Raises:
            Rejected: There is no code, or it is refused.
        """
        code = callback.params.get("code", "").removesuffix("#_")  # Meta appends it to the URL it leads back to
        if not code:
            raise sdk.Rejected("nobody's consent came back: there is no code; start again")
        sent = {"code": code, "redirect_uri": callback.redirect_uri}
        try:
            short = await self.client(connector).step(self.code_grant, sent)
        except sdk.Reauthorize as error:
            raise sdk.Rejected(f"{self.name} refuses the code: it was used, or came too late; start again") from error
        return await self.lengthened(connector, short)

    async def lengthened(self, connector: sdk.Connector, short: sdk.Grant) -> sdk.Grant:
        """Exchange a short-lived token for a long-lived one."""
        return await self._taken(connector, short, self.lengthens)

    async def renewed(self, connector: sdk.Connector, grant: sdk.Grant | None) -> sdk.Grant:
        """Exchange a long-lived token that still lives for another one.

        Raises:
            Reauthorize: There is none, or it lives no longer.
        """
        if grant is None:
            raise sdk.Reauthorize("nobody has consented yet")
        return await self._taken(connector, grant, self.renews)

    async def _taken(self, connector: sdk.Connector, grant: sdk.Grant, step: Step) -> sdk.Grant:
        sent = {step.parameter: grant.access.get_secret_value()}
        client = self.client(connector, grant.scopes)
        return await client.step(step.grant_type, sent, before=grant, method=step.method, token_url=step.url)


_FACEBOOK_STEP = Step("fb_exchange_token", "fb_exchange_token")

FACEBOOK = Login(
    name="Facebook",
    dialog=f"https://www.facebook.com/{VERSION}/dialog/oauth",
    tokens="oauth/access_token",
    lengthens=_FACEBOOK_STEP,
    renews=_FACEBOOK_STEP,
)
"""Facebook Login: pages, the Instagram accounts that belong to them, and WhatsApp businesses."""


class OwnPage(Shape):
    """A page that a person has a role on, with its own token where it is given."""

    id: Id
    name: str = ""
    access_token: SecretStr | None = None
    tasks: tuple[str, ...] | None = None
    """What the person may do there: ``MODERATE``, ``CREATE_CONTENT``, ``MESSAGING``, …"""

    def missing(self, *needed: str) -> frozenset[str]:
        """Return the tasks of those needed that the person lacks; none where Facebook does not tell of any."""
        return frozenset(needed) - frozenset(self.tasks) if self.tasks is not None else frozenset()

    def info(self, *needed: str) -> sdk.AccountInfo:
        """Return the page as an account, with its own grant."""
        grant = sdk.Grant(access=self.access_token) if self.access_token else None
        return sdk.AccountInfo(external_id=self.id, name=self.name, grant=grant, missing_scopes=self.missing(*needed))


P = TypeVar("P", bound=OwnPage)


async def pages(http: sdk.Http, shape: type[P], *fields: str) -> list[P]:
    """Return the pages that a person gave, over all pages of the listing.

    Args:
        http: Authorised by the person's token.
        shape: ``OwnPage``, or one of the connector's own with more fields.
        fields: What is asked besides ``id``, ``name`` and ``access_token``, such as
            ``instagram_business_account{id,username}``. Where nothing is, Facebook tells the ``tasks`` by itself;
            its description of a page has no such field that could be asked for.
    """
    query = {
        "limit": str(_AT_ONCE),
        **({"fields": ",".join(("id", "name", "access_token", *fields))} if fields else {}),
    }
    return [page async for page in Reader(http).all(Listing[shape], "/me/accounts", query)]  # type: ignore[valid-type]
