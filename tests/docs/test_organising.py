"""What the pages about tags, fields, replies, views, macros and contacts tell a reader to do is done."""

from typing import Any

from tests.docs.following import ConnectPage, follow
from tests.docs.place import Place


async def _tickets(place: Place, connect_page: ConnectPage, *names: str) -> Any:
    """A shell, once as many people have commented."""
    await connect_page()
    for number, name in enumerate(names):
        place.page.comment(f"p{number}", "Siete aperti domenica?", author_name=name)
    shell = place.shell()
    await shell.run_until(
        'curl -s "$API/message/v1/tickets" -H "Authorization: Bearer $TOKEN"',
        {"items": [{"status": "open"} for _ in names]},
    )
    for name in names:
        await shell.run_until(
            f'curl -s "$API/author/v1/authors?q={name}" -H "Authorization: Bearer $TOKEN"', {"items": [{"name": name}]}
        )
    return shell


async def test_tickets_are_organised(place: Place, connect_page: ConnectPage) -> None:
    """The how-to, after a comment has come; the macro's answer goes out once."""
    await follow("docs/how-to/organise-tickets.md", await _tickets(place, connect_page, "Bruno"))


async def test_a_person_is_put_together_and_taken_apart(place: Place, connect_page: ConnectPage) -> None:
    """The how-to, after two people have commented."""
    await follow("docs/how-to/contacts.md", await _tickets(place, connect_page, "Bruno", "Carla"))
