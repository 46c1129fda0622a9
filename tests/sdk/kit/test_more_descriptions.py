"""Descriptions of several files, of methods, types and records: what fits them, and what does not."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Described, read, read_all

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
PARTED = "multipart/form-data; boundary=x"

NOTES = """
openapi: 3.1.0
servers: [{url: "https://{host}/{base}", variables: {host: {default: p.example}, base: {default: _notes/v1}}}]
paths:
  /notes:
    get:
      parameters: [{$ref: "parts/limit.yaml"}]
      responses:
        "200": {content: {application/json: {schema: {type: array, items: {$ref: "parts/note.yaml"}}}}}
    put:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/kinds"}}}}
      responses: {"200": {description: "", content: {application/json: {schema: {type: object}}}}}
components:
  schemas:
    kinds:
      allOf:
        - {type: object, required: [id], properties: {id: {type: string}}}
        - {type: object, additionalProperties: false, required: [text], properties: {text: {type: string}}}
"""
LIMIT = "{name: limit, in: query, schema: {type: integer, maximum: 5}}"
NOTE = """
type: object
required: [id, signer]
properties: {id: {type: string}, signer: {$ref: "../../people/person.yaml#/person"}, note: {$ref: "note.yaml"}}
example: {$ref: "nowhere.yaml"}
"""
PERSON = "person: {type: object, required: [name], properties: {name: {type: string}}}"

METHODS = {
    "methods": {
        "sendNote": {
            "name": "sendNote",
            "returns": ["Note"],
            "fields": [
                {"name": "chat_id", "types": ["Integer", "String"], "required": True},
                {"name": "words", "types": ["Array of Word"], "required": False},
                {"name": "photo", "types": ["InputFile", "String"], "required": False},
                {"name": "loud", "types": ["Boolean"], "required": False},
                {"name": "album", "types": ["Array of Plain", "Array of Bold"], "required": False},
            ],
        }
    },
    "types": {
        "Note": {"name": "Note", "fields": [{"name": "note_id", "types": ["Integer"], "required": True}]},
        "Word": {"name": "Word", "subtypes": ["Plain", "Bold"]},
        "Plain": {
            "name": "Plain",
            "fields": [
                {"name": "type", "types": ["String"], "required": True, "description": "Kind, always “plain”"},
                {"name": "text", "types": ["String"], "required": True},
            ],
        },
        "Bold": {
            "name": "Bold",
            "fields": [
                {"name": "type", "types": ["String"], "required": True, "description": "Kind, always “bold”"},
                {"name": "weight", "types": ["Integer"], "required": True},
            ],
        },
        "InputFile": {"name": "InputFile"},
        "Update": {
            "name": "Update",
            "fields": [
                {"name": "update_id", "types": ["Integer"], "required": True},
                {"name": "note", "types": ["Note"], "required": False},
            ],
        },
    },
}
POST = {
    "lexicon": 1,
    "id": "org.notes.post",
    "defs": {
        "main": {
            "type": "record",
            "record": {
                "type": "object",
                "required": ["text", "at"],
                "properties": {
                    "text": {"type": "string", "maxLength": 6, "maxGraphemes": 3},
                    "at": {"type": "string", "format": "datetime"},
                    "by": {"type": "string", "format": "did"},
                    "shows": {"type": "union", "refs": ["#picture", "org.notes.elsewhere"]},
                },
            },
        },
        "picture": {"type": "object", "required": ["alt"], "properties": {"alt": {"type": "string"}}},
    },
}
PUT = {
    "lexicon": 1,
    "id": "org.notes.put",
    "defs": {
        "main": {
            "type": "procedure",
            "input": {
                "encoding": JSON,
                "schema": {
                    "type": "object",
                    "required": ["record"],
                    "properties": {"record": {"type": "unknown"}, "repo": {"type": "string", "format": "handle"}},
                },
            },
        }
    },
}
CSDL = """<?xml version="1.0"?>
<edmx:Edmx xmlns="http://docs.oasis-open.org/odata/ns/edm" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
<edmx:DataServices><Schema Namespace="p">
<EnumType Name="mood"><Member Name="glad"/><Member Name="sad"/></EnumType>
<EntityType Name="entity" Abstract="true"><Property Name="id" Type="Edm.String" Nullable="false"/></EntityType>
<EntityType Name="user" BaseType="p.entity"><Property Name="name" Type="Edm.String"/>
<NavigationProperty Name="notes" Type="Collection(p.note)"/></EntityType>
<EntityType Name="note" BaseType="p.entity"><Property Name="mood" Type="p.mood"/>
<Property Name="at" Type="Edm.DateTimeOffset"/><Property Name="of" Type="p.place"/>
<NavigationProperty Name="answers" Type="Collection(p.note)"/></EntityType>
<EntityType Name="photo" BaseType="p.note"><Property Name="pixels" Type="Edm.Int32" Nullable="false"/></EntityType>
<ComplexType Name="place"><Property Name="town" Type="Edm.String"/></ComplexType>
<ComplexType Name="changeNotificationCollection"><Property Name="value" Type="Collection(p.place)"/></ComplexType>
<Action Name="answer" IsBound="true"><Parameter Name="it" Type="p.note"/><Parameter Name="Comment" Type="Edm.String"/>
<ReturnType Type="p.note"/></Action>
<Function Name="delta" IsBound="true"><Parameter Name="it" Type="Collection(p.note)"/>
<ReturnType Type="Collection(p.note)"/></Function>
</Schema></edmx:DataServices></edmx:Edmx>"""
NODES = {
    "Wall": {
        "apis": [
            {"method": "GET", "endpoint": "notes", "return": "Note", "params": [{"name": "stars", "type": "int"}]},
            {"method": "POST", "endpoint": "notes", "return": "Note", "params": [{"name": "loud", "type": "bool"}]},
        ],
        "fields": [{"name": "title"}],
    },
    "Note": {"apis": [], "fields": [{"name": "id"}, {"name": "text"}, {"name": "from"}]},
}


def asked(path: str, body: bytes | str | None = None, media: str = JSON, method: str = "") -> Exchange:
    """A call; a POST where it has a body."""
    raw = body.encode() if isinstance(body, str) else body or b""
    headers = (("content-type", media),) if raw else ()
    return Exchange(method or ("POST" if raw else "GET"), f"https://p.example{path}", headers, raw, 200)


def answered(path: str, answer: Any, status: int = 200, method: str = "GET") -> Exchange:
    """A call and its answer."""
    return Exchange(method, f"https://p.example{path}", status=status, answer=json.dumps(answer).encode())


def written(folder: Path, **files: Any) -> Path:
    """Return a folder with files in it."""
    for name, document in files.items():
        (folder / f"{name}.json").write_text(json.dumps(document), "utf-8")
    return folder


@pytest.fixture
def openapi(tmp_path: Path) -> Described:
    """A folder whose files refer to each other, and to one beside the folder."""
    files = {"api/notes.yaml": NOTES, "api/parts/limit.yaml": LIMIT, "api/parts/note.yaml": NOTE}
    for name, text in {**files, "people/person.yaml": PERSON}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return read(tmp_path / "api")


def test_files_that_refer_to_each_other_are_one_description(openapi: Described) -> None:
    """Parameters, schemas and what lies beside the folder; examples lead nowhere."""
    path = "/_notes/v1/notes"
    good = {"id": "1", "signer": {"name": "Ada"}}
    assert not [*openapi.parameters(asked(f"{path}?limit=5"))]
    assert [*openapi.parameters(asked(f"{path}?limit=6"))]
    assert not [*openapi.answer(answered(path, [good, {**good, "note": good}]))]
    assert [*openapi.answer(answered(path, [{**good, "signer": {}}]))]
    assert [*openapi.answer(answered(path, [{**good, "note": {"id": 1}}]))]


def test_parts_that_forbid_each_others_names_fit_together(openapi: Described) -> None:
    """Many descriptions close one part of a whole; names that none has are still told."""
    path = "/_notes/v1/notes"
    assert not [*openapi.request(asked(path, '{"id": "1", "text": "x"}', method="PUT"))]
    assert [*openapi.request(asked(path, '{"id": "1", "text": "x", "words": 1}', method="PUT"))]


@pytest.fixture
def methods(tmp_path: Path) -> Described:
    """Methods and types."""
    return read(written(tmp_path, api=METHODS) / "api.json")


@pytest.mark.parametrize(
    ("body", "media", "is_right"),
    [
        ('{"chat_id": 1}', JSON, True),
        ('{"chat_id": "@wall", "words": [{"type": "bold", "weight": 1}]}', JSON, True),
        ('{"chat_id": 1, "words": [{"type": "bold", "text": "x"}]}', JSON, False),
        ('{"chat_id": 1.5}', JSON, False),
        ('{"words": []}', JSON, False),
        ('{"chat_id": 1, "lowd": true}', JSON, False),
        ("chat_id=1&loud=true&words=%5B%7B%22type%22%3A%22plain%22%2C%22text%22%3A%22x%22%7D%5D", FORM, True),
        ("chat_id=1&loud=very", FORM, False),
        ("chat_id=1&words=%5B%7B%22type%22%3A%22plain%22%7D%5D", FORM, False),
        ('--x\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n1\r\n--x\r\n'
         'Content-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\n\x00\r\n--x--\r\n', PARTED, True),
        ('--x\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n1\r\n--x\r\n'
         'Content-Disposition: form-data; name="file0"; filename="a.png"\r\n\r\n\x00\r\n--x--\r\n', PARTED, True),
        ('{"chat_id": 1, "album": [{"type": "plain", "text": "x"}, {"type": "bold", "weight": 1}]}', JSON, True),
        ('{"chat_id": 1, "album": [{"type": "plain", "weight": 1}]}', JSON, False),
        ('--x\r\nContent-Disposition: form-data; name="chat"\r\n\r\n1\r\n--x--\r\n', PARTED, False),
        ("chat_id=1", "text/plain", False),
    ],
)  # fmt: skip
def test_methods_are_judged_by_their_fields(methods: Described, body: str, media: str, *, is_right: bool) -> None:
    """As JSON, as a form in which lists are JSON, and in parts with files."""
    assert (not [*methods.request(asked("/bot1:a/sendNote", body, media))]) == is_right


def test_methods_answer_in_an_envelope(methods: Described) -> None:
    """With a result, or with what went wrong; a call may be a GET, and files are read beside the methods."""
    path = "/bot1:a/sendNote"
    assert not [*methods.parameters(asked(f"{path}?chat_id=1"))]
    assert [*methods.parameters(asked(path))]
    assert not [*methods.answer(answered(path, {"ok": True, "result": {"note_id": 1}}))]
    assert [*methods.answer(answered(path, {"ok": True, "result": {"note_id": "1"}}))]
    assert [*methods.answer(answered(path, {"ok": True, "result": {"note_id": 1, "made_up": 1}}))]
    assert not [*methods.answer(answered(path, {"ok": False, "error_code": 429, "description": "x"}, 429))]
    assert [*methods.answer(answered(path, {"ok": False}, 429))]
    assert methods.operation(asked("/file/bot1:a/photos/1.png"))
    assert methods.operation(asked("/bot1:a/sendNotes")) is None
    assert not [*methods.hook(b'{"update_id": 1, "note": {"note_id": 1}}')]
    assert [*methods.hook(b'{"update_id": 1, "note": {}}')]


@pytest.mark.parametrize(
    ("record", "is_right"),
    [
        ({"text": "hey", "at": "2026-11-23T09:00:00.5Z"}, True),
        ({"text": "hey", "at": "2026-11-23 09:00"}, False),
        ({"text": "heyo", "at": "2026-11-23T09:00:00Z"}, False),
        ({"text": "\N{OGHAM SPACE MARK}\N{OGHAM SPACE MARK}x", "at": "2026-11-23T09:00:00Z"}, False),
        ({"text": "hey"}, False),
        ({"text": "hey", "at": "2026-11-23T09:00:00Z", "by": "ada"}, False),
        ({"text": "hey", "at": "2026-11-23T09:00:00Z", "shows": {"$type": "org.notes.post#picture", "alt": "x"}}, True),
        ({"text": "hey", "at": "2026-11-23T09:00:00Z", "shows": {"$type": "org.notes.post#picture"}}, False),
        ({"text": "hey", "at": "2026-11-23T09:00:00Z", "shows": {"$type": "org.notes.elsewhere"}}, True),
    ],
)
def test_records_are_judged_by_the_lexicon_that_they_name(
    tmp_path: Path, record: Mapping[str, Any], *, is_right: bool
) -> None:
    """Also where the call takes any record; lengths in bytes and graphemes, formats, and what unions hold."""
    it = read(written(tmp_path, post=POST, put=PUT))
    body = {"record": {"$type": "org.notes.post", **record}}
    assert (not [*it.request(asked("/xrpc/org.notes.put", json.dumps(body)))]) == is_right


def test_a_procedure_takes_no_field_that_it_does_not_name(tmp_path: Path) -> None:
    """A misspelt one is passed over by the platform."""
    it = read(written(tmp_path, post=POST, put=PUT))
    known = {"record": {"$type": "org.notes.unknown", "any": 1}, "repo": "ada.example"}
    assert not [*it.request(asked("/xrpc/org.notes.put", json.dumps(known)))]
    assert [*it.request(asked("/xrpc/org.notes.put", json.dumps({**known, "reppo": "x"})))]
    assert [*it.answer(answered("/xrpc/org.notes.put", {"message": "x"}, 400, "POST"))]


@pytest.fixture
def csdl(tmp_path: Path) -> Described:
    """Types that lead to each other."""
    (tmp_path / "p.xml").write_text(CSDL, "utf-8")
    return read(tmp_path / "p.xml")


def test_csdl_is_followed_from_the_roots(csdl: Described) -> None:
    """By what leads on, to actions and functions; what leads nowhere is told."""
    for path in ("/v1.0/me", "/v1.0/users/1/notes/2/answers/3", "/v1.0/me/notes/delta", "/v1.0/me/notes/2/$value"):
        assert csdl.operation(asked(path)), path
    for path in ("/v1.0/me/answers", "/v1.0/you", "/v1.0/me/notes/1/delta"):
        assert csdl.operation(asked(path)) is None or path.endswith("/answers/delta"), path
    assert not [*csdl.parameters(asked("/v1.0/me/notes?$select=mood,pixels&$top=5"))]
    assert [*csdl.parameters(asked("/v1.0/me/notes?$select=mud"))]
    assert [*csdl.parameters(asked("/v1.0/me/notes?top=5"))]


@pytest.mark.parametrize(
    ("note", "is_right"),
    [
        ({"id": "1", "mood": "glad", "at": "2026-11-23T09:00:00Z", "@odata.etag": "x", "of": None}, True),
        ({"mood": "angry"}, False),
        ({"mud": "glad"}, False),
        ({"at": "yesterday"}, False),
        ({"of": {"city": "Rome"}}, False),
        ({"of": {"town": "Rome"}, "answers": [{"id": "2", "pixels": 3}]}, True),
        ({"answers": [{"pixels": None}]}, False),
        ({"id": None}, False),
    ],
)
def test_csdl_types_are_judged(csdl: Described, note: Mapping[str, Any], *, is_right: bool) -> None:
    """Names, enums and what may be null, within each other too, and as any type that extends them."""
    assert (not [*csdl.answer(answered("/v1.0/me/notes", {"value": [note]}))]) == is_right
    assert (not [*csdl.request(asked("/v1.0/me/notes", json.dumps(note)))]) == is_right


def test_csdl_actions_and_hooks_are_judged(csdl: Described) -> None:
    """An action's names are written either way."""
    path = "/v1.0/me/notes/1/answer"
    assert not [*csdl.request(asked(path, '{"comment": "x"}'))]
    assert [*csdl.request(asked(path, '{"words": "x"}'))]
    assert not [*csdl.hook(b'{"value": [{"town": "Rome"}]}')]
    assert [*csdl.hook(b'{"value": [{"city": "Rome"}]}')]


