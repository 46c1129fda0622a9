"""Reads the URL of a Kafka bus, strictly: every mistake is told, all at once, and never with what is secret.

``kafka://user:password@host:9092,host2:9092/?sasl=SCRAM-SHA-256&tls=true&ca_file=/etc/ca.pem&partitions=12``
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pydantic import SecretStr

from chorally_core.adapters.kafka.errors import InvalidBus

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN")
COMPRESSIONS = ("lz4", "zstd", "snappy", "gzip", "none")
PORT = 9092
_ESCAPE = "write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23 and % as %25 in it"


@dataclass(frozen=True)
class KafkaSettings:
    """How the brokers are reached, and how topics are made."""

    servers: tuple[str, ...]
    """``host:port`` of some brokers; the others are learned from them."""
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    sasl: str = ""
    """Mechanism of authentication; empty where there is none."""
    tls: bool = False
    ca_file: Path | None = None
    """Certificates to trust, in PEM; the system's where None."""
    partitions: int = 12
    """Of a new topic: the most members of a group that have something to do."""
    replication: int = 3
    """Copies of a new topic; all but one must have what is published before it counts as published."""
    retention_hours: float = 72
    """How long a new topic keeps events, read or not."""
    compression: str = "lz4"
    prefix: str = ""
    """Begins the names of topics and groups, to keep installations on one cluster apart."""
    session_s: float = 10
    """Seconds after which the partitions of a silent member go to others."""


def parse(url: str) -> KafkaSettings:
    """Return the settings that a URL holds.

    Raises:
        InvalidBus: At least one thing is wrong with it; all are told.
    """
    try:
        split = urlsplit(url)
    except ValueError:
        raise InvalidBus(["the URL cannot be read; brackets go around IPv6 addresses only"]) from None
    mistakes: list[str] = []
    if split.scheme != "kafka":
        mistakes.append("the URL must begin with kafka://")
    misplaced = "@" in split.path + split.query + split.fragment or split.netloc.count("@") > 1
    if misplaced:  # parts of a password may lie anywhere, so nothing else is looked at
        raise InvalidBus([*mistakes, f"the user or password holds a character that must be escaped: {_ESCAPE}"])
    if split.path not in ("", "/"):
        mistakes.append("there is nothing to be named between the servers and the options")
    if split.fragment:
        mistakes.append("there must be no # in the URL")
    found = {"servers": _servers(split, mistakes), **_user(split, mistakes), **_options(split.query, mistakes)}
    _together(found, mistakes)
    if mistakes:
        raise InvalidBus(mistakes)
    return KafkaSettings(**found)


def _servers(split: SplitResult, mistakes: list[str]) -> tuple[str, ...]:
    hosts = split.netloc.rpartition("@")[2]
    servers = []
    for number, server in enumerate(hosts.split(","), 1):
        match = re.fullmatch(r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?", server)
        if match is None:
            mistakes.append(f"server {number} is not of the form host:port")
        elif match[2] is not None and not 0 < int(match[2]) < 65536:
            mistakes.append(f"the port of server {number} must be from 1 to 65535")
        else:
            servers.append(f"{match[1]}:{match[2] or PORT}")
    return tuple(servers)


def _user(split: SplitResult, mistakes: list[str]) -> dict[str, Any]:
    said, at, _ = split.netloc.rpartition("@")
    if not at:
        return {}
    user, colon, password = said.partition(":")
    if not user or not password or not colon:
        mistakes.append("a user needs a password, and a password a user: user:password@")
    if ":" in password or re.search("%(?![0-9A-Fa-f]{2})", said):
        mistakes.append(f"the password holds a character that must be escaped: {_ESCAPE}")
    return {"user": unquote(user), "password": SecretStr(unquote(password))}


def _options(query: str, mistakes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        option = _OPTIONS.get(name)
        if option is None:
            mistakes.append(f"there is no option {name[:40]!r}; there are {', '.join(_OPTIONS)}")
        elif name in found:
            mistakes.append(f"{name} is given twice")
        else:
            read, accepted = option
            try:
                found[name] = read(text)
            except ValueError:
                mistakes.append(f"{name} must be {accepted}")
                found[name] = None
    return found


def _together(found: dict[str, Any], mistakes: list[str]) -> None:
    """Check what holds between options."""
    if "user" in found:
        found.setdefault("sasl", MECHANISMS[0])
    elif found.get("sasl"):
        mistakes.append("sasl needs a user and a password: user:password@")
    if "ca_file" in found and found.get("tls", False) is False:
        mistakes.append("ca_file needs tls=true")


def _one_of(*accepted: str) -> tuple[Callable[[str], Any], str]:
    def read(text: str) -> str:
        if text not in accepted:
            raise ValueError
        return text

    return read, f"one of {', '.join(accepted)}"


def _number(of: type[int] | type[float], least: float, most: float) -> tuple[Callable[[str], Any], str]:
    def read(text: str) -> float:
        number = of(text)
        if not least <= number <= most:
            raise ValueError
        return number

    kind = "a whole number" if of is int else "a number"
    return read, f"{kind} from {least:g} to {most:g}"


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text] if text in ("true", "false") else _refuse()


def _file(text: str) -> Path:
    path = Path(text)
    return path if text and path.is_file() else _refuse()


def _prefix(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9._-]{0,100}", text) else _refuse()


def _refuse() -> Any:
    raise ValueError


_OPTIONS: dict[str, tuple[Callable[[str], Any], str]] = {
    "sasl": _one_of(*MECHANISMS),
    "tls": (_truth, "true or false"),
    "ca_file": (_file, "the path of a file with certificates, in PEM"),
    "partitions": _number(int, 1, 1000),
    "replication": _number(int, 1, 9),
    "retention_hours": _number(float, 0.01, 87_600),
    "compression": _one_of(*COMPRESSIONS),
    "prefix": (_prefix, "at most 100 letters, digits, dots, hyphens and underscores"),
    "session_s": _number(float, 1, 300),
}
