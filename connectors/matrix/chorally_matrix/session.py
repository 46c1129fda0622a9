"""Tokens: asked for by password, renewed by their refresh token, asked for anew where the session is over.

Sources: Matrix 1.16, "Legacy API", ``POST /login`` and ``POST /refresh`` (read 2026-11-23).
"""

from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_matrix.config import AppSettings
from chorally_matrix.ids import CLIENT
from chorally_matrix.shapes import Session, read

OWNER = "user"
"""What a grant keeps: who signed in by password, as the app named them."""

_LONGEST_MS = 100 * 365 * 86_400_000


async def renewed(http: sdk.Http, base: str, app: Any, grant: sdk.Grant | None, now: datetime) -> sdk.Grant:
    """Return the grant anew.

    Args:
        http: Asks bare: both calls prove themselves by their body.
        base: Where the homeserver is.
        app: Has the password, where there is one.
        grant: What to renew; None where nothing was issued yet.
        now: When the call is made; the answer tells how long the token lasts from then.

    Raises:
        Reauthorize: The session is over, and there is no password to begin another.
        Rejected: The password is not accepted.
    """
    password = app.password.get_secret_value() if isinstance(app, AppSettings) else ""
    if grant is not None and grant.refresh is not None:
        try:
            body = {"refresh_token": grant.refresh.get_secret_value()}
            answer = await http.post(f"{base}{CLIENT}/refresh", json=body, auth=None)
        except sdk.Reauthorize:
            if not password or not _is_of(app, grant):
                raise
        else:
            return _grant(read(Session, answer.content, "the renewed session"), base, grant, now)
    if not isinstance(app, AppSettings) or not password or not app.user or not _is_of(app, grant):
        raise sdk.Reauthorize("the token cannot be renewed; paste another, or give the app a user and its password")
    asked = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": app.user},
        "password": password,
        "device_id": app.device_id,
        "initial_device_display_name": "Chorally",
        "refresh_token": True,
    }
    answer = await http.post(f"{base}{CLIENT}/login", json=asked, auth=None)
    made = _grant(read(Session, answer.content, "the new session"), base, grant, now)
    return made.model_copy(update={"keep": {**made.keep, OWNER: SecretStr(app.user)}})


def _is_of(app: Any, grant: sdk.Grant | None) -> bool:
    """Whether the app's password gave the session; a pasted token may be of any other user."""
    if grant is None:
        return True
    owner = grant.keep.get(OWNER)
    return isinstance(app, AppSettings) and owner is not None and owner.get_secret_value() == app.user


def _grant(session: Session, base: str, before: sdk.Grant | None, now: datetime) -> sdk.Grant:
    """What a session gives; a refresh token that is not given anew goes on."""
    lasts = session.expires_in_ms
    ends = now + timedelta(milliseconds=min(lasts, _LONGEST_MS)) if lasts is not None and lasts >= 0 else None
    kept = before.refresh if before else None
    return sdk.Grant(
        access=SecretStr(session.access_token),
        refresh=SecretStr(session.refresh_token) if session.refresh_token else kept,
        expires_at=ends,
        scopes=before.scopes if before else frozenset(),
        base_url=before.base_url if before else base,
        keep=before.keep if before else {},
    )
