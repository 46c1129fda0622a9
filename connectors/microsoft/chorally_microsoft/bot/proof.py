"""Proves that an activity is from the Bot Framework ("Authenticate requests from the Bot Connector service").

Its token names the bot, the service that calls, and is signed by a key that vouches for the channel. Tokens of the
emulator have other issuers and are not accepted.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import chorally_sdk as sdk
from chorally_microsoft.config import AppSettings
from chorally_microsoft.names import KEYS

ISSUER = "https://api.botframework.com"
_SENT_AS_MESSAGE = b'{"statusCode":200,"type":"application/vnd.microsoft.activity.message","value":"OK"}'
_JSON = "application/json"


def judge(hook: sdk.RawHook, keys: sdk.Keys, app: object) -> sdk.Verdict:
    """Return the verdict on an activity."""
    if not isinstance(app, AppSettings):
        return sdk.reject()
    told = sdk.claims(hook, keys, ISSUER, app.client_id, key_set=KEYS)
    if isinstance(told, sdk.Verdict):
        return told
    activity = sdk.json_of(hook)
    service, channel = activity.get("serviceUrl"), activity.get("channelId")
    named = _place(told)
    if not isinstance(service, str) or not named or named != service.rstrip("/"):
        return sdk.reject(403)
    vouched = sdk.Keys(jwks={KEYS: _vouching(keys.jwks.get(KEYS, {}), channel)})
    if isinstance(sdk.claims(hook, vouched, ISSUER, app.client_id, key_set=KEYS), sdk.Verdict):
        return sdk.reject(403)
    if activity.get("type") == "invoke":  # people see an error where the answer is not in this shape
        body = _SENT_AS_MESSAGE if activity.get("name") == "adaptiveCard/action" else b"{}"
        return sdk.accept(200, body, _JSON)
    return sdk.accept()


def _place(told: Mapping[str, Any]) -> str:
    """The service that the token is about; the claim's name is written in two ways."""
    named = told.get("serviceurl", told.get("serviceUrl"))
    return named.rstrip("/") if isinstance(named, str) else ""


def _vouching(key_set: Mapping[str, Any], channel: object) -> dict[str, Any]:
    """The keys that vouch for a channel; one that names no channels vouches for all."""
    listed = key_set.get("keys")
    found = listed if isinstance(listed, Sequence) and not isinstance(listed, str) else ()
    return {"keys": [each for each in found if isinstance(each, Mapping) and _vouches(each, channel)]}


def _vouches(key: Mapping[str, Any], channel: object) -> bool:
    named = key.get("endorsements")
    return not named or (isinstance(named, Sequence) and channel in named)
