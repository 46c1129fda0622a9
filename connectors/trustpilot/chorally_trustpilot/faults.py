"""What Trustpilot's errors cause: by the gateway's error code where there is one, else by the HTTP status.

Sources: the gateway's 401 as recorded by trustpilot/python-trustpilot; the 400 as told in trustpilot/node-trustpilot#57
(read 2026-11-23). Trustpilot documents no list of codes: those of the gateway (Apigee) are assumed, and only choose
between asking a person and telling the operator.
"""

from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

_WRONG_APP = (
    "invalidapikey",
    "failedtoresolveapikey",
    "invalidclientidentifier",
    "invalid_client",
    "apikeynotapproved",
)
_QUOTA = ("quotaviolation", "spikearrestviolation")
_REFUSED = ("invalid_refresh_token", "refresh_token_expired", "refresh_token_not_found", "invalid refresh token")
_SHOWN = 200


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer of the API; of its body, no more is quoted than what Trustpilot says of the error."""
    status = answer.status_code
    if status < 400:
        return sdk.by_status(answer)
    code, words = _told(answer)
    why = f"Trustpilot answered {status}: {words or code or 'no reason'}"[: _SHOWN + 40]
    if status == 429 or any(each in code for each in _QUOTA):
        return sdk.RateLimited(why, wait=sdk.asked_wait(answer), scope="app")
    if status == 401 and any(each in code for each in _WRONG_APP):
        return sdk.Rejected(f"{why}; check the API key and secret of the app", reason=sdk.Reason.PERMISSION)
    if status == 401:
        return sdk.Reauthorize(f"{why}; connect the account again")
    if status == 403:
        return sdk.Rejected(
            f"{why}; the person needs access to this business unit, and its plan the Connect module",
            reason=sdk.Reason.PERMISSION,
        )
    if status >= 500 or status in (408, 425):
        return sdk.RetryLater(why, wait=sdk.asked_wait(answer))
    if status == 400 and words == "invalid_grant":
        return sdk.Reauthorize(f"{why}; connect the account again")
    return sdk.Rejected(why, reason=sdk.Reason.GONE if status in (404, 410) else sdk.Reason.INVALID)


def of_token(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer of the token endpoint that is no error of OAuth's own form."""
    code, words = _told(answer)
    if answer.status_code in (400, 401) and any(each in f"{code} {words.lower()}" for each in _REFUSED):
        return sdk.Reauthorize("Trustpilot refuses the refresh token; connect the account again")
    return fault(answer)


def _told(answer: httpx.Response) -> tuple[str, str]:
    """The error's code in lower case, and its words; empty where the body is in no known form."""
    try:
        said: Any = pydantic_core.from_json(answer.content)
    except ValueError:
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    gateway = said.get("fault")
    if isinstance(gateway, dict):
        detail = gateway.get("detail")
        code = detail.get("errorcode") if isinstance(detail, dict) else ""
        return str(code or "").lower(), _line(gateway.get("faultstring"))
    words = next((said[name] for name in ("message", "Error", "error") if isinstance(said.get(name), str)), "")
    return str(said.get("errorCode", said.get("ErrorCode", ""))).lower(), _line(words)


def _line(words: object) -> str:
    return " ".join(words.split())[:_SHOWN] if isinstance(words, str) else ""
