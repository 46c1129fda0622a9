"""Official descriptions in each of their formats: what fits them, and what does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Description, find, read

JSON = (("content-type", "application/json"),)
FORM = (("content-type", "application/x-www-form-urlencoded"),)

NOTE = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}, "stars": {"type": "integer"}}}
SWAGGER = {
    "swagger": "2.0",
    "basePath": "/v1",
    "definitions": {"note": NOTE},
    "paths": {
        "/notes/{id}": {
            "parameters": [{"name": "id", "in": "path", "type": "string", "required": True}],
            "get": {
                "parameters": [{"name": "limit", "in": "query", "type": "integer", "maximum": 5}],
                "responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/note"}}},
            },
            "post": {
                "parameters": [{"name": "stars", "in": "formData", "type": "integer", "required": True}],
                "responses": {"200": {"description": ""}},
            },
        }
    },
}
OPENAPI = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://p.example/v1"}],
    "components": {"schemas": {"note": NOTE}},
    "paths": {
        "/notes/{id}": {
            "get": {
                "parameters": [{"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 5}}],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/note"}}}}
                },
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {
                        FORM[0][1]: {
                            "schema": {
                                "type": "object",
                                "required": ["stars"],
                                "properties": {"stars": {"type": "integer"}},
                            }
                        }
                    },
                },
                "responses": {"default": {"description": ""}},
            },
        }
    },
}
DISCOVERY = {
    "kind": "discovery#restDescription",
    "servicePath": "v1/",
    "parameters": {"key": {"type": "string", "location": "query"}},
    "schemas": {
        "Note": {
            "id": "Note",
            "type": "object",
            "properties": {"id": {"type": "string"}, "stars": {"type": "integer"}, "on": {"$ref": "Note"}},
        }
    },
    "resources": {
        "notes": {
            "methods": {
                "get": {
                    "id": "p.notes.get",
                    "path": "notes/{id}",
                    "httpMethod": "GET",
                    "parameters": {"limit": {"type": "integer", "location": "query", "maximum": "5"}},
                    "response": {"$ref": "Note"},
                },
                "post": {
                    "id": "p.notes.post",
                    "path": "notes/{id}",
                    "httpMethod": "POST",
                    "request": {"$ref": "Note"},
                    "response": {"$ref": "Note"},
                },
            }
        }
    },
}
LEXICON = {
    "lexicon": 1,
    "id": "org.notes.get",
    "defs": {
        "main": {
            "type": "query",
            "parameters": {
                "type": "params",
                "required": ["limit"],
                "properties": {"limit": {"type": "integer", "maximum": 5}},
            },
            "output": {"encoding": "application/json", "schema": {"type": "ref", "ref": "#note"}},
        },
        "note": {**NOTE, "nullable": ["stars"]},
    },
}
NODES = {
    "Wall": {
        "apis": [{"method": "GET", "endpoint": "notes", "return": "Note", "params": [{"name": "stars"}]}],
        "fields": [],
    },
    "Note": {"apis": [], "fields": [{"name": "id"}, {"name": "text"}]},
}


def described(folder: Path, document: Any) -> Description:
    """Read a description from a file."""
    path = folder / "description.json"
    path.write_text(json.dumps(document), "utf-8")
    return read(path)


def a_get(query: str = "", answer: Any = None, path: str = "/v1/notes/7") -> Exchange:
    """A read."""
    told = json.dumps({"id": "7"} if answer is None else answer).encode()
    return Exchange("GET", f"https://p.example{path}?{query}", status=200, answer=told)


@pytest.mark.parametrize("document", [SWAGGER, OPENAPI, DISCOVERY], ids=["swagger", "openapi", "discovery"])
def test_what_fits_and_what_does_not(tmp_path: Path, document: Any) -> None:
    """Paths, parameters and answers."""
    it = described(tmp_path, document)
    assert it.operation(a_get())
    assert it.operation(a_get(path="/v1/note/7")) is None
    assert it.operation(a_get(path="/v1/notes/7/8")) is None
    assert not [*it.parameters(a_get("limit=5")), *it.answer(a_get("limit=5"))]
    assert [*it.parameters(a_get("limit=6"))]
    assert [*it.parameters(a_get("limit=many"))]
    assert [*it.parameters(a_get("most=5"))]
    assert [*it.answer(a_get(answer={"id": 7}))]
    assert [*it.answer(a_get(answer={"id": "7", "stars": "five"}))]


@pytest.mark.parametrize("document", [SWAGGER, OPENAPI], ids=["swagger", "openapi"])
def test_bodies_are_judged(tmp_path: Path, document: Any) -> None:
    """Forms as what their texts stand for; a body that is missing, or of another type, is told."""
    it = described(tmp_path, document)

    def told(body: bytes, headers: Any = FORM) -> list[str]:
        return [*it.request(Exchange("POST", "https://p.example/v1/notes/7", headers, body))]

    assert told(b"stars=5") == []
    assert told(b"stars=five")
    assert told(b"")
    assert told(b"stars=5", (("content-type", "text/plain"),))


def test_a_discovered_body_is_judged(tmp_path: Path) -> None:
    """By the schema that it refers to, within itself too."""
    it = described(tmp_path, DISCOVERY)
    good = Exchange("POST", "https://p.example/v1/notes/7", JSON, b'{"id": "1", "on": {"id": "2"}}')
    assert not [*it.request(good)]
    assert [*it.request(Exchange("POST", "https://p.example/v1/notes/7", JSON, b'{"on": {"id": 2}}'))]


def test_lexicons_are_judged(tmp_path: Path) -> None:
    """Parameters that are needed, references, and what may be null."""
    (tmp_path / "get.json").write_text(json.dumps(LEXICON), "utf-8")
    it = read(tmp_path)
    path = "/xrpc/org.notes.get"
    assert not [
        *it.parameters(a_get("limit=5", path=path)),
        *it.answer(a_get(answer={"id": "7", "stars": None}, path=path)),
    ]
    assert [*it.parameters(a_get(path=path))]
    assert [*it.answer(a_get(answer={"stars": 1}, path=path))]


def test_nodes_are_judged_by_their_names(tmp_path: Path) -> None:
    """Edges, parameters and fields that no node has are told."""
    folder = tmp_path / "nodes"
    folder.mkdir()
    for kind, node in NODES.items():
        (folder / f"{kind}.json").write_text(json.dumps(node), "utf-8")
    it = read(folder)
    assert it.operation(a_get(path="/v1.0/1/notes"))
    assert it.operation(a_get(path="/v1.0/1/walls")) is None
    assert not [*it.parameters(a_get("stars=1&limit=2", path="/1/notes"))]
    assert [*it.parameters(a_get("moons=1", path="/1/notes"))]
    assert not [*it.answer(a_get(answer={"data": [{"id": "1", "text": "x"}]}, path="/1/notes"))]
    assert [*it.answer(a_get(answer={"data": [{"id": "1", "words": "x"}]}, path="/1/notes"))]


def test_what_is_no_description_is_refused(tmp_path: Path) -> None:
    """And what is not there is not found."""
    with pytest.raises(ValueError, match="no OpenAPI"):
        described(tmp_path, {"hello": 1})


def test_descriptions_are_looked_for_where_the_variable_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nowhere else: they are never part of a package."""
    (tmp_path / "p.json").write_text("{}", "utf-8")
    monkeypatch.delenv("CHORALLY_SPECS", raising=False)
    assert find("p.json") is None
    monkeypatch.setenv("CHORALLY_SPECS", str(tmp_path))
    assert find("p.json") == tmp_path / "p.json"
    assert find("q.json") is None
    assert find("") is None
