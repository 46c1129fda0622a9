"""A platform's operations, and whether what was said fits them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from chorally_sdk.testing.recording import Exchange

URI = "urn:chorally:description"
_FORM = "application/x-www-form-urlencoded"
_SHOWN = 3  # mistakes of one body that are worth telling


@dataclass(frozen=True)
class Parameter:
    """One that a URL may carry."""

    schema: Mapping[str, Any]
    is_required: bool = False


@dataclass(frozen=True)
class Operation:
    """A call that the platform describes; schemas are references into the description."""

    name: str
    method: str
    path: str
    """With ``{names}``, from the root of the host."""
    query: Mapping[str, Parameter] = field(default_factory=dict)
    body: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By media type; empty where there is none."""
    is_body_required: bool = False
    answers: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """By status, ``2XX`` or ``default``; None where there is no JSON to judge."""

    def matches(self, method: str, path: str) -> bool:
        """Whether a call is of this operation."""
        return method == self.method and _pattern(self.path).fullmatch(path) is not None


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\+?[^}]+\})", path)
    return re.compile("".join(("(.+)" if p[1] == "+" else "([^/]+)") if p[:1] == "{" else re.escape(p) for p in parts))


class Description:
    """What a platform says of its API."""

    def __init__(
        self,
        document: Mapping[str, Any],
        operations: Sequence[Operation],
        validator: type[Validator],
        *,
        hooks: Sequence[Mapping[str, Any]] = (),
        common: Iterable[str] = (),
    ) -> None:
        """Take a description in.

        Args:
            document: What references lead into.
            operations: All calls.
            validator: Of the dialect of its schemas.
            hooks: Schemas of webhooks; one of them must fit.
            common: Parameters that every call takes.
        """
        resource = DRAFT202012.create_resource(document)
        self._registry: Any = Registry().with_resource(URI, resource)
        self._validator: Any = validator
        self.operations = tuple(sorted(operations, key=lambda each: each.path.count("{")))
        self._hooks = hooks
        self._common = frozenset(common)

    def operation(self, exchange: Exchange) -> Operation | None:
        """Return the operation that a call is of; None where there is none."""
        path = unquote(urlsplit(exchange.url).path)
        return next((each for each in self.operations if each.matches(exchange.method, path)), None)

    def parameters(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the parameters of a call."""
        operation = self.operation(exchange)
        if operation is None:
            return
        asked = dict(parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True))
        for name, value in asked.items():
            known = operation.query.get(name)
            if known is None and name not in self._common:
                yield f"{operation.name} has no parameter {name!r}"
            elif known is not None:
                yield from self._mistakes(_typed(value, known.schema), known.schema, f"{operation.name} ?{name}")
        for name, parameter in operation.query.items():
            if parameter.is_required and name not in asked:
                yield f"{operation.name} lacks the parameter {name!r}"

    def request(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the body of a call."""
        operation = self.operation(exchange)
        if operation is None:
            return
        if not exchange.body:
            if operation.is_body_required:
                yield f"{operation.name} is called without a body"
            return
        media = dict(exchange.headers).get("content-type", "").partition(";")[0]
        schema = operation.body.get(media) or operation.body.get("*/*")
        if schema is None:
            yield f"{operation.name} takes {sorted(operation.body)}, not {media or 'a body'}"
        elif media == _FORM:
            fields = dict(parse_qsl(exchange.body.decode(), keep_blank_values=True))
            yield from self._mistakes(_form(fields, self._resolved(schema)), schema, operation.name)
        elif "json" in media:
            yield from self._mistakes(json.loads(exchange.body), schema, operation.name)

    def answer(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the answer to a call."""
        operation = self.operation(exchange)
        if operation is None or not exchange.status:
            return
        status = str(exchange.status)
        known = next((n for n in (status, f"{status[0]}XX", "default") if n in operation.answers), None)
        if known is None:
            if exchange.status < 400:  # errors are often left out of descriptions
                yield f"{operation.name} does not answer {status}"
            return
        schema = operation.answers[known]
        if schema is not None:
            try:
                body = json.loads(exchange.answer)
            except ValueError:
                yield f"{operation.name} {status} answers no JSON"
                return
            yield from self._mistakes(body, schema, f"{operation.name} {status}")

    @property
    def has_hooks(self) -> bool:
        """Whether webhooks are described."""
        return bool(self._hooks)

    def hook(self, body: bytes) -> Iterator[str]:
        """Yield what is wrong about the body of a webhook; nothing where hooks are not described."""
        told = json.loads(body)
        found = [list(self._mistakes(told, schema, "webhook")) for schema in self._hooks]
        if found and all(found):
            yield from min(found, key=len)

    def _mistakes(self, value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
        errors = self._validator(schema, registry=self._registry).iter_errors(value)
        for number, error in enumerate(errors):
            if number == _SHOWN:
                return
            place = "/".join(str(part) for part in error.absolute_path)
            yield f"{where}: {place or 'the whole'}: {error.message[:200]}"

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        resolver = self._registry.resolver(URI)
        while "$ref" in schema:
            found = resolver.lookup(schema["$ref"])
            schema, resolver = found.contents, found.resolver
        return schema


def pointer(*parts: str) -> dict[str, str]:
    """Return a schema that refers into the description."""
    return {"$ref": f"{URI}#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)}


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    """What a text in a URL or form stands for; it stays text where it does not fit, and is then refused."""
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "array" in kinds:
        return [_typed(part, schema.get("items", {})) for part in text.split(",")]
    if {"integer", "number", "boolean", "object"} & set(kinds):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _form(fields: Mapping[str, str], schema: Mapping[str, Any]) -> dict[str, Any]:
    known = schema.get("properties", {})
    return {name: _typed(value, known.get(name, {})) for name, value in fields.items()}
