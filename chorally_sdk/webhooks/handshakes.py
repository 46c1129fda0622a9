"""Answers to platforms that test the URL before they use it, or from time to time.

Each returns None where the hook is no such test, so that ``verify`` goes on to the signature.
"""

import json
import re
from collections.abc import Mapping, Sequence

import pydantic_core
from pydantic import SecretStr

from chorally_sdk.model.base import Json
from chorally_sdk.model.hooks import RawHook, Verdict
from chorally_sdk.webhooks.signatures import Encoding, same, signature
from chorally_sdk.webhooks.verdicts import handshake, reject

_CHALLENGE = re.compile(r"[\x20-\x7e]{1,1024}")
"""What is sent back, as text/plain: printable, on one line, and no longer than any platform's."""
_SIGNED = re.compile(r"[0-9A-Za-z_.~:+/=-]{1,1024}")
"""What is signed for whoever asks: a word. Were it JSON, the answer would be the signature of a forged hook."""


def echoed(
    hook: RawHook,
    name: str,
    *,
    token: str = "",
    secrets: Sequence[SecretStr] = (),
    also: Mapping[str, str] | None = None,
) -> Verdict | None:
    """Answer a challenge in the query with itself, where the token beside it is ours.

    Meta: ``echoed(hook, "hub.challenge", token="hub.verify_token", secrets=…, also={"hub.mode": "subscribe"})``;
    Microsoft Graph: ``echoed(hook, "validationToken")``, which proves nothing and needs no proof.

    Args:
        hook: What came.
        name: The parameter that holds the challenge.
        token: The parameter that holds our token; empty where the platform sends none.
        secrets: The live tokens.
        also: Parameters that must have these values.
    """
    challenge = hook.query.get(name)
    if challenge is None:
        return None
    known = not token or same(hook.query.get(token, ""), secrets)
    if not known or any(hook.query.get(key) != value for key, value in (also or {}).items()):
        return reject(403)
    return handshake(challenge) if _CHALLENGE.fullmatch(challenge) else reject(400)


def proven(
    hook: RawHook,
    name: str,
    secrets: Sequence[SecretStr],
    answer: str,
    *,
    encoding: Encoding = "hex",
    prefix: str = "",
) -> Verdict | None:
    """Answer a challenge in the query with its HMAC in JSON, under the first live secret.

    X: ``proven(hook, "crc_token", secrets, "response_token", encoding="base64", prefix="sha256=")``;
    LinkedIn: ``proven(hook, "challengeCode", secrets, "challengeResponse")``. The challenge is in the answer too,
    under its own name. Anybody may ask for it, so nothing but a word is signed, never what could be a hook's body.

    Args:
        hook: What came.
        name: The parameter that holds the challenge.
        secrets: The live ones; a challenge can be answered with one only.
        answer: Under what name the HMAC is sent.
        encoding: How it is written.
        prefix: What stands before it.
    """
    challenge = hook.query.get(name)
    if challenge is None:
        return None
    live = [secret for secret in secrets if secret.get_secret_value()]
    if not live:
        return reject(403)
    if not _SIGNED.fullmatch(challenge):
        return reject(400)
    proof = signature(challenge.encode(), live[0], encoding, prefix=prefix)
    return handshake(json.dumps({name: challenge, answer: proof}), "application/json")


def challenge_of(hook: RawHook, name: str, also: Mapping[str, str | int] | None = None) -> str | None:
    """Return a challenge in the JSON of the body; None where there is none. Judge the signature first.

    Slack: ``challenge_of(hook, "challenge", {"type": "url_verification"})``, to be given to ``handshake``.
    """
    said = json_of(hook)
    challenge = said.get(name)
    fits = isinstance(challenge, str) and _CHALLENGE.fullmatch(challenge)
    return challenge if fits and all(said.get(key) == value for key, value in (also or {}).items()) else None


def json_of(hook: RawHook) -> Json:
    """Return the JSON object that the body is, an empty one where it is anything else."""
    try:
        said = pydantic_core.from_json(hook.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
