"""Takes secrets out of what is logged: by the name that a value bears, and by the shape that it has.

A text is looked through wherever it stands: in a message, a traceback, a nested value, the ``repr`` of an object.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "[hidden]"

_DEEPEST = 8

_NAMES = (
    r"access[_-]?token|refresh[_-]?token|id[_-]?token|token|client[_-]?secret|app[_-]?secret|secret|passwd|password|"
    r"passphrase|authorization|credentials?|api[_-]?key|private[_-]?key|secret[_-]?keys?|cookie|signature|sig|"
    r"appsecret[_-]?proof|code[_-]?verifier|assertion|jwt|bearer|webhook[_-]?key"
)
_SECRET_NAMES = re.compile(
    r"token|secret|passw|passphrase|authorization|credential|api_?-?key|private_?-?key|cookie|signature"
    r"|appsecret_proof|code_verifier|assertion",
    re.IGNORECASE,
)
_TELLS_NOTHING = re.compile(r"token_(?:count|type|rate|minutes)|tokens_(?:left|used)", re.IGNORECASE)

_TEXTS: tuple[tuple[re.Pattern[str], str], ...] = (
    # a key in PEM
    (
        re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.S),
        HIDDEN,
    ),
    # Authorization, whatever its scheme, to the end of the line or of the quotes around it
    (re.compile(r"(?i)(authorization\\?[\"']?\s{0,8}[:=,]\s{0,8}b?)(\\?[\"']?)[^\"'\r\n\\]+"), rf"\1\2{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer)(\s{1,8})[a-z0-9._~+/=-]{8,}"), rf"\1\2{HIDDEN}"),
    (
        re.compile(
            r"(?i)\b(token|basic|digest|apikey)(\s{1,8})"
            r"(?=[^\s,;]{0,500}(?:[0-9=+]|[._-][a-z]))[a-z0-9._~+/=-]{8,}"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # scheme://user:password@host, and user@host where the user alone is the secret
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/?#\"'@]*@"), rf"\1{HIDDEN}@"),
    # "name": "value", name='value', ('name', 'value'): of names that tell of secrets
    (
        re.compile(
            rf"(?i)((?:{_NAMES})\\?[\"']?\s{{0,8}}(?:=|:|,(?=\s{{0,8}}b?[\"']))\s{{0,8}}(?:SecretStr\()?)"
            r"(b?\\?[\"'])(?:(?!\2)[^\r\n])+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # name=value
    (re.compile(rf"(?i)((?:{_NAMES})\s{{0,8}}=\s{{0,8}})(?![\"'\[]|b[\"'])[^\s&;,\"')}}\]]+"), rf"\1{HIDDEN}"),
    # ?anything=long, with digits in it
    (re.compile(r"([?&][A-Za-z0-9_.~%-]{1,64}=)(?=[^&?\s\"'#]*\d)[A-Za-z0-9._~%+/=|:-]{24,}"), rf"\1{HIDDEN}"),
    # JSON web tokens, Fernet's, and those that platforms mark as theirs
    (re.compile(r"\beyJ[A-Za-z0-9_-]{10,500}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,3}"), HIDDEN),
    (re.compile(r"\bgAAAA[A-Za-z0-9_-]{40,}={0,2}"), HIDDEN),
    (re.compile(r"\bEAA[A-Za-z0-9]{24,}|\b(?:xox[a-z]|gh[opsu]|sk|pk|rk|ya29|glpat)[_.-][A-Za-z0-9_.-]{16,}"), HIDDEN),
    (re.compile(r"(?<![\w:])(?:bot)?\d{6,12}:[A-Za-z0-9_-]{30,}"), HIDDEN),
)


def redacted(_: Any, __: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a log entry without what names or looks like a secret; a processor of structlog."""
    return {key: _clean("" if key == "event" else key, value, 0) for key, value in entry.items()}


def without_secrets(text: str) -> str:
    """Return a text without what looks like a secret."""
    for pattern, instead in _TEXTS:
        text = pattern.sub(instead, text)
    return text


def _clean(key: str, value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_NAMES.search(key) and not _TELLS_NOTHING.fullmatch(key):
        return HIDDEN
    if isinstance(value, str):
        return without_secrets(value)
    if depth == _DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {without_secrets(str(name)): _clean(str(name), inner, depth + 1) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner, depth + 1) for inner in value]
    return without_secrets(_shown(value))


def _shown(value: Any) -> str:
    """What a renderer would write of an object, which may be anything."""
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} without a repr: {type(error).__name__}>"
