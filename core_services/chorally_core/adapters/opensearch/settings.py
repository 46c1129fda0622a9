"""Reads the URL of OpenSearch, strictly: every mistake is told, all at once, and never with what is secret.

``opensearch://user:password@host:9200,host2:9200/?prefix=chorally&replicas=1``, or ``opensearchs://…`` with TLS.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from chorally_core.ports.url_options import file, like, numeric

SCHEMES = ("opensearch", "opensearchs")
PORT = 9200
_ESCAPE = "write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23, & as %26 and % as %25 in it"


@dataclass(frozen=True)
class OpenSearchSettings:
    """How OpenSearch is reached, and how its indexes are made."""

    servers: tuple[tuple[str, int], ...]
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    tls: bool = False
    ca: Path | None = None
    """Certificates to trust, in PEM; the system's where None."""
    prefix: str = "chorally"
    """Begins the name of each index, to keep installations on one cluster apart."""
    shards: int = 1
    """Of an index that is made; later ones may have another number."""
    replicas: int = 1
    refresh: str = "interval"
    """``interval``: what is indexed is found within a second; ``now``: at once, which costs much."""
    timeout_s: float = 10.0


class InvalidSearch(ValueError):
    """The URL cannot be used; the message lists every mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))


def parse(url: str) -> OpenSearchSettings:
    """Return the settings that a URL holds.

    Raises:
        InvalidSearch: At least one thing is wrong with it; all are told.
    """
    try:
        split = urlsplit(url)
    except ValueError:
        raise InvalidSearch(["the URL cannot be read; brackets go around IPv6 addresses only"]) from None
    mistakes: list[str] = []
    if split.scheme not in SCHEMES:
        mistakes.append(f"the URL must begin with one of {', '.join(f'{scheme}://' for scheme in SCHEMES)}")
    if "@" in split.path + split.query + split.fragment or split.netloc.count("@") > 1:
        # parts of a password may lie anywhere, so nothing else is looked at
        raise InvalidSearch([*mistakes, f"the user or password holds a character to be escaped: {_ESCAPE}"])
    if split.fragment:
        mistakes.append("there must be no # in the URL")
    if split.path not in ("", "/"):
        mistakes.append("behind the servers there may only be / and options")
    if re.search(r"%(?![0-9A-Fa-f]{2})", url):
        mistakes.append("a % must be followed by two hexadecimal digits; write % itself as %25")
    found = {
        "servers": _servers(split, mistakes),
        "tls": split.scheme == "opensearchs",
        **_user(split, mistakes),
        **_options(split.query, mistakes),
    }
    if "ca" in found and not found["tls"]:
        mistakes.append("ca needs opensearchs://")
    if mistakes:
        raise InvalidSearch(mistakes)
    return OpenSearchSettings(**found)


def _servers(split: SplitResult, mistakes: list[str]) -> tuple[tuple[str, int], ...]:
    servers = []
    for number, server in enumerate(split.netloc.rpartition("@")[2].split(","), 1):
        match = re.fullmatch(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", server)
        port = int(match[2] or PORT) if match else 0
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
    if not user or not password:
        mistakes.append("before the @ there must be user:password")
    if ":" in password:
        mistakes.append(f"the password holds a character to be escaped: {_ESCAPE}")
    return {"user": unquote(user), "password": SecretStr(unquote(password))}


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


_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "prefix": (like(r"[a-z0-9][a-z0-9_]{0,40}"), "1 to 41 small letters, digits and underscores"),
    "shards": numeric(int, 1, 1000),
    "replicas": numeric(int, 0, 20),
    "refresh": (like("interval|now"), "interval or now"),
    "timeout_s": numeric(float, 0.1, 300),
    "ca": (file, "the path of a file with certificates, in PEM"),
}
