"""Reads the URL of Redis, strictly: every mistake is told, all at once, and never with what is secret.

``redis://user:password@host:6379/0?prefix=chorally&workers=4``, ``rediss://…`` with TLS, or by way of Sentinels
``redis+sentinel://user:password@host:26379,host2:26379/master-name/0?…`` (``rediss+sentinel://…``). Where the Sentinels
ask for a password of their own, it is the option ``sentinel_password``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from chorally_core.adapters.redis.errors import InvalidCoordination
from chorally_core.ports.url_options import file, like, numeric, refuse

SCHEMES = ("redis", "rediss", "redis+sentinel", "rediss+sentinel")
PORT = 6379
SENTINEL_PORT = 26379
_ESCAPE = "write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23, & as %26 and % as %25 in it"


@dataclass(frozen=True)
class RedisSettings:
    """How Redis is reached, and what becomes of calls while it is not."""

    servers: tuple[tuple[str, int], ...]
    """Host and port of Redis; of the Sentinels where there is a ``master``."""
    master: str = ""
    """The name by which the Sentinels know the servers."""
    database: int = 0
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    sentinel_user: str = ""
    sentinel_password: SecretStr = field(default_factory=lambda: SecretStr(""))
    tls: bool = False
    """Of the Sentinels too, which must then announce names that the certificates hold."""
    ca_file: Path | None = None
    """Certificates to trust, in PEM; the system's where None."""
    prefix: str = "chorally"
    """Begins every key, to keep installations on one Redis apart."""
    workers: int = 1
    """Processes that share the rates: while Redis is away, each gives this part of them."""
    start: str = "lazy"
    """``wait``: do not start before Redis answers; ``lazy``: go on without it, with a warning."""
    timeout_ms: float = 150
    """How long a call may take before it is answered without Redis."""


def parse(url: str) -> RedisSettings:
    """Return the settings that a URL holds.

    Raises:
        InvalidCoordination: At least one thing is wrong with it; all are told.
    """
    try:
        split = urlsplit(url)
    except ValueError:
        raise InvalidCoordination(["the URL cannot be read; brackets go around IPv6 addresses only"]) from None
    mistakes: list[str] = []
    if split.scheme not in SCHEMES:
        mistakes.append(f"the URL must begin with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if "@" in split.path + split.query + split.fragment or split.netloc.count("@") > 1:
        # parts of a password may lie anywhere, so nothing else is looked at
        raise InvalidCoordination([*mistakes, f"the user or password holds a character to be escaped: {_ESCAPE}"])
    if split.fragment:
        mistakes.append("there must be no # in the URL")
    if re.search(r"%(?![0-9A-Fa-f]{2})", url):
        mistakes.append("a % must be followed by two hexadecimal digits; write % itself as %25")
    by_sentinel = split.scheme.endswith("+sentinel")
    found = {
        "servers": _servers(split, by_sentinel, mistakes),
        "tls": split.scheme.startswith("rediss"),
        **_user(split, mistakes),
        **_place(split.path, by_sentinel, mistakes),
        **_options(split.query, mistakes),
    }
    _together(found, by_sentinel, mistakes)
    if mistakes:
        raise InvalidCoordination(mistakes)
    return RedisSettings(**found)


def _servers(split: SplitResult, by_sentinel: bool, mistakes: list[str]) -> tuple[tuple[str, int], ...]:
    hosts = split.netloc.rpartition("@")[2].split(",")
    if len(hosts) > 1 and not by_sentinel:
        mistakes.append("there is one server; several are Sentinels, with redis+sentinel://")
    servers = []
    for number, server in enumerate(hosts, 1):
        match = re.fullmatch(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", server)
        port = int(match[2] or (SENTINEL_PORT if by_sentinel else PORT)) if match else 0
        if match is None:
            mistakes.append(f"server {number} is not of the form host:port")
        elif not 0 < port < 65536:
            mistakes.append(f"the port of server {number} must be from 1 to 65535")
        else:
            servers.append((match[1].strip("[]"), port))
    return tuple(servers)


def _user(split: SplitResult, mistakes: list[str]) -> dict[str, Any]:
    said, at, _ = split.netloc.rpartition("@")
    if not at:
        return {}
    user, _, password = said.partition(":")
    if not password:
        mistakes.append("before the @ there must be user:password, or :password for the default user")
    if ":" in password:
        mistakes.append(f"the password holds a character to be escaped: {_ESCAPE}")
    return {"user": unquote(user), "password": SecretStr(unquote(password))}


def _place(path: str, by_sentinel: bool, mistakes: list[str]) -> dict[str, Any]:
    """Return the master's name and the number of the database."""
    form = r"/([A-Za-z0-9._-]+)(?:/([0-9]{1,4})?)?" if by_sentinel else r"()(?:/([0-9]{1,4})?)?"
    match = re.fullmatch(form, path)
    if match is None:
        mistakes.append(
            "behind the Sentinels there must be /master-name or /master-name/database"
            if by_sentinel
            else "behind the server there may only be the number of a database, such as /0"
        )
        return {}
    return {"master": match[1], "database": int(match[2] or 0)}


def _options(query: str, mistakes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, part in enumerate(query.split("&") if query else (), 1):
        name, _, text = part.partition("=")
        if name not in _OPTIONS:  # not shown: it may be the rest of a password
            mistakes.append(f"option {number} is unknown; there are {', '.join(_OPTIONS)}")
        elif name in found:
            mistakes.append(f"{name} is given twice")
        else:
            read, accepted = _OPTIONS[name]
            try:
                found[name] = read(unquote(text))
            except ValueError:
                mistakes.append(f"{name} must be {accepted}")
                found[name] = None
    return found


def _together(found: dict[str, Any], by_sentinel: bool, mistakes: list[str]) -> None:
    """Check what holds between options."""
    if "ca_file" in found and not found["tls"]:
        mistakes.append("ca_file needs rediss:// or rediss+sentinel://")
    if not by_sentinel and ("sentinel_user" in found or "sentinel_password" in found):
        mistakes.append("sentinel_user and sentinel_password need redis+sentinel://")
    elif "sentinel_user" in found and "sentinel_password" not in found:
        mistakes.append("sentinel_user needs sentinel_password")


_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "prefix": (like(r"[A-Za-z0-9._-]{1,64}"), "1 to 64 letters, digits, dots, hyphens and underscores"),
    "workers": numeric(int, 1, 10_000),
    "start": (like("wait|lazy"), "wait or lazy"),
    "timeout_ms": numeric(float, 10, 10_000),
    "ca_file": (file, "the path of a file with certificates, in PEM"),
    "sentinel_user": (like(r".+"), "a name"),
    "sentinel_password": (lambda text: SecretStr(text) if text else refuse(), "a password"),
}
