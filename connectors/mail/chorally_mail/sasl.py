"""Signing in by a token: XOAUTH2 (Google's and Microsoft's own) and OAUTHBEARER (RFC 7628), over IMAP and SMTP alike.

A server that does not accept the token says why in a challenge of JSON, and wants one more answer before it refuses.
"""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pydantic_core

from chorally_mail.saying import quoted


@dataclass(frozen=True)
class Proof:
    """What is shown to a server."""

    mechanism: str
    response: bytes
    parting: bytes = b""
    """What answers the challenge that tells why the response was not accepted."""


def by_token(offered: Collection[str], login: str, token: str, host: str, port: int) -> Proof:
    """Return the proof of a token, in the way that the server offers; XOAUTH2 where it offers both or says nothing."""
    ways = {each.upper() for each in offered}
    if "OAUTHBEARER" in ways and "XOAUTH2" not in ways:
        name = login.replace("=", "=3D").replace(",", "=2C")
        text = f"n,a={name},\1host={host.strip('[]')}\1port={port}\1auth=Bearer {token}\1\1"
        return Proof("OAUTHBEARER", text.encode(), b"\1")
    return Proof("XOAUTH2", f"user={login}\1auth=Bearer {token}\1\1".encode())


def by_password(login: str, password: str) -> Proof:
    """Return the proof of a password (PLAIN, RFC 4616)."""
    return Proof("PLAIN", f"\0{login}\0{password}".encode())


def reason(challenge: bytes | str, secret: str) -> str:
    """Return why a token was not accepted, for people; empty where the challenge does not say."""
    try:
        said: Any = pydantic_core.from_json(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError):
        return ""
    if not isinstance(said, dict):
        return ""
    told = [f"{name} {said[name]}" for name in ("status", "scope") if isinstance(said.get(name), str) and said[name]]
    return quoted(", ".join(told), secret)
