"""The OpenAPI document is good enough for anybody to generate a client."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.api.combined import combined

from tests.support.api import an_api

PROBLEM = {"$ref": "#/components/schemas/ProblemDocument"}


@pytest.fixture
async def documents(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """The documents of all services, by name; the one of all is that of no name."""
    async with an_api(tmp_path) as api:
        http = api.client()
        found = {name: (await http.get(f"/{name}/v1/openapi.json")).json() for name in api.system.services}
        yield {"": (await http.get("/openapi.json")).json(), **found}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each operation with its path and method."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def mistakes(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    """Yield what a reader or a generator would miss."""
    yield from (name for name in ("summary", "description", "tags", "operationId") if not operation.get(name))
    answers = operation["responses"]
    must = {"429"}
    if operation.get("security"):
        must |= {"401", "503"}
        if operation["security"][0]["Bearer"]:
            must |= {"403"}
    if "{" in path and not path.endswith("/holidays"):
        must |= {"404"}
    if "requestBody" in operation:
        must |= {"400", "413", "422"}
        yield from (
            "no schema of a body" for taken in operation["requestBody"]["content"].values() if not taken["schema"]
        )
    yield from (f"{status} is not documented" for status in sorted(must - set(answers)))
    for status, answer in answers.items():
        schema = answer.get("content", {}).get("application/problem+json", {}).get("schema")
        if status >= "400" and schema != PROBLEM:
            yield f"{status} is no problem"
        if status < "300" and status != "204" and not answer.get("content"):
            yield f"{status} says not what it is"
    for parameter in operation.get("parameters", ()):
        if parameter["in"] != "path" and not parameter.get("description", parameter["schema"].get("description")):
            yield f"{parameter['name']} is not described"


async def test_every_operation_is_described(documents: dict[str, Any]) -> None:
    """By a summary, a text, a tag, an id, all problems that it may be answered with, and its parameters."""
    found = [
        f"{method.upper()} {path}: {wrong}"
        for path, method, operation in operations(documents[""])
        for wrong in mistakes(path, method, operation)
    ]
    assert "\n".join(found) == ""


async def test_ids_of_operations_are_unique(documents: dict[str, Any]) -> None:
    """In each document, and in that of all; each is a name that any language takes."""
    for document in documents.values():
        ids = [operation["operationId"] for _, _, operation in operations(document)]
        assert sorted(ids) == sorted(set(ids))
        assert all(re.fullmatch(r"[a-z][a-z0-9_]*", one) for one in ids)


async def test_schemas_have_one_meaning_and_are_all_there(documents: dict[str, Any]) -> None:
    """No two services have different ones of one name, none carries its service's name, and none is lacking."""
    whole, schemas = documents.pop(""), dict[str, Any]()
    for name, document in documents.items():
        for known, schema in document["components"]["schemas"].items():
            assert schemas.setdefault(known, schema) == schema, f"{name}: {known} is another one elsewhere"
    assert whole["components"]["schemas"] == dict(sorted(schemas.items()))
    text = json.dumps(whole)
    assert set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', text)) <= set(schemas)
    assert '"#/$defs/' not in text


async def test_who_asks_and_where_is_said(documents: dict[str, Any]) -> None:
    """Both kinds of token, and the base of the paths."""
    whole = documents.pop("")
    assert set(whole["components"]["securitySchemes"]) == {"Bearer", "ServiceToken"}
    assert whole["servers"] == [{"url": "/"}]
    for _, _, operation in operations(whole):
        assert [next(iter(way)) for way in operation.get("security", ())] in ([], ["Bearer", "ServiceToken"])
    for name, document in documents.items():
        assert document["servers"] == [{"url": f"/{name}/v1"}]
        assert {f"/{name}/v1{path}" for path in document["paths"]} <= set(whole["paths"])


def test_schemas_of_one_name_and_two_meanings_get_their_services_name() -> None:
    """As an added service may call something as ours do; what refers to it follows."""

    def document(kind: str) -> dict[str, Any]:
        view = {"title": "View", "type": kind}
        page = {"title": "Page", "items": {"$ref": "#/components/schemas/View"}}
        answer = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}
        operation = {"operationId": "show", "responses": {"200": answer}}
        return {"paths": {"/one": {"get": operation}}, "components": {"schemas": {"View": view, "Page": page}}}

    whole = combined({"ours": document("object"), "added-one": document("string")})
    assert sorted(whole["components"]["schemas"]) == ["AddedOnePage", "AddedOneView", "OursPage", "OursView"]
    shown = whole["paths"]["/added-one/v1/one"]["get"]
    assert shown["operationId"] == "added_one_show"
    page = shown["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert page == "#/components/schemas/AddedOnePage"
    assert whole["components"]["schemas"]["AddedOnePage"]["items"] == {"$ref": "#/components/schemas/AddedOneView"}
