"""What the pages tell a reader to do is done, against the real system, in the order of the page."""

import asyncio
import json
import re
import shutil
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from chorally_mail.testing import FakeImap, FakeSmtp

from tests.architecture.checkout import ROOT
from tests.docs.following import ConnectPage, follow
from tests.docs.pages import FENCE, blocks, markdown
from tests.docs.place import API, Place
from tests.docs.shell import commands, contains, picked

_MAIL = b"From: Ada <ada@example.org>\r\nTo: help@shop.example\r\nSubject: Price?\r\n\r\nWhat does it cost?\r\n"
PART = re.compile(r"<!-- part of (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)^```$", re.M | re.S)
RUN = {
    "docs/how-to/organise-tickets.md", "docs/how-to/contacts.md", "docs/how-to/publish-posts.md",
    "docs/how-to/start-a-conversation.md", "docs/how-to/merge-tickets.md", "docs/how-to/approve-replies.md",
    "README.md", "docs/tutorials/answer-your-first-comment.md", "docs/tutorials/your-first-connector.md",
    "docs/how-to/connect-a-facebook-page.md", "docs/how-to/connect-a-mailbox.md", "docs/how-to/operate.md",
    "docs/how-to/send-files.md", "docs/how-to/search.md", "docs/how-to/answer-outside-hours.md",
    "docs/how-to/generate-a-client.md",
}  # fmt: skip
"""The pages whose snippets tests run; ``test_first_connector`` runs those of its tutorial."""


def test_every_page_with_a_snippet_is_run() -> None:
    """A page that is added with ``sh`` blocks must be followed by a test."""
    docs = [path for path in markdown() if path.is_relative_to(ROOT / "docs") or path == ROOT / "README.md"]
    with_snippets = {
        path.relative_to(ROOT).as_posix() for path in docs if any(block.language == "sh" for block in blocks(path))
    }
    assert with_snippets == RUN


def test_parts_of_files_are_as_they_are_in_the_files() -> None:
    """A snippet that names its file is in it, word for word; Python in the docs always names one."""
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text("utf-8")
        parts = list(PART.finditer(text))
        for part in parts:
            whole, text_of_part = _without_blank_lines((ROOT / part["path"]).read_text("utf-8")), part["text"]
            variants = [_without_blank_lines(indent(text_of_part, by)) for by in ("", "    ")]
            assert any(variant in whole for variant in variants), f"{page.name}: not in {part['path']}"
        assert len(parts) >= sum(language == "python" for language, _ in FENCE.findall(text)), page


def _without_blank_lines(text: str) -> str:
    """A formatter of Markdown may put others than there are in the file."""
    return "\n".join(line for line in text.splitlines() if line.strip())


@pytest.fixture
async def mailbox() -> Any:
    """Two mail servers on this machine, and what puts them in place of the page's."""
    async with FakeImap() as imap, FakeSmtp() as smtp:
        imap.secret = "APP-PASSWORD"
        ports = {
            "imap_host": "127.0.0.1", "imap_port": imap.port, "imap_tls": "none",
            "smtp_host": "127.0.0.1", "smtp_port": smtp.port, "smtp_tls": "none",
        }  # fmt: skip

        def placed(body: Any) -> Any:
            return {**body, "settings": {**body["settings"], **ports}} if body.get("connector") == "mail" else body

        yield placed


async def test_the_readme_leads_to_connected_accounts(place: Place, mailbox: Any) -> None:
    """From an empty folder to the first administrator, a Facebook page and a mailbox."""
    place.page.configure(access_token="PAGE-ACCESS-TOKEN", app_secret="APP-SECRET")
    shell = place.shell(signed_in=False, placed=mailbox)
    await follow("README.md", shell)

    accounts = json.loads(await shell.run('curl -s "$API/io/v1/accounts" -H "Authorization: Bearer $TOKEN"'))
    states = {account["connector"]: account["state"] for account in accounts["items"]}
    assert states == {"facebook": "connected", "mail": "connected"}


async def test_a_first_comment_is_answered(place: Place, connect_page: ConnectPage) -> None:
    """The tutorial, from the comment to the resolved ticket."""
    await connect_page()
    place.page.comment("p1", "Siete aperti domenica?", author_name="Bruno")
    await follow("docs/tutorials/answer-your-first-comment.md", place.shell())

    assert [list(texts.values()) for texts in place.page.state()["replies"].values()] == [[1]]


async def test_what_people_wrote_is_found(place: Place, connect_page: ConnectPage) -> None:
    """The how-to on searching, after a comment came."""
    await connect_page()
    place.page.comment("p1", "Gli ordini arrivano sempre in ritardo", author_name="Bruno")
    await follow("docs/how-to/search.md", place.shell())


async def test_a_facebook_page_is_connected(place: Place) -> None:
    """The how-to, with the handshake that Meta makes."""
    place.page.configure(access_token="PAGE-ACCESS-TOKEN", app_secret="APP-SECRET")
    await follow("docs/how-to/connect-a-facebook-page.md", place.shell())