@pytest.mark.parametrize(
    ("fields", "is_right"),
    [
        ("id,text", True),
        ("id,from{title},text", True),
        ("from.limit(5){id,text}", True),
        ("id,words", False),
        ("from{words}", False),
        ("title", False),
    ],
)
def test_fields_that_no_node_has_are_told(tmp_path: Path, fields: str, *, is_right: bool) -> None:
    """Graph refuses the whole call for one of them."""
    it = read(written(tmp_path, **NODES))
    assert (not [*it.parameters(asked(f"/v1/1/notes?fields={fields}"))]) == is_right


def test_numbers_and_truths_of_nodes_are_judged(tmp_path: Path) -> None:
    """As texts too: Graph takes forms."""
    it = read(written(tmp_path, **NODES))
    assert not [*it.parameters(asked("/v1/1/notes?stars=5"))]
    assert [*it.parameters(asked("/v1/1/notes?stars=five"))]
    assert not [*it.request(asked("/v1/1/notes", "loud=true", FORM))]
    assert [*it.request(asked("/v1/1/notes", "loud=very", FORM))]


def test_several_descriptions_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is judged by the one that knows it; one that is missing is named."""
    written(tmp_path, api=METHODS)
    (tmp_path / "p.xml").write_text(CSDL, "utf-8")
    monkeypatch.setenv("CHORALLY_SPECS", str(tmp_path))
    it = read_all(("api.json", "p.xml"))
    assert it.operation(asked("/bot1:a/sendNote"))
    assert it.operation(asked("/v1.0/me"))
    assert [*it.parameters(asked("/v1.0/me/notes?$select=mud"))]
    assert [*it.request(asked("/bot1:a/sendNote", "{}"))]
    assert [*it.answer(answered("/v1.0/me/notes", {"value": [{"mud": 1}]}))]
    assert it.has_hooks
    assert not [*it.hook(b'{"update_id": 1}')]
    assert [*it.hook(b'{"update": 1}')]
    with pytest.raises(LookupError, match=r"q\.json"):
        read_all(("api.json", "q.json"))
