"""The shortest connectors are short, and the kit finds nothing wrong with them."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import chorally_sdk as sdk
from chorally_sdk.sandbox import Call, Connection, Made, Shelf, Twin, answers
from chorally_sdk.testing import ConnectorContract
from chorally_sdk.testing.package import Package
from docs.examples.shortest.chain import Chain
from docs.examples.shortest.pager import Pager
from tests.architecture.checkout import ROOT

FOLDER = ROOT / "docs" / "examples" / "shortest"


def lines_of(path: Path) -> int:
    """How many lines of code a file has: neither blank ones nor documentation."""
    text = path.read_text("utf-8")
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = [node.body[0] for node in ast.walk(ast.parse(text)) if isinstance(node, kinds) and ast.get_docstring(node)]
    left_out = {number for each in told for number in range(each.lineno, (each.end_lineno or 0) + 1)}
    return sum(bool(line.strip()) and number not in left_out for number, line in enumerate(text.splitlines(), 1))


def test_a_connector_that_only_sends_takes_ten_lines() -> None:
    """Its imports and its manifest among them; the hook that names it to the host comes to three more."""
    assert lines_of(FOLDER / "pager.py") <= 10


def test_a_connector_that_pulls_and_replies_takes_forty() -> None:
    """Translation included."""
    assert lines_of(FOLDER / "chain.py") <= 40


class Stand(Twin):
    """Notes that people leave, and ours."""

    kinds: ClassVar[frozenset[str]] = frozenset(
        kind for kind in Twin.kinds if kind.partition("/")[0] not in {"not_json", "truncated_page", "repeated_cursor"}
    )
    """Answers that no platform should give are left to connectors of more lines."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = Shelf(self.clock, "n")
        self.grant = self.a_grant(lasting=True)
        self.under: dict[str, str] = {}

    @answers("GET", "/me")
    async def me(self, call: Call) -> Any:
        """Whom the token speaks for."""
        return {"external_id": "one", "name": "One"}

    @answers("GET", "/notes")
    async def listing(self, call: Call) -> Any:
        """People's notes, oldest first."""
        after, since = call.query.get("after", ""), call.query.get("since", "")
        notes = [note for note in self.notes.where(own=None) if note.created_at.isoformat() >= since]
        notes = [note for note in notes if int(note.id[1:]) > int(after[1:] or 0)]
        shown = [
            {
                "id": note.id,
                "text": note.body,
                "at": note.created_at.isoformat(),
                "thread": note.more["thread"] or note.id,
                "answers": note.parent,
                "by": {"id": note.author or "nobody", "name": note.author or ""},
            }
            for note in notes[:50]
        ]
        return {"notes": shown}

    @answers("POST", "/notes")
    async def note(self, call: Call) -> Any:
        """A note of ours."""
        return {"id": self.notes.add(call.fields["text"], own=True).id}

    @answers("POST", "/replies")
    async def reply(self, call: Call) -> Any:
        """An answer of ours."""
        key = call.request.headers["idempotency-key"]
        if key not in self.under:
            target = self.notes[call.fields["note"]]
            self.under[key] = self.notes.add(call.fields["text"], parent=target.id, own=True).id
        return {"id": self.under[key]}

    def connection(self) -> Connection:
        """How it is connected."""
        return Connection("one", "One", self.grant)


class Talkative(Stand):
    """People say something there."""

    async def say(self, body: str, *, author: str | None = "ada", parent: str | None = None, **_: Any) -> str:
        """Leave a note."""
        thread = (self.notes[parent].more["thread"] or parent) if parent else None
        return self.notes.add(body, author=author, parent=parent, thread=thread).id

    def made(self) -> Sequence[Made]:
        """Our notes."""
        return [Made(note.id, note.body, note.parent) for note in self.notes.where(own=True)]


class OfOneFile(ConnectorContract):
    """It is no package, so what is said of packages is left out."""

    @classmethod
    def package(cls, connector: type[sdk.Connector]) -> Package | None:
        """Return one as the template makes them."""
        name = connector.manifest.platform
        return Package(
            name=f"chorally-{name}",
            version="0.1.0",
            requires=("chorally-sdk>=0.1,<0.2",),
            licence="Apache-2.0",
            readme=f"# {name}\n" * 20,
            entry=name,
            loads=connector,
            module="json",
            folder=Path(sdk.__file__).parent,
        )


class TestPager(OfOneFile):
    connector = Pager
    platform = Stand


class TestChain(OfOneFile):
    connector = Chain
    platform = Talkative
