"""The pages of the SDK: the contract's abilities and types, and the hooks."""

import ast
import inspect
import textwrap
from typing import Any

import chorally_sdk as sdk
from chorally_sdk import hookspecs
from tools.pages.reading import all_attributes, attributes, code, line, rest, summary, table

GROUPS: dict[str, tuple[str, ...]] = {
    "What a connector declares": ("Manifest", "Channel", "Limits", "Budget", "Hooks", "Stream"),
    "Whom it acts for": ("App", "Account", "AccountInfo", "Grant", "Consent", "Callback"),
    "What comes in": (
        "Message",
        "Mark",
        "Ping",
        "Notice",
        "Author",
        "Attachment",
        "Page",
        "RawHook",
        "Keys",
        "Verdict",
        "Subscription",
    ),
    "What goes out": (
        "Outgoing",
        "OutboundMessage",
        "Publication",
        "Prepared",
        "Receipt",
        "Action",
        "Template",
    ),
    "What answers tell": ("Usage", "Item"),
}
HELPERS = (
    *("by_status", "quota_headers", "percents", "retry_after", "asked_wait", "visible_call", "lane", "descend"),
    "length",
    *("accept", "handshake", "reject", "stale_keys", "signed", "stamped", "is_recent", "signed_by", "claims", "same"),
    *("signature", "fields", "echoed", "proven", "challenge_of", "json_of"),
    *("abilities_of", "cursor_of_today", "settings_of_today"),
)


HOST = (sdk.Meter, sdk.Budgets, sdk.LocalBudgets, sdk.Breaker)
AUTHS = (sdk.Bearer, sdk.DPoP)


_HEAD = """\
# The contract

`import chorally_sdk as sdk` gives all of it. Types are frozen and take no unknown fields; what may be empty has a
default. What each error causes: [errors](errors.md).
"""
_GIVEN = """\
`self.app`, `self.http` and `self.now()` are always there; `self.account` in every call but `authorize`, `exchange`,
`renew`, `accounts`, `verify`, `parse` and the pull of a stream whose scope is the app;
`await self.token()` where the account has a grant.
"""
_HOOKS = """\
# Hooks

Plugins are found by the entry-point group `{group}`: the entry point's name is the platform, its value the module that
holds the hooks, each marked with `sdk.hookimpl` ([pluggy](https://pluggy.readthedocs.io)). The package must require
`chorally-sdk`, with a range that includes the installed version.
"""


def page() -> str:
    """Return the page of the contract."""
    parts = [_HEAD, f"## Connector\n\n{_about(sdk.Connector)}\n\n{_methods(sdk.Connector)}\n", _GIVEN, "## Abilities\n"]
    parts.insert(3, f"## Http\n\n{_about(sdk.Http)}\n\n{_methods(sdk.Http)}\n")
    parts += [f"### {a.__name__}\n\n{_about(a)}\n\n{_methods(a)}\n" for a in sdk.ABILITIES]
    for group, names in GROUPS.items():
        parts.append(f"## {group}\n")
        for of in (getattr(sdk, name) for name in names):
            parts.append(f"### {of.__name__}\n\n{_about(of)}\n\n{_fields(of)}\n")
    parts.append(
        f"## How requests carry a grant\n\n{table(('Way', ''), [(f'`{of.__name__}`', _about(of)) for of in AUTHS])}\n"
    )
    parts.append("## What a host gives to a client\n")
    parts += [f"### {of.__name__}\n\n{_about(of)}\n\n{_methods(of)}\n" for of in HOST]
    helpers = [(_signature(name, getattr(sdk, name)), summary(getattr(sdk, name))) for name in HELPERS]
    parts.append(f"## Helpers\n\n{table(('Helper', 'Gives'), helpers)}\n")
    return "\n".join(parts)


def _about(of: Any) -> str:
    return f"{summary(of)} {rest(of)}".strip()


def hooks() -> str:
    """Return the page of the hooks."""
    parts = [_HOOKS.format(group=hookspecs.ENTRY_POINTS)]
    for name, function in hook_functions().items():
        options = getattr(function, f"{hookspecs.PROJECT}_spec")
        first = " The first answer that is not None counts." if options["firstresult"] else ""
        parts.append(f"## {name}\n\n`{name}{_arguments(function)}`\n\n{summary(function)}{first}\n")
    return "\n".join(parts)


def hook_functions() -> dict[str, Any]:
    """Return the hooks by name."""
    return {name: found for name, found in vars(hookspecs).items() if hasattr(found, f"{hookspecs.PROJECT}_spec")}


def _methods(of: type) -> str:
    rows = []
    for name, found in vars(of).items():
        function = found.__func__ if isinstance(found, classmethod) else found
        if inspect.isfunction(function) and not name.startswith("_"):
            must = "required" if getattr(function, "__isabstractmethod__", False) else ""
            rows.append((_signature(name, function), must, _about(function)))
    return table(("Method", "", "Does"), rows)


def _signature(name: str, function: Any) -> str:
    kind = "async " if inspect.iscoroutinefunction(function) else ""
    return code(f"{kind}{name}{_arguments(function)}")


def _arguments(function: Any) -> str:
    """Arguments and result as they are written."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)  # noqa: S101  # for the type checker
    first = node.args.args[:1]
    if first and first[0].arg in ("self", "cls"):
        del node.args.args[0]
    returns = ast.unparse(node.returns).strip("'\"") if node.returns else "None"
    return line(f"({ast.unparse(node.args)}) -> {returns}")


def _fields(of: type) -> str:
    until = sdk.Model if issubclass(of, sdk.Model) else tuple
    found = all_attributes(of, until) if issubclass(of, sdk.Model) else attributes(of)
    rows = []
    for attribute in found:
        default = "required" if attribute.default is None else code(attribute.default)
        rows.append((code(attribute.name), code(attribute.annotation), default, attribute.doc))
    return table(("Field", "Type", "Default", "Means"), rows)
