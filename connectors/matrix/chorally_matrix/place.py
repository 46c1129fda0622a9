"""Where the homeserver is: as the settings say, or as its name leads to it (``.well-known/matrix/client``)."""

from collections.abc import Mapping
from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk
from chorally_matrix.config import AccountSettings, AppSettings


def named(app: Any, account: sdk.Account | None) -> str:
    """Return the homeserver of the settings: the account's, else the app's; empty where neither names one."""
    settings = account.settings if account is not None else None
    own = settings.homeserver if isinstance(settings, AccountSettings) else ""
    return own or (app.homeserver if isinstance(app, AppSettings) else "")


async def found(http: sdk.Http, homeserver: str, data: Mapping[str, Any]) -> str:
    """Return the base URL of a homeserver, without a slash at its end; empty stands for the installation's own.

    Args:
        http: Asks the server whose name is given, without the grant.
        homeserver: As the settings have it.
        data: ``Account.data``, where the address lies that was looked up when the account was connected.

    Raises:
        Rejected: The server's record leads nowhere.
    """
    if not homeserver or "://" in homeserver:
        return homeserver.rstrip("/")
    if data.get("server") == homeserver and isinstance(data.get("base_url"), str):
        return str(data["base_url"])
    try:
        answer = await http.get(f"https://{homeserver}/.well-known/matrix/client", auth=None, follow_redirects=True)
    except sdk.Rejected as error:
        if error.reason is sdk.Reason.GONE:  # no record: the server is where its name says
            return f"https://{homeserver}"
        raise
    return _base_url(answer, homeserver)


def _base_url(answer: httpx.Response, homeserver: str) -> str:
    try:
        told = pydantic_core.from_json(answer.content)
        base = told["m.homeserver"]["base_url"]
    except (ValueError, LookupError, TypeError):
        base = None
    if not isinstance(base, str) or not base.startswith("https://"):
        raise sdk.Rejected(
            f"the record of {homeserver} (.well-known/matrix/client) gives no address of a homeserver; "
            "enter its address itself",
            reason=sdk.Reason.INVALID,
        )
    return base.rstrip("/")
