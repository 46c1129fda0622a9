"""A person's consent to a mailbox: Google's, Microsoft's, or any provider's that speaks OAuth 2.

Sources: "OAuth 2.0 Mechanism" (Gmail) and "Authenticate an IMAP, POP or SMTP connection using OAuth" (Microsoft), read
2026-11-23. Neither is given consents back: Microsoft has no place for it, and at Google that would end every consent
which the person gave to the app, also those that serve other tenants.
"""

from typing import NamedTuple

import chorally_sdk as sdk
from chorally_mail.config import MailApp, Provider
from chorally_sdk import oauth

_MICROSOFT = "https://login.microsoftonline.com"


class Place(NamedTuple):
    """Where a provider asks for consents and gives tokens."""

    authorize_url: str
    token_url: str
    scopes: tuple[str, ...]
    revocation_url: str = ""
    more: tuple[tuple[str, str], ...] = ()
    """Parameters of the page of consent that are the provider's own."""


def place_of(app: MailApp) -> Place:
    """Return where the app's provider is.

    Raises:
        Rejected: It is another one, and the settings do not say where.
    """
    if app.provider is Provider.GOOGLE:
        return Place(
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://oauth2.googleapis.com/token",
            ("https://mail.google.com/",),
            more=(("access_type", "offline"), ("prompt", "consent")),  # else a second consent has no refresh token
        )
    if app.provider is Provider.MICROSOFT:
        return Place(
            f"{_MICROSOFT}/{app.directory}/oauth2/v2.0/authorize",
            f"{_MICROSOFT}/{app.directory}/oauth2/v2.0/token",
            (
                "https://outlook.office.com/IMAP.AccessAsUser.All",
                "https://outlook.office.com/SMTP.Send",
                "offline_access",
            ),
            more=(("prompt", "select_account"),),
        )
    if not app.authorize_url or not app.token_url:
        raise sdk.Rejected("the app does not say where its provider is; set authorize_url and token_url")
    return Place(app.authorize_url, app.token_url, app.scopes, app.revocation_url)


def app_of(connector: sdk.Connector) -> MailApp:
    """Return the app's settings.

    Raises:
        Rejected: There is no app, so that nobody can consent.
    """
    known = connector.app.settings
    if not isinstance(known, MailApp) or not known.client_id:
        raise sdk.Rejected("there is no app for consents; add one with the client id of your provider")
    return known


def client(connector: sdk.Connector) -> oauth.Client:
    """Return the app as an OAuth client of its provider."""
    app = app_of(connector)
    place = place_of(app)
    return oauth.Client(
        connector,
        app.client_id,
        app.client_secret,
        authorize_url=place.authorize_url,
        token_url=place.token_url,
        revocation_url=place.revocation_url,
        scopes=place.scopes,
    )


def page(connector: sdk.Connector, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
    """Return the provider's page of consent, for the mailbox that the person typed where one was."""
    more = dict(place_of(app_of(connector)).more)
    if "@" in hint:
        more["login_hint"] = hint
    return client(connector).consent(state, challenge, redirect_uri, keep={}, **more)


async def renewed(connector: sdk.Connector, grant: sdk.Grant | None) -> sdk.Grant:
    """Renew a grant by its refresh token.

    Raises:
        Reauthorize: There is none; a mailbox that signs in by a password wants the new one.
    """
    if grant is None:
        raise sdk.Reauthorize("the mailbox signs in by a password, which is not accepted; connect it with the new one")
    if grant.refresh is None:
        raise sdk.Reauthorize("the grant has no refresh token; connect the mailbox again")
    return await client(connector).refresh(grant)
