"""The page of the commands."""

from typing import Any

import typer
from chorally_core.cli import app

from tools.pages.reading import code, line, table

_HEAD = """\
# Commands

`chorally COMMAND`. The checkout's own `python3 dev.py demo | test | setup` is in the README.
"""


def commands() -> dict[str, Any]:
    """Return the subcommands of ``chorally`` by name."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    for name, command in commands().items():
        words = "".join(f" {_placeholder(p)}" for p in command.params if p.param_type_name == "argument")
        parts.append(f"## chorally {name}\n\n`chorally {name}{words}`: {line(command.help)}\n")
        rows = [(_names(p), line(getattr(p, "help", "") or ""), _default(p)) for p in command.params]
        if rows:
            parts.append(table(("Option", "Means", "Default"), rows) + "\n")
    return "\n".join(parts)


def _placeholder(parameter: Any) -> str:
    return f"{parameter.name.upper()}{'...' if parameter.nargs != 1 else ''}"


def _names(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(_placeholder(parameter))
    return ", ".join(code(name) for name in parameter.opts)


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.default, bool) or parameter.default is None:
        return ""
    return code(str(parameter.default))
