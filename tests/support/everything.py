"""A record of every kind for one tenant, each text of which bears a word of its own; and what endpoints name by path.

Some are made through the API, as they are in life; a kind that has none then is given one that is made up from its
fields, so that kinds which are added later are there too.
"""

import random
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from chorally_core.bootstrap.kinds import kinds
from chorally_core.ports.documents import Document, Query
from chorally_core.ports.ledger import Step, Work

from tests.support.api import Api, a_note
from tests.support.plaza import POST

CANARY = "quetzalcoatlus"
"""In each text of the tenant's records; nobody else writes it."""
OF_NOBODY = {"signing_keys", "lease", "tenant_bucket", "hook_lane", "idempotency", "search_text"}
"""Kinds that no API shows, and that a made-up one of would break the system."""
OPEN = {"mon": [{"opens": "09:00", "closes": "18:00"}]}
TARGET = {"account_id": "account-wall", "channel": POST}
SEEDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/identity/v1/users", {"email": f"{CANARY}@acme.example", "name": CANARY, "password": f"{CANARY}-pw",
                            "roles": []}),
    ("/identity/v1/teams", {"name": CANARY}),
    ("/io/v1/apps", {"connector": "wall", "name": CANARY, "settings": {"secret": f"{CANARY}-secret"}}),
    ("/rule-engine/v1/rules", {"name": CANARY, "actions": [{"type": "add_tags", "tags": [CANARY]}]}),
    ("/rule/v1/calendars", {"name": CANARY, "time_zone": "Europe/Rome", "weekly": OPEN}),
    ("/rule/v1/replies", {"name": CANARY, "condition": "closed", "language": "en", "texts": {"en": CANARY}}),
    ("/publishing/v1/publications", {"body": CANARY, "targets": [TARGET], "submit": False, "labels": [CANARY]}),
    ("/publishing/v1/publications", {"body": CANARY, "targets": [TARGET], "submit": True}),
    ("/publishing/v1/series", {"body": CANARY, "targets": [TARGET], "rule": "FREQ=DAILY;COUNT=4",
                               "starts": "2026-11-24T09:00:00", "time_zone": "Europe/Rome"}),
    ("/log/v1/webhooks", {"url": f"https://93.184.216.34/{CANARY}", "events": ["*"], "description": CANARY}),
    ("/metadata/v1/tags", {"name": CANARY}),
    ("/metadata/v1/fields", {"key": CANARY, "of": "ticket", "type": "text", "title": CANARY}),
    ("/metadata/v1/canned-replies", {"name": CANARY, "shortcut": CANARY, "language": "en", "audience": "shared",
                                     "texts": {"en": CANARY}}),
    ("/metadata/v1/views", {"name": CANARY, "audience": "shared"}),
    ("/metadata/v1/macros", {"name": CANARY, "audience": "shared", "actions": [{"type": "add_tags",
                                                                               "tags": [CANARY]}]}),
)  # fmt: skip
NAMED: Mapping[str, tuple[str, str]] = {
    "account_id": ("account", "id"), "app_id": ("app", "id"), "author_id": ("author", "id"),
    "authorization_id": ("authorization", "id"), "calendar_id": ("calendar", "calendar_id"),
    "canned_id": ("canned_reply", "id"), "contact_id": ("author", "id"), "conversation_id": ("opening", "id"),
    "delivery_id": ("delivery", "id"), "execution_id": ("rule_execution", "id"), "file_id": ("file", "id"),
    "hook_id": ("hook", "id"), "job_id": ("job", "id"), "letter_id": ("dead_letter", "id"),
    "macro_id": ("macro", "id"), "mailing_id": ("mailing", "id"), "merge_id": ("contact", "id"),
    "message_id": ("message", "id"), "moderation_id": ("moderation", "id"), "publication_id": ("publication", "id"),
    "replay_id": ("webhook_replay", "id"), "reply_id": ("calendar_reply", "reply_id"), "rule_id": ("rule", "rule_id"),
    "series_id": ("publication_series", "id"), "team_id": ("team", "id"), "ticket_id": ("ticket", "id"),
    "user_id": ("user", "id"), "view_id": ("saved_view", "id"), "webhook_id": ("webhook", "id"),
}  # fmt: skip
"""The kind, and the field of it, by which paths and bodies name a record."""
WITHIN: Mapping[str, tuple[str, str]] = {
    "tag_id": ("tag_set", "tags"), "field_id": ("custom_field_set", "fields"), "target_id": ("publication", "targets"),
}  # fmt: skip
"""The kind that holds what is named, and the field."""
PLAIN = {"number": "0", "country": "IT", "local": "2026-11-25T09:00:00"}
"""Parts of paths that name nobody's record."""


async def fill(api: Api, chance: random.Random) -> None:
    """Have a record of every kind for the tenant ``acme``."""
    http = api.agent()
    for number in range(2):
        await api.hook(a_note(f"{CANARY}-{number}", CANARY, f"{CANARY} is here", title=CANARY))
    for path, body in SEEDS:
        made = await http.post(path, json=body)
        assert made.status_code == 201, (path, made.text)
    ticket = (await http.get("/message/v1/tickets")).json()["items"][0]["id"]
    said = await http.post(f"/message/v1/tickets/{ticket}/messages", json={"body": CANARY})
    assert said.status_code < 300, said.text
    await api.settle()
    documents = api.system.ledger.documents
    for of in kinds():
        if of.kind not in OF_NOBODY and not await documents.count(Query(of, "acme")):
            await api.system.ledger.commit(Work([Step.of([made_up(of, "acme", chance, api.clock())])]))


