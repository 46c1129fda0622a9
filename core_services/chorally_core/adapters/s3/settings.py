"""Reads the URL of a place on S3, strictly: every mistake is told, all at once, and never with what is secret.

``s3://KEY:SECRET@host:port/PREFIX?region=…&iam=…`` for a server; ``s3://KEY:SECRET@aws/PREFIX?region=…`` for AWS.
"""

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import SecretStr

AWS = "aws"
"""In place of a host: Amazon's own, found by the region."""

_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]{1,36}")
_REGION = re.compile(r"[a-z0-9-]{2,40}")
_URL = re.compile(r"https?://[A-Za-z0-9_.\[\]:-]+/?")
_OPTIONS = ("region", "iam", "tls", "public", "addressing")
_ESCAPE = "write / as %2F, + as %2B, @ as %40, : as %3A and % as %25 in it"


class InvalidObjects(ValueError):
    """A URL that does not name a place on S3; the message lists every mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))


@dataclass(frozen=True, kw_only=True)
class S3Settings:
    """Where objects are, and with whose credentials buckets are made."""

    endpoint: str | None
    """None is Amazon's own of the region."""
    region: str
    prefix: str
    """Begins the name of every bucket and user: to keep installations apart."""
    key: str = ""
    """Access key; where empty, boto3 looks where it always does: variables, files, the machine's role."""
    secret: SecretStr = field(default_factory=lambda: SecretStr(""))
    iam: str | None = None
    """Endpoint that makes users; None is Amazon's own."""
    has_users: bool = True
    """Whether each tenant's bucket has credentials of its own."""
    public: str | None = None
    """Endpoint by which links lead to objects, where others reach it under another name."""
    addressing: Literal["path", "virtual"] = "path"

    @property
    def place(self) -> str:
        """What tells one installation's buckets from another's."""
        return f"{self.endpoint or AWS} {self.prefix}"


def parse(url: str) -> S3Settings:
    """Return the settings that a URL holds.

    Raises:
        InvalidObjects: At least one thing is wrong with it; all are told.
    """
    mistakes: list[str] = []
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        what = f"the URL cannot be read; if the secret holds a character to be escaped, {_ESCAPE}"
        raise InvalidObjects([what]) from None
    if split.scheme != "s3":
        mistakes.append("the URL must begin with s3://")
    if "@" in split.path + split.query + split.fragment or split.netloc.count("@") > 1:
        raise InvalidObjects([*mistakes, f"the key or secret holds a character to be escaped: {_ESCAPE}"])
    if split.fragment:
        mistakes.append("there must be no # in the URL")
    options = _options(split.query, mistakes)
    prefix = split.path.strip("/")
    if not _PREFIX.fullmatch(prefix):
        mistakes.append(
            "behind the host there must be a prefix for the names of buckets: 2 to 37 small letters, digits and hyphens"
        )
    key, secret = unquote(split.username or ""), unquote(split.password or "")
    if bool(key) != bool(secret):
        mistakes.append("before the @ there must be KEY:SECRET, or neither, to take boto3's own")
    host = split.hostname or ""
    if not host:
        mistakes.append("a host is missing: host:port of a server, or aws")
    endpoint = None
    if host != AWS:
        scheme = "http" if options.get("tls") == "no" else "https"
        named = f"[{host}]" if ":" in host else host
        endpoint = f"{scheme}://{named}{f':{port}' if port else ''}"
        if not options.get("iam"):
            mistakes.append(
                "iam is missing: the URL of the server's IAM API, or none, where tenants' buckets have no credentials "
                "of their own"
            )
    elif not options.get("region"):
        mistakes.append("region is missing, such as eu-south-1")
    _forms(options, mistakes)
    if mistakes:
        raise InvalidObjects(mistakes)
    iam = options.get("iam", "")
    return S3Settings(
        endpoint=endpoint,
        region=options.get("region", "us-east-1"),
        prefix=prefix,
        key=key,
        secret=SecretStr(secret),
        iam=iam if iam not in ("", "none") else None,
        has_users=iam != "none",
        public=options.get("public"),
        addressing="virtual" if options.get("addressing", "path" if endpoint else "virtual") == "virtual" else "path",
    )


def _options(query: str, mistakes: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    for number, (name, value) in enumerate(parse_qsl(query, keep_blank_values=True), 1):
        if name not in _OPTIONS:  # not shown: it may be the rest of a secret
            mistakes.append(f"option {number} is unknown; there are {', '.join(_OPTIONS)}")
        elif name in options:
            mistakes.append(f"{name} is given twice")
        else:
            options[name] = value
    return options


def _forms(options: dict[str, str], mistakes: list[str]) -> None:
    if "region" in options and not _REGION.fullmatch(options["region"]):
        mistakes.append("region must be small letters, digits and hyphens, such as eu-south-1")
    if options.get("iam", "none") != "none" and not _URL.fullmatch(options["iam"]):
        mistakes.append("iam must be a URL such as https://host:port, or none")
    if "public" in options and not _URL.fullmatch(options["public"]):
        mistakes.append("public must be a URL such as https://host:port")
    if options.get("tls", "yes") not in ("yes", "no"):
        mistakes.append("tls must be yes or no")
    if options.get("addressing", "path") not in ("path", "virtual"):
        mistakes.append("addressing must be path or virtual")
