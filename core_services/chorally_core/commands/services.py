"""``chorally services``."""

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chorally_core.bootstrap.added import added

_WIDTH = 120
"""Characters of a line where no terminal says how many it has."""

KINDS = {
    "I/O": {"io": "hosts connectors: webhooks, pulls, deliveries"},
    "ticket-related": {
        "author": "people, as each platform shows them",
        "message": "messages and tickets, one unresolved ticket per author",
        "log": "what happened, append-only; tells the rules",
    },
    "feature-specific": {
        "identity": "users, teams, roles, sign-in",
        "rule-engine": "rules: conditions on what happens, and what is done then",
        "rule": "automatic replies by the calendar",
        "publishing": "posts of our own: now, or at a time",
        "outbound": "conversations that we begin, one by one and by lists",
        "media": "files that go out with answers and posts",
        "metadata": "tags, fields, canned replies, views and macros",
        "search": "what was said, found by words",
    },
}


def print_services() -> None:
    """Print the services of this version, and those of installed packages, also one that cannot be used."""
    table = Table("kind", "service", "path", Column("does", overflow="fold"))
    for kind, services in KINDS.items():
        for name, does in services.items():
            table.add_row(kind, name, f"/{name}/v1", does)
    found = added()
    for name, one in found.services.items():
        table.add_row(escape(one.package), name, f"/{name}/v1", escape(one.service.does))
    for broken in found.broken:
        table.add_row(escape(broken.package), escape(broken.name), "", f"[red]{escape(broken.reason)}[/red]")
    console = Console()
    console = console if console.is_terminal else Console(width=_WIDTH)
    console.print(table)
