"""An OAuth 2.0 server in memory: PKCE, rotating refresh tokens used once, exchange chains, client credentials."""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit


class Refused(Exception):
    """A request of a token that is answered by an error (RFC 6749, 5.2)."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


@dataclass(eq=False)
class Token:
    """What was issued: who it speaks for, what for, and until when."""

    access: str
    refresh: str | None
    scopes: frozenset[str]
    expires_at: datetime | None
    subject: str = ""
    is_revoked: bool = False
    is_used: bool = False
    """Whether its refresh token was spent."""


@dataclass
class Asked:
    """A consent that was given, and whose code was not taken yet."""

    redirect_uri: str
    challenge: str
    scopes: frozenset[str]


@dataclass
class OAuth:
    """Issues tokens and knows which live."""

    now: Callable[[], datetime]
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - opens nothing but this sandbox
    scopes: frozenset[str] = frozenset()
    """What can be asked for."""
    withheld: set[str] = field(default_factory=set)
    """What the person does not grant, though asked."""
    lifetime: timedelta | None = timedelta(hours=1)
    rotates: bool = True
    """Whether a renewal gives another refresh token and spends the old one; else it gives none at all."""
    needs_pkce: bool = True
    tokens: list[Token] = field(default_factory=list)
    _codes: dict[str, Asked] = field(default_factory=dict)
    _made: int = 0

    def issue(self, scopes: Iterable[str] | None = None, *, subject: str = "", lasting: bool = False) -> Token:
        """Issue a token pair without any ceremony.

        Args:
            scopes: What it is for; all that is not withheld where None.
            subject: Whom it speaks for.
            lasting: Without an end, and without a refresh token.
        """
        self._made += 1
        granted = frozenset(self.scopes if scopes is None else scopes) - self.withheld
        ends = None if lasting or self.lifetime is None else self.now() + self.lifetime
        refresh = None if lasting else f"refresh-{self._made:04}-{'r' * 16}"
        token = Token(f"access-{self._made:04}-{'a' * 16}", refresh, granted, ends, subject)
        self.tokens.append(token)
        return token

    def live(self, access: str) -> Token | None:
        """Return the token that lives under this word, None where it ended, was revoked or never was."""
        for token in self.tokens:
            if token.access == access and not token.is_revoked:
                return token if token.expires_at is None or self.now() < token.expires_at else None
        return None

    def revoke(self) -> None:
        """Take back everything that was issued."""
        for token in self.tokens:
            token.is_revoked = True

    def consent(self, url: str, *, denied: bool = False) -> dict[str, str]:
        """Let a person open the page of consent and answer it; return the query of the call-back.

        Raises:
            Refused: The page was asked for in a wrong way.
        """
        asked = dict(parse_qsl(urlsplit(url).query))
        if asked.get("client_id") != self.client_id or asked.get("response_type", "code") != "code":
            raise Refused("invalid_request")
        if self.needs_pkce and (not asked.get("code_challenge") or asked.get("code_challenge_method") != "S256"):
            raise Refused("invalid_request")
        state = {"state": asked["state"]} if "state" in asked else {}
        if denied:
            return {"error": "access_denied", **state}
        self._made += 1
        code = f"code-{self._made:04}-{'c' * 16}"
        words = frozenset(asked.get("scope", "").replace(",", " ").split())
        self._codes[code] = Asked(asked.get("redirect_uri", ""), asked.get("code_challenge", ""), words)
        return {"code": code, **state}

    def answer(self, form: Mapping[str, str], authorization: str = "") -> dict[str, Any]:
        """Answer a request at the token endpoint.

        Args:
            form: Its body.
            authorization: The header, where the client names itself there.

        Raises:
            Refused: No token is given.
        """
        self._known_client(form, authorization)
        match form.get("grant_type"):
            case "authorization_code":
                return self._shown(self._taken(form))
            case "refresh_token":
                return self._renewed(form.get("refresh_token", ""))
            case "client_credentials":
                words = form.get("scope")
                return self._shown(self.issue(words.split() if words else None), hides_refresh=True)
            case "urn:ietf:params:oauth:grant-type:token-exchange" | "fb_exchange_token":
                short = form.get("subject_token") or form.get("fb_exchange_token") or ""
                known = self.live(short)
                if known is None:
                    raise Refused("invalid_grant")
                return self._shown(self.issue(known.scopes, subject=known.subject, lasting=True))
        raise Refused("unsupported_grant_type")

    def _known_client(self, form: Mapping[str, str], authorization: str) -> None:
        who, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, said = authorization.partition(" ")
        if scheme.lower() == "basic":
            who, _, secret = base64.b64decode(said).decode().partition(":")
        if (who, secret) != (self.client_id, self.client_secret):
            raise Refused("invalid_client", 401)

    def _taken(self, form: Mapping[str, str]) -> Token:
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None or asked.redirect_uri != form.get("redirect_uri", ""):
            raise Refused("invalid_grant")
        if asked.challenge:
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked.challenge:
                raise Refused("invalid_grant")
        return self.issue(asked.scopes)

    def _renewed(self, refresh: str) -> dict[str, Any]:
        for token in self.tokens:
            if refresh and token.refresh == refresh and not token.is_revoked and not token.is_used:
                new = self.issue(token.scopes, subject=token.subject)
                if self.rotates:
                    token.is_used = True
                    return self._shown(new)
                new.refresh = token.refresh
                return self._shown(new, hides_refresh=True)
        raise Refused("invalid_grant")

    def _shown(self, token: Token, *, hides_refresh: bool = False) -> dict[str, Any]:
        told: dict[str, Any] = {"access_token": token.access, "token_type": "Bearer"}
        if token.refresh and not hides_refresh:
            told["refresh_token"] = token.refresh
        if token.expires_at:
            told["expires_in"] = int((token.expires_at - self.now()).total_seconds())
        return {**told, "scope": " ".join(sorted(token.scopes))}


def query_of(url: str) -> dict[str, list[str]]:
    """Return what a URL asks, each name with all its values."""
    return parse_qs(urlsplit(url).query, keep_blank_values=True)
