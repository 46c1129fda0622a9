"""Reads the CSDL (OData 4, XML) by which Microsoft describes Graph.

It knows types, their properties, what leads from one to the other, and actions; who is at the root it leaves to the
container, which trimmed files lack: so `me`, and the plural of each type, stand there. What is not judged: which
query options a listing takes, which properties may be written, and what a call needs beyond its types.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

from jsonschema import Draft7Validator

from chorally_sdk.testing.specification.description import Description, Operation, Parameter, pointer

_EDM: Mapping[str, dict[str, Any]] = {
    "Edm.String": {"type": "string"},
    "Edm.Boolean": {"type": "boolean"},
    "Edm.Guid": {"type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"},
    "Edm.DateTimeOffset": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"},
    "Edm.Binary": {"type": "string"},
    **{name: {"type": "integer"} for name in ("Edm.Int16", "Edm.Int32", "Edm.Int64")},
    **{name: {"type": "number"} for name in ("Edm.Double", "Edm.Single", "Edm.Decimal")},
}
_OPTIONS = (
    *("$filter", "$top", "$skip", "$expand", "$orderby", "$count", "$search", "$skiptoken", "$skipToken", "$format"),
    *("$deltatoken", "$deltaToken", "changeType", "model"),
)
_FAILED = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "object", "required": ["code", "message"]}},
}
_HOOK = "changeNotificationCollection"
_DEPTH = 4  # of what leads on, from the root: teams, channels, messages, replies, hosted contents


@dataclass
class _Type:
    """A type as the document says it."""

    name: str
    base: str
    is_open: bool
    is_entity: bool
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    leads: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """To which type, and whether to many of it."""


def from_csdl(text: str) -> Description:
    """Return what a document of CSDL describes."""
    root = ElementTree.fromstring(text)  # noqa: S314 - a file that whoever runs the tests chose
    reader = _Reader([each for each in root.iter() if isinstance(each.tag, str)])
    hooks = [pointer(_HOOK)] if _HOOK in reader.types else []
    return Description(reader.schemas(), list(reader.operations()), Draft7Validator, hooks=hooks, common=_OPTIONS)


def _kind(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _bare(name: str) -> tuple[str, bool]:
    """A type's name without its namespace, and whether many are meant."""
    is_many = name.startswith("Collection(")
    name = name.removeprefix("Collection(").removesuffix(")")
    return (name if name.startswith("Edm.") else name.rpartition(".")[2]), is_many


