"""The page of the errors: what a connector raises and what follows, and the problems of the API."""

import ast
from collections.abc import Iterator
from pathlib import Path

import chorally_core
from chorally_core.api.problem import _REFUSED, _TITLES

import chorally_sdk as sdk
from chorally_sdk import errors
from tools.pages.reading import attributes, code, summary, table

HOST_DOES: dict[type[sdk.ConnectorError], tuple[str, str, str]] = {
    sdk.RetryLater: (
        "the stream waits as told, else 2 s doubling up to 15 minutes, and goes on from its cursor; `find` again",
        "nothing was made: back to `queued`, as told, else 2 s doubling up to 15 minutes",
        "503 with `Retry-After`",
    ),
    sdk.RateLimited: (
        "as `RetryLater`",
        "back to `queued`; the account's other answers wait as well, a minute where nothing is told",
        "503 with `Retry-After`",
    ),
    sdk.Reauthorize: (
        "the account becomes `reauthorization_required`, once, and its pulls end until a person connects it again",
        "nothing was made: back to `queued`, which waits until the account is connected again",
        "422; nothing is stored",
    ),
    sdk.Rejected: (
        "from a pull: as `RetryLater`, with `permission` the account becomes `degraded`; from `find`: a person decides",
        "`failed`, with the reason, for the agent; with `permission` the account becomes `degraded`",
        "422; nothing is stored",
    ),
    sdk.OutcomeUnknown: (
        "from `find`: a person decides; from a pull: as `RetryLater`",
        "`unconfirmed`: an echo, a mark, the same call under a native key, `find` or a person settles it",
        "503",
    ),
    sdk.Malformed: (
        "from `parse`: a dead letter with the payload, the next hook goes on; from a pull: as `RetryLater`",
        "`unconfirmed`",
        "503",
    ),
    sdk.Unsupported: ("raised by the host itself", "`failed`: the host's own refusal, before any network", "422"),
}
"""What follows in a read, in a visible call, and while a person connects or checks an account."""


_CONNECTOR = """\
# Errors

## Errors of a connector

A connector maps its platform's codes to these, once; each is named for what happens next. Any other exception counts
as `Malformed`.
"""
_MORE = """\
In `push`, an HTTP answer of 500 or more and no answer at all become `OutcomeUnknown`; a connection that was refused
stays `RetryLater`. Elsewhere a GET is first repeated at once, three times in all.

### Reasons of Rejected
"""
_PROBLEMS = """\
## Problems of the API

Every error of the API is a problem document (RFC 9457): `type` is `urn:chorally:problem:CODE`, `detail` says what is
wrong and what to do, `errors` names the wrong fields. Where none of these
fits, the code is the title in lower case with hyphens.
"""


def page() -> str:
    """Return the page."""
    rows = [(f"`{kind.__name__}`", summary(kind), *does) for kind, does in HOST_DOES.items()]
    head = ("Error", "Says", "In a read (`pull`, `parse`, `find`)", "In `push`", "While connecting or checking")
    reasons = [(code(str(reason)), told.doc) for reason, told in zip(sdk.Reason, attributes(sdk.Reason), strict=True)]
    problems = [(code(name), str(status), title) for status, title, name in sorted(problem_codes())]
    return "\n".join(
        (
            _CONNECTOR,
            f"{table(head, rows)}\n",
            _MORE,
            f"{table(('Reason', 'Means'), reasons)}\n",
            _PROBLEMS,
            table(("Code", "Status", "Title"), problems),
        )
    )


def connector_errors() -> list[type[sdk.ConnectorError]]:
    """Return every error of the SDK that a connector may raise."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, sdk.ConnectorError)]
    return [kind for kind in kinds if kind is not sdk.ConnectorError]


def problem_codes() -> set[tuple[int, str, str]]:
    """Return status, title and code of the problems that the code of the core names."""
    found = set()
    for path in sorted(Path(chorally_core.__path__[0]).rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        chosen = {n.targets[0].id: n.value for n in ast.walk(tree) if _is_choice(n)}  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found |= {(status, _TITLES[status], name) for status, name in _named(node, chosen)}
    return found


def _is_choice(node: ast.AST) -> bool:
    """Whether one of two constants gets a name."""
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp) and isinstance(node.targets[0], ast.Name)


def _named(call: ast.Call, chosen: dict[str, ast.IfExp]) -> Iterator[tuple[int, str]]:
    """The problems that a call makes: ``Problem(status, …, code=…)``, or ``Refused(why, code, …)``."""
    maker = call.func.id if isinstance(call.func, ast.Name) else ""
    arguments = [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]
    if maker == "Problem" and arguments and isinstance(arguments[0], int):
        for value in (keyword.value for keyword in call.keywords if keyword.arg == "code"):
            choice = chosen.get(value.id) if isinstance(value, ast.Name) else None
            for one in (choice.body, choice.orelse) if choice else (value,):
                if isinstance(one, ast.Constant):
                    yield arguments[0], str(one.value)
    if maker == "Refused" and len(arguments) > 1 and arguments[0] in _REFUSED:
        yield _REFUSED[str(arguments[0])], str(arguments[1])