def made_up(of: type[Document], tenant: str, chance: random.Random, at: datetime) -> Document:
    """Return a record of a kind with every field filled, each text with the canary."""
    fields = {field.name: field for field in msgspec.inspect.type_info(of).fields}  # type: ignore[attr-defined]
    values = {name: _value(field.type, name, chance, at) for name, field in fields.items()}
    values |= {"id": f"{tenant}-{of.kind}-{chance.randrange(10**9)}", "tenant": tenant, "version": 0}
    made: Document = msgspec.convert(values, of)
    return made


def _value(kind: Any, name: str, chance: random.Random, at: datetime) -> Any:
    inspect = msgspec.inspect
    match kind:
        case inspect.StrType():
            return "en" if name == "language" else f"{CANARY}-{name}-{chance.randrange(10**6)}"
        case inspect.LiteralType():
            return chance.choice(kind.values)
        case inspect.UnionType():
            return _value(next(one for one in kind.types if not isinstance(one, inspect.NoneType)), name, chance, at)
        case inspect.DateTimeType():
            return at
        case inspect.BoolType():
            return chance.random() < 0.5
        case inspect.IntType():
            return chance.randrange(1, 5)
        case inspect.FloatType():
            return 1.0
        case inspect.DictType():
            return {f"{CANARY}-key": _value(kind.value_type, name, chance, at)}
        case inspect.VarTupleType() | inspect.ListType() | inspect.SetType() | inspect.FrozenSetType():
            return [_value(kind.item_type, name, chance, at)]
        case inspect.TupleType():
            return [_value(one, name, chance, at) for one in kind.item_types]
        case inspect.StructType():
            return {field.encode_name: _value(field.type, field.name, chance, at) for field in kind.fields}
        case inspect.BytesType():
            return b"" + CANARY.encode()
        case inspect.AnyType():
            return CANARY
        case inspect.NoneType():
            return None
        case _:
            raise NotImplementedError(f"{name}: {kind}")


async def named(api: Api, tenant: str = "acme") -> dict[str, list[str]]:
    """Return the ids of a tenant's records by the name that paths and bodies have for them."""
    found: dict[str, list[str]] = {name: [value] for name, value in PLAIN.items()}
    by_kind = {of.kind: await api.system.ledger.documents.find(Query(of, tenant)) for of in kinds()}
    for name, (kind, field) in NAMED.items():
        found[name] = [getattr(one, field) for one in by_kind[kind]]
    for name, (kind, field) in WITHIN.items():
        found[name] = [part.id for one in by_kind[kind] for part in getattr(one, field)]
    found["delivery_id"] += [one.id for one in by_kind["webhook_delivery"]]
    lacking = sorted(name for name, ids in found.items() if not ids)
    assert not lacking, lacking
    return found


_FOR = {"into": "tag_id", "person_id": "author_id", "assignee": "user_id", "agent_id": "user_id",
        "merge": "contact_id", "mailing": "mailing_id", "files": "file_id", "users": "user_id",
        "teams": "team_id"}  # fmt: skip


_SAID = {"email": "eve@globex.example", "time_zone": "Europe/Rome", "publish_local": "2026-12-24T09:00:00",
         "starts": "2026-12-24T09:00:00", "colour": "#aabbcc", "on": "2026-12-24", "language": "en",
         "rule": "FREQ=DAILY;COUNT=3", "after": "2h", "url": "https://93.184.216.34/", "from": "2026-11-24",
         "to_date": "2026-11-30", "channel": POST}  # fmt: skip
_EITHER = {"canned_id": ("text", "canned_id")}
"""What is left out by turns, as something else says the same."""


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any], ids: Mapping[str, list[str]], chance: random.Random,
            name: str = "") -> Any:  # fmt: skip
    """Return something small that fits a JSON schema; what is named after a record is one of ``ids``."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return chance.choice(schema["enum"])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            told = [one for one in schema[choice] if one.get("type") != "null"]
            return example(told[0], schemas, ids, chance, name)
    record = _FOR.get(name, name.removesuffix("s") if name.endswith("_ids") else name)
    match schema.get("type"):
        case "object" if "properties" not in schema:
            return {"en": "xxx"} if schema.get("minProperties") else {}
        case "object":
            properties, needed = schema["properties"], {*schema.get("required", []), "type"}
            others = [one for one in properties if one not in needed and not _is_record(one, ids)]
            some = chance.sample(others, min(len(others), 1)) if needed == {"type"} else []
            wanted = [one for one in properties if one in needed or one in some or _is_record(one, ids)]
            wanted = [one for one in wanted if chance.choice(_EITHER.get(one, (one,))) == one]
            return {one: example(properties[one], schemas, ids, chance, one) for one in wanted}
        case "array":
            count = max(schema.get("minItems", 1), 1)
            return [example(schema.get("items", {}), schemas, ids, chance, name) for _ in range(count)]
        case "integer" | "number":
            return max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case "string" if name in _SAID:
            return _SAID[name]
        case "string" if schema.get("format") == "date-time":
            return "2026-12-24T09:00:00+00:00"
        case "string" if schema.get("format") == "date":
            return "2026-12-24"
        case "string" if record in ids:
            return chance.choice(ids[record])
        case "string":
            return "x" * max(schema.get("minLength", 1), 3)
        case _:
            return {}


def _is_record(name: str, ids: Mapping[str, list[str]]) -> bool:
    return _FOR.get(name, name.removesuffix("s") if name.endswith("_ids") else name) in ids


def parts_of(path: str) -> Iterator[str]:
    """Return the names of what a path names."""
    yield from re.findall(r"\{([^}:]+)[^}]*\}", path)
