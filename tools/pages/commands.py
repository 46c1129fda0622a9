"""The pages of the commands."""

from typing import Any

import typer
from chorally_core.cli import app

from chorally_sdk.cli.app import app as connector_app
from tools.pages.reading import code, line, table

_HEAD = """\
# Commands

`chorally COMMAND`. The checkout's own `python3 dev.py demo | test | setup` is in the README.
"""


_CONNECTOR_HEAD = """\
# Commands for authors of connectors

`chorally-connector COMMAND`, with `pip install 'chorally-sdk[dev]'` and without a host. A connector is named by its
platform where it is installed, or by the folder of its checkout. Secrets are better given by variables than by options,
which other users of the machine can see. Exit status: 0 done, 1 the connector or the platform says no, 2 something is
missing or wrong on the command line, 3 nobody knows whether a message was sent.
"""


def commands() -> dict[str, Any]:
    """Return the subcommands of ``chorally`` by name."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def connector_commands() -> dict[str, Any]:
    """Return the subcommands of ``chorally-connector`` by name."""
    group: Any = typer.main.get_command(connector_app)
    return dict(group.commands)


def page() -> str:
    """Return the page of ``chorally``."""
    return _page(_HEAD, "chorally", commands())


def connector_page() -> str:
    """Return the page of ``chorally-connector``."""
    return _page(_CONNECTOR_HEAD, "chorally-connector", connector_commands())


def _page(head: str, program: str, found: dict[str, Any]) -> str:
    parts = [head]
    for name, command in found.items():
        words = "".join(f" {_placeholder(p)}" for p in command.params if p.param_type_name == "argument")
        parts.append(f"## {program} {name}\n\n`{program} {name}{words}`: {line(command.help)}\n")
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