class _Reader:
    def __init__(self, elements: list[ElementTree.Element]) -> None:
        self.enums = {
            each.get("Name", ""): [member.get("Name", "") for member in each if _kind(member) == "Member"]
            for each in elements
            if _kind(each) == "EnumType"
        }
        told = [each for each in elements if _kind(each) in {"EntityType", "ComplexType"}]
        self._names = {each.get("Name", "") for each in told}
        self.types = {each.get("Name", ""): self._type(each) for each in told}
        self._bound = [each for each in elements if _kind(each) in {"Action", "Function"}]

    def schemas(self) -> dict[str, Any]:
        """All types by name, each as itself or as one of those that extend it."""
        own = {f"{name}, itself": self._object(told) for name, told in self.types.items()}
        kinds = {name: [n for n in self.types if name in self._line(n)] for name in self.types}
        return own | {
            name: {"anyOf": [pointer(f"{kind}, itself") for kind in sorted(each)]} for name, each in kinds.items()
        }

    def operations(self) -> Iterator[Operation]:
        """All calls that lead to a type, from the roots on."""
        for name in sorted(self.types):
            if self.types[name].is_entity:
                yield from self._many(f"/v1.0/{name}s", name, ())
        if "user" in self.types:
            yield from self._one("/v1.0/me", "user", ())

    def _many(self, path: str, name: str, way: tuple[str, ...]) -> Iterator[Operation]:
        listing: dict[str, Any] = {
            "type": "object",
            "required": ["value"],
            "properties": {"value": _list(pointer(name))},
        }
        yield Operation(f"GET {path}", "GET", path, self._select(name), answers={"2XX": listing, "4XX": _FAILED})
        yield from self._writes(path, "POST", name)
        for bound, body, answer in self._bound_to(name, is_many=True):
            yield from self._called(f"{path}/{bound}", body, answer, is_read=body is None)
        yield from self._one(f"{path}/{{id}}", name, way)

    def _one(self, path: str, name: str, way: tuple[str, ...]) -> Iterator[Operation]:
        answers: dict[str, Any] = {"2XX": pointer(name), "4XX": _FAILED}
        yield Operation(f"GET {path}", "GET", path, self._select(name), answers=answers)
        yield from self._writes(path, "PATCH", name)
        yield Operation(f"DELETE {path}", "DELETE", path, answers={"2XX": None, "4XX": _FAILED})
        yield Operation(f"GET {path}/$value", "GET", f"{path}/$value", answers={"2XX": None, "4XX": _FAILED})
        for bound, body, answer in self._bound_to(name, is_many=False):
            yield from self._called(f"{path}/{bound}", body, answer, is_read=body is None)
        for leads, (to, is_many) in self._all(name, "leads").items():
            step = f"{name}.{leads}"
            if to in self.types and step not in way and len(way) < _DEPTH:
                follow = self._many if is_many else self._one
                yield from follow(f"{path}/{leads}", to, (*way, step))

    def _writes(self, path: str, method: str, name: str) -> Iterator[Operation]:
        body = {"application/json": pointer(name), "text/plain": {}}
        answers = {"2XX": None, "201": pointer(name), "4XX": _FAILED}
        yield Operation(f"{method} {path}", method, path, {}, body, is_body_required=True, answers=answers)

    def _called(self, path: str, body: Any, answer: Any, *, is_read: bool) -> Iterator[Operation]:
        answers = {"2XX": answer, "202": None, "204": None, "4XX": _FAILED}
        if is_read:
            query = {"$select": Parameter({})}
            yield Operation(f"GET {path}", "GET", path, query, answers=answers)
        else:
            yield Operation(
                f"POST {path}", "POST", path, {}, {"application/json": body, "text/plain": {}}, False, answers
            )

    def _bound_to(self, name: str, *, is_many: bool) -> Iterator[tuple[str, Any, Any]]:
        for each in self._bound:
            first, *rest = [part for part in each if _kind(part) == "Parameter"]
            to, of_many = _bare(first.get("Type", ""))
            if of_many == is_many and to in self._line(name):
                result = next((part for part in each if _kind(part) == "ReturnType"), None)
                answer = self._value(result.get("Type", "")) if result is not None else None
                if answer and answer.get("type") == "array":
                    answer = _listing(answer)
                is_read = _kind(each) == "Function"
                yield each.get("Name", ""), None if is_read else self._taken(rest), answer

    def _taken(self, parameters: list[ElementTree.Element]) -> dict[str, Any]:
        """The body of an action; its names are written either way."""
        known: dict[str, Any] = {}
        for each in parameters:
            name = each.get("Name", "")
            known |= dict.fromkeys((name, name[:1].lower() + name[1:]), self._value(each.get("Type", "")))
        return {"type": "object", "properties": known, "additionalProperties": False}

    def _select(self, name: str) -> dict[str, Parameter]:
        names = sorted({"id", *self._all(name, "values"), *self._all(name, "leads")})
        is_open = any(self.types[each].is_open for each in self._line(name))
        derived = [kind for kind in self.types if name in self._line(kind)]
        more = {each for kind in derived for each in self._all(kind, "values")}
        items = {} if is_open else {"enum": sorted({*names, *more})}
        return {"$select": Parameter({"type": "array", "items": items})}

    def _type(self, element: ElementTree.Element) -> _Type:
        base = _bare(element.get("BaseType", ""))[0]
        is_open = element.get("OpenType") == "true"
        made = _Type(element.get("Name", ""), base, is_open, _kind(element) == "EntityType")
        for part in element:
            if _kind(part) == "Property":
                schema = self._value(part.get("Type", ""))
                made.values[part.get("Name", "")] = schema if part.get("Nullable") == "false" else _or_null(schema)
            elif _kind(part) == "NavigationProperty":
                made.leads[part.get("Name", "")] = _bare(part.get("Type", ""))
        return made

    def _value(self, told: str) -> dict[str, Any]:
        name, is_many = _bare(told)
        if name in self.enums:
            schema: dict[str, Any] = {"type": "string"}  # flags are several names with commas between
            schema["pattern"] = "(?i)^({0})(,({0}))*$".format("|".join(self.enums[name]))
        else:
            schema = _EDM.get(name) or (pointer(name) if name in self._names else {})
        return _list(schema) if is_many else schema

    def _object(self, told: _Type) -> dict[str, Any]:
        leads = {
            name: (_list(pointer(to)) if is_many else _or_null(pointer(to))) if to in self.types else {}
            for name, (to, is_many) in self._all(told.name, "leads").items()
        }
        is_open = any(self.types[each].is_open for each in self._line(told.name))
        closed = {} if is_open else {"patternProperties": {"@": {}}, "additionalProperties": False}
        return {"type": "object", "properties": {**leads, **self._all(told.name, "values")}, **closed}

    def _line(self, name: str) -> list[str]:
        """A type and those that it extends."""
        found = []
        while name in self.types:
            found.append(name)
            name = self.types[name].base
        return found

    def _all(self, name: str, of: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in reversed(self._line(name)):
            found |= getattr(self.types[each], of)
        return found


def _list(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(schema)}


def _listing(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["value"], "properties": {"value": dict(values)}}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}