async def test_a_mailbox_is_connected(place: Place, mailbox: Any) -> None:
    """The how-to, with two servers on this machine."""
    await follow("docs/how-to/connect-a-mailbox.md", place.shell(placed=mailbox))


async def test_a_file_goes_out_with_an_answer(place: Place, tmp_path: Path) -> None:
    """The how-to, after a mail has come."""
    async with FakeImap() as imap, FakeSmtp() as smtp:
        imap.secret = "APP-PASSWORD"
        mail = {
            "connector": "mail", "name": "Help desk", "credentials": {"password": "APP-PASSWORD"}, "backfill_days": 7,
            "settings": {
                "address": "help@shop.example", "imap_host": "127.0.0.1", "imap_port": imap.port, "imap_tls": "none",
                "smtp_host": "127.0.0.1", "smtp_port": smtp.port, "smtp_tls": "none",
            },
        }  # fmt: skip
        shell = place.shell()
        signed = {"Authorization": f"Bearer {shell.variables['TOKEN']}"}
        assert (await place.http.post(f"{API}/io/v1/accounts", json=mail, headers=signed)).status_code == 201
        await asyncio.wait_for(imap.idling.wait(), 20)
        imap.deliver(_MAIL, place.clock() + timedelta(seconds=1))
        await shell.run_until(
            'curl -s "$API/message/v1/tickets" -H "Authorization: Bearer $TOKEN"', {"items": [{"status": "open"}]}
        )
        (tmp_path / "quote.pdf").write_bytes(b"%PDF-1.7")
        await follow("docs/how-to/send-files.md", shell)

        (sent,) = smtp.sent
        (attached,) = message_from_bytes(sent, policy=policy.default).iter_attachments()
        assert attached.get_payload(decode=True) == b"%PDF-1.7"


async def test_messages_are_answered_outside_hours(place: Place, connect_page: ConnectPage, tmp_path: Path) -> None:
    """The how-to, with the calendar and the reply that it shows; a comment on a Sunday is answered once."""
    place.clock.ahead = timedelta(days=7 - place.clock().isoweekday())
    await connect_page()
    for name in ("office.json", "closed.json"):
        shutil.copy(ROOT / "docs/examples/rules" / name, tmp_path)
    await follow("docs/how-to/answer-outside-hours.md", place.shell())
    place.page.comment("p1", "Siete aperti domenica?", author_name="Bruno")
    place.page.comment("p1", "Ci siete?", author_name="Bruno")
    shell = place.shell()
    listed = 'curl -s "$API/message/v1/tickets" -H "Authorization: Bearer $TOKEN"'
    await shell.run_until(listed, {"items": [{"status": "open", "message_count": 3}]})
    (ticket,) = json.loads(await shell.run(listed))["items"]
    shell.variables["TICKET"] = ticket["id"]
    said = 'curl -s "$API/message/v1/tickets/$TICKET/messages" -H "Authorization: Bearer $TOKEN"'
    came = {"direction": "inbound", "automatic": False}
    await shell.run_until(said, {"items": [came, came, {"direction": "outbound", "automatic": True, "status": "sent"}]})

    (texts,) = place.page.state()["replies"].values()
    ((text, count),) = texts.items()
    assert (text.startswith("Hello Bruno, we are back "), count) == (True, 1)


class TestShell:
    """The shell of the snippets fails where a reader's would."""

    def test_commands_go_on_over_quotes_and_backslashes(self) -> None:
        """Three commands, of which two have several lines."""
        text = "A=1\n# a remark\ncurl -d '{\n}' \\\n  x\nB=$(curl \\\n  y | jq .a)\n"
        assert list(commands(text)) == ["A=1", "curl -d '{\n}' \\\n  x", "B=$(curl \\\n  y | jq .a)"]

    def test_a_path_of_jq_is_followed(self) -> None:
        """Through objects and lists; raw or as JSON."""
        document = {"items": [{"id": "x", "n": 1}]}
        assert picked(document, ".items[0].id", raw=True) == "x"
        assert picked(document, ".items[0].id", raw=False) == '"x"'

    @pytest.mark.parametrize(
        ("expected", "is_in"),
        [
            ({"a": 1}, True),
            ({"a": 2}, False),
            ({"c": 1}, False),
            ({"b": [{}]}, True),
            ({"b": []}, False),
            ({"a": "…"}, True),
        ],
    )
    def test_an_answer_must_have_what_the_page_says(self, expected: Any, is_in: bool) -> None:
        """More is fine, less is not."""
        assert contains({"a": 1, "b": [{"c": None}]}, expected) is is_in

    async def test_an_unknown_command_is_an_error(self, place: Place) -> None:
        """Nothing on a page is passed over."""
        with pytest.raises(AssertionError, match="rm"):
            await place.shell().run("rm -rf data")
