"""A platform's operations, and whether what was said fits them."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from jsonschema import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification.forms import fields_of, is_form, kinds_of, typed

URI = "urn:chorally:description"
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


@cache
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
        # in many descriptions several alternatives fit, of which they say that one does
        self._validator: Any = extend(validator, {"oneOf": validator.VALIDATORS["anyOf"]})  # type: ignore[no-untyped-call]
        self.operations = tuple(sorted(operations, key=_vagueness))
        self._hooks = hooks
        self._common = frozenset(common)

    def operation(self, exchange: Exchange) -> Operation | None:
        """Return the operation that a call is of; None where there is none."""
        return next(iter(self.candidates(exchange)), None)

    def candidates(self, exchange: Exchange) -> Sequence[Operation]:
        """Return the operations that a call may be of: several where ids of several kinds stand in one place."""
        path = unquote(urlsplit(exchange.url).path)
        found = [each for each in self.operations if each.matches(exchange.method, path)]
        return [each for each in found if each.path.count("{") == found[0].path.count("{")]

    def parameters(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the parameters of a call."""
        yield from self._least(exchange, self._parameters)

    def request(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the body of a call."""
        yield from self._least(exchange, self._request)

    def answer(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the answer to a call."""
        if exchange.status:
            yield from self._least(exchange, self._answer)

    def _least(self, exchange: Exchange, judge: "Callable[[Exchange, Operation], Iterator[str]]") -> list[str]:
        """What is wrong by the operation that fits best; nothing where the call is of none."""
        return min(([*judge(exchange, each)] for each in self.candidates(exchange)), key=len, default=[])

    def _parameters(self, exchange: Exchange, operation: Operation) -> Iterator[str]:
        asked = dict(parse_qsl(urlsplit(exchange.url).query, keep_blank_values=True))
        for name, value in asked.items():
            known = operation.query.get(name)
            if known is None and name not in self._common:
                yield f"{operation.name} has no parameter {name!r}"
            elif known is not None:
                yield from self._mistakes(self._typed(value, known.schema), known.schema, f"{operation.name} ?{name}")
        for name, parameter in operation.query.items():
            if parameter.is_required and name not in asked:
                yield f"{operation.name} lacks the parameter {name!r}"

    def _request(self, exchange: Exchange, operation: Operation) -> Iterator[str]:
        if not exchange.body:
            if operation.is_body_required:
                yield f"{operation.name} is called without a body"
            return
        kind = dict(exchange.headers).get("content-type", "")
        media = kind.partition(";")[0].strip()
        schema = operation.body.get(media) or operation.body.get("*/*")
        if schema is None:
            yield f"{operation.name} takes {sorted(operation.body)}, not {media or 'a body'}"
        elif is_form(media):
            known = self._resolved(schema).get("properties", {})
            told = {name: self._typed(text, known.get(name, {})) for name, text in fields_of(kind, exchange.body)}
            yield from self._mistakes(told, schema, operation.name)
        elif "json" in media:
            yield from self._mistakes(json.loads(exchange.body), schema, operation.name)

    def _answer(self, exchange: Exchange, operation: Operation) -> Iterator[str]:
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
            while error.context:
                error = _nearest(error.context)
            place = "/".join(str(part) for part in error.absolute_path)
            yield f"{where}: {place or 'the whole'}: {error.message[:200]}"

    def _typed(self, text: str | None, schema: Mapping[str, Any]) -> Any:
        return typed(text, kinds_of(schema, self._resolved))

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        resolver = self._registry.resolver(URI)
        while "$ref" in schema:
            found = resolver.lookup(schema["$ref"])
            schema, resolver = found.contents, found.resolver
        return schema


def _nearest(errors: Sequence[ValidationError]) -> ValidationError:
    """Of the alternatives that do not fit, what is wrong about the one that was meant: its kind and names are right."""
    by_alternative: dict[Any, list[ValidationError]] = {}
    for error in errors:
        by_alternative.setdefault(error.schema_path[0], []).append(error)
    strange = {"additionalProperties", "const", "enum", "type"}
    return min(by_alternative.values(), key=lambda each: (sum(e.validator in strange for e in each), len(each)))[0]


def _vagueness(operation: Operation) -> tuple[int, int]:
    """What says more of a path comes first."""
    return operation.path.count("{"), -len(re.sub(r"\{[^}]*\}", "", operation.path))


def pointer(*parts: str) -> dict[str, str]:
    """Return a schema that refers into the description."""
    return {"$ref": f"{URI}#/" + "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)}
