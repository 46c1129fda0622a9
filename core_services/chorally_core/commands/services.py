"""``chorally services``."""

from rich.console import Console
from rich.table import Table

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
    },
}


def print_services() -> None:
    """Print the services of this version."""
    table = Table("kind", "service", "path", "does")
    for kind, services in KINDS.items():
        for name, does in services.items():
            table.add_row(kind, name, f"/{name}/v1", does)
    Console().print(table)
