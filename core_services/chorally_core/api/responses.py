"""Answers that every service documents alike: problems, and the headers of a record."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field
from pydantic.json_schema import models_json_schema

MEDIA_TYPE = "application/problem+json"

_SERVICE_TOKEN = {
    "type": "apiKey",
    "in": "header",
    "name": "Authorization",
    "description": "A service's secret and the tenant it acts for: `Authorization: Token secret.tenant`",
}


class FieldError(BaseModel):
    """One field of a request that is wrong."""

    field: str = Field(title="Field", description="Where it is, such as `/body/name`.")
    message: str = Field(title="Message", description="What is wrong with it.")


class ProblemDocument(BaseModel):
    """What is wrong, and what to do (RFC 9457)."""

    type: str = Field(title="Type", description="Kind of problem, which programs can rely on.")
    title: str = Field(title="Title", description="The status in words.")
    status: int = Field(title="Status", description="The HTTP status.")
    detail: str = Field(title="Detail", description="What is wrong and what to do, for people.")
    errors: list[FieldError] | None = Field(None, title="Errors", description="The fields that are wrong.")


_WHEN = {
    400: "The request cannot be understood.",
    401: "Nobody is proven by the request.",
    403: "The caller lacks the permission.",
    404: "There is no such record.",
    408: "The body did not come in time.",
    409: "Something stands in the way.",
    412: "The record has changed since the version in `If-Match`.",
    413: "The body is too large.",
    415: "The body's media type is not taken.",
    416: "The file has no such part.",
    422: "The request does not fit; see `errors`.",
    428: "`If-Match` is required.",
    429: "Too many requests; wait as `Retry-After` says.",
    503: "Not possible at the moment; wait as `Retry-After` says.",
    507: "The tenant's files take all the room that they may.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of a route's problems, to be given as ``responses``; 422 is always there."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {status: {"description": _WHEN[status], "content": content} for status in sorted({*statuses, 422})}


def with_etag(description: str) -> dict[str, Any]:
    """Return the documentation of an answer that carries a record's entity tag."""
    header = {"description": "Version of the record, for `If-Match`.", "schema": {"type": "string"}}
    return {"description": description, "headers": {"ETag": header}}


def describe(app: FastAPI) -> None:
    """Complete what the application's OpenAPI declares: the problem document, and service tokens."""
    bare = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = bare()
        components = document.setdefault("components", {})
        template = "#/components/schemas/{model}"
        _, found = models_json_schema([(ProblemDocument, "serialization")], ref_template=template)
        components.setdefault("schemas", {}).update(found["$defs"])
        if "Bearer" in components.get("securitySchemes", {}):
            components["securitySchemes"]["ServiceToken"] = _SERVICE_TOKEN
        for operations in document.get("paths", {}).values():
            for operation in operations.values():
                _add_service_token(operation)
                _add_common(operation)
                for taken in operation.get("requestBody", {}).get("content", {}).values():
                    taken["schema"] = _named(taken["schema"], components["schemas"])
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _add_service_token(operation: dict[str, Any]) -> None:
    """Let a service token do wherever an access token does, with the same permission."""
    ways = operation.get("security", [])
    if any("ServiceToken" in way for way in ways):
        return
    ways += [{"ServiceToken": way["Bearer"]} for way in ways if "Bearer" in way]


_HEADERS = {
    "WWW-Authenticate": {"description": "How a caller is proven (RFC 9110).", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
}


def _add_common(operation: dict[str, Any]) -> None:
    """Add what is answered before an operation is reached: to too many requests, or to a body that cannot be read."""
    answers = operation["responses"]
    common = {429}
    if operation.get("security"):
        common |= {401, 503}
    if "requestBody" in operation:
        common |= {400, 413}
    for status, answer in problems(*common).items():
        if status in common:
            answers.setdefault(str(status), answer)
    for status, header in (("401", "WWW-Authenticate"), ("429", "Retry-After")):
        if status in answers:
            answers[status]["headers"] = {header: _HEADERS[header], **answers[status].get("headers", {})}
    operation["responses"] = dict(sorted(answers.items()))


def _named(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a reference to the schema of a model that a route reads by hand, which becomes one of the document's."""
    if schema.get("type") == "array":
        return {**schema, "items": _named(schema["items"], schemas)}
    if schema.get("type") != "object" or "title" not in schema or " " in schema["title"]:
        return schema
    schemas.setdefault(schema["title"], schema)
    return {"$ref": f"#/components/schemas/{schema['title']}"}
