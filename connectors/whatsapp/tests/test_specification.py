"""Every kind of call that the connector makes, and every answer of the sandbox, against Meta's description."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from chorally_whatsapp import WhatsApp
from chorally_whatsapp.sandbox import Twin
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Several, read
from chorally_sdk.testing.specification.folder import loaded
from chorally_sdk.testing.specification.openapi import from_openapi

from .building import ADA, a_file, an_answer, send
from .test_samples import A_LIST

NAME = "business-messaging-api_v23.0.yaml"
EXCUSED = {
    "'appsecret_proof'": "Securing Graph API Calls documents it for every call",
    r"message_templates \?fields": "the node of a template is not published with the description",
    "'biz_opaque_callback_data' was unexpected": "the reference of messages documents it; see the setting `references`",
    "'cta_url' is not one of": "newer than the description: Interactive call-to-action URL button messages",
    "interactive/action: 'buttons' is a required property": "the action of such a link, which it does not know either",
    r"'0' does not match '\^\[2-6, 11-14\]\$'": "the description's pattern refuses its own example of a button's index",
}
"""Where the description is silent or wrong, and how that is known."""
UNDESCRIBED = "https://lookaside.fbsbx.com/"
"""Files are read by a link that is not of the API."""


@pytest.fixture
def whole(specs: Path) -> Any:
    """The description as its makers mean it, and as Prism reads it."""
    return mended(loaded(specs / "whatsapp" / NAME))


@pytest.fixture
def description(specs: Path, whole: Any) -> Several:
    """The API's description, and the nodes of a business's account."""
    return Several([from_openapi({NAME: whole}), read(specs / "whatsapp" / "api_specs")])


def mended(document: Any) -> Any:
    """Return the description with each message in one piece.

    A message is there the sum of what all have and of a part that takes nothing else, which no message can fit. The
    mark that a message was read has a schema to which nothing refers: it is a call of the same path.
    """
    schemas = dict(document["components"]["schemas"])
    read_mark = {"$ref": "#/components/schemas/MarkMessageRequestPayload"}
    kinds = {kind: {"$ref": ref} for kind, ref in schemas["Message"]["discriminator"]["mapping"].items()}
    by_kind = [{"if": {"properties": {"type": {"const": kind}}}, "then": each} for kind, each in kinds.items()]
    known = {"required": ["type"], "properties": {"type": {"enum": list(kinds)}}, "allOf": by_kind}
    schemas["Message"] = {"if": {"required": ["status"]}, "then": read_mark, "else": known}

    def one(schema: Any) -> Any:
        parts = [_followed(part, schemas) for part in schema.get("allOf", ())]
        if not any(part.get("additionalProperties") is False for part in parts):
            return schema
        return {
            "type": "object",
            "properties": {name: each for part in parts for name, each in part.get("properties", {}).items()},
            "required": [name for part in parts for name in part.get("required", ())],
            "additionalProperties": False,
        }

    return {**document, "components": {**document["components"], "schemas": {n: one(s) for n, s in schemas.items()}}}


def _followed(part: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return found


async def everything(connected: Callable[..., WhatsApp], business: Twin) -> None:
    """Do all that the connector can do, once."""
    whatsapp = connected()
    await whatsapp.check()
    await whatsapp.unsubscribe(await whatsapp.subscribe("https://chorally.example", SecretStr("s"), None))
    business.page_size(2)
    await whatsapp.templates()
    asked = business.write(ADA, "text", {"body": "Open?"}).id
    person = {"name": {"formatted_name": "Bob", "first_name": "Bob"}, "phones": [{"phone": "+1 555", "type": "WORK"}]}
    link = {"url": {"text": "Open", "url": "https://example.org"}}
    business.world.templates[0]["components"] += [
        {"type": "BUTTONS", "buttons": [{"type": "URL", "url": "https://example.org/{{1}}"}]}
    ]
    for message in (
        an_answer(),
        an_answer(in_reply_to=asked),
        *(an_answer(attachments=[a_file(kind)]) for kind in ("image/png", "video/mp4", "application/pdf")),
        *(an_answer("", attachments=[a_file(kind)]) for kind in ("audio/ogg", "image/webp")),
        an_answer("", attachments=[a_file("audio/ogg")], options={"voice": True}),
        an_answer(options={"location": {"latitude": 45.1, "longitude": 9.2, "address": "Via Uno 1"}}),
        an_answer(options={"contacts": [person]}),
        an_answer(in_reply_to=asked, options={"reaction": "+"}),
        an_answer(options={"buttons": ["Yes", "No"]}),
        an_answer(options={"buttons": ["Yes"]}, attachments=[a_file()]),
        an_answer(options=A_LIST),
        an_answer(options=link),
        an_answer("", template=sdk.Template(name="opening_hours", language="en_US")),
        an_answer("", template=sdk.Template(name="order_ready", language="it", values=("Ada", "8"))),
        an_answer("", template=sdk.Template(name="order_ready", language="en_US", values=("Ada", "8", "x7"))),
    ):
        await send(whatsapp, message)
    await send(connected(references=False), an_answer())
    for verb in ("read", "like"):
        told = {"verb": verb, "external_id": asked, "channel": "whatsapp_message", "route": {"to": ADA}}
        await whatsapp.moderate(sdk.Action.model_validate(told))
    (stored,) = list(business.world.files)[:1]
    attachment = sdk.Attachment(kind="image", external_id=stored)
    assert b"".join([piece async for piece in whatsapp.download(attachment)]) == b"content"


def shape_of(exchange: Exchange) -> str:
    """A call without its ids: what distinguishes one kind of request from another."""
    url = urlsplit(exchange.url)
    path = re.sub(r"/\d+(?=/|$)", "/{id}", url.path.removeprefix("/v25.0"))
    names = {name for name, _ in parse_qsl(url.query)} - {"appsecret_proof"}
    if exchange.body.startswith(b"{"):
        body = json.loads(exchange.body)
        inner = body.get(body.get("type", ""), {})
        names |= {*body, body.get("type", ""), *(inner if isinstance(inner, dict) else ())}
        names.add(str(inner.get("type", "")) if isinstance(inner, dict) else "")
    return f"{exchange.method} {path} {' '.join(sorted(names))}"


async def test_every_request_and_every_answer_is_as_meta_describes_it(
    connected: Callable[..., WhatsApp], business: Twin, description: Several, exchanges: list[Exchange]
) -> None:
    """Calls that the description knows, with parameters and bodies that it knows, and answers in its words."""
    await everything(connected, business)
    judged = [exchange for exchange in exchanges if not exchange.url.startswith(UNDESCRIBED)]
    mistakes = {
        mistake
        for exchange in judged
        for judge in (description.parameters, description.request, description.answer)
        for mistake in judge(exchange)
    }

    assert [each.url for each in judged if description.operation(each) is None] == []
    assert {each for each in mistakes if not any(re.search(known, each) for known in EXCUSED)} == set()
    assert [known for known in EXCUSED if not any(re.search(known, each) for each in mistakes)] == []
    assert all(exchange.status == 200 for exchange in exchanges)
    assert len({shape_of(exchange) for exchange in judged}) == 28


async def test_the_description_finds_mistakes(
    connected: Callable[..., WhatsApp], business: Twin, description: Several, exchanges: list[Exchange]
) -> None:
    """A message whose text has another name, and one to nobody, are noticed."""
    business.write(ADA, "text", {"body": "Open?"})
    await send(connected(references=False), an_answer())
    (good,) = exchanges
    body = json.loads(good.body)

    def spoiled(**changes: Any) -> list[str]:
        told = {name: value for name, value in {**body, **changes}.items() if value is not None}
        return list(description.request(Exchange(**{**vars(good), "body": json.dumps(told).encode()})))

    assert spoiled() == []
    assert spoiled(text={"boddy": "Yes"})
    assert spoiled(to=None)
    assert spoiled(type="txt")


def test_the_description_refuses_its_own_examples_of_messages_that_come_in(specs: Path, whole: Any) -> None:
    """It judges them by the shape of those that go out: the sandbox's hooks are compared with the examples instead."""
    judge = read(specs / "whatsapp" / NAME)
    examples = whole["paths"]["/whatsapp/webhooks"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    refused = {
        name for name, each in examples.items() if list(judge.hook(json.dumps(each["value"], default=str).encode()))
    }

    assert "Text Message" in refused


async def test_the_hooks_of_the_sandbox_have_the_form_of_the_examples(business: Twin, whole: Any) -> None:
    """The same names at the same places, for each kind of message that people send."""
    examples = whole["paths"]["/whatsapp/webhooks"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    kinds = ("Text Message", "Image Message", "Location Message", "Reaction Message", "Order Message", "Button Message")
    for name in kinds:
        example = examples[name]["value"]
        (message,) = example["entry"][0]["changes"][0]["value"]["messages"]
        target = message.get("context", {}).get("id", "")
        business.write(ADA, message["type"], message[message["type"]], target=target)
        (hook,) = business.hooks()
        sent = json.loads(hook.body)
        (entry,) = sent["entry"]
        entry.pop("time")  # Meta's own webhooks have it, and these examples leave it out
        assert places(sent) == places(example), name


def places(value: Any, where: str = "") -> set[str]:
    """Where in a body something is."""
    if isinstance(value, dict):
        return {each for name, part in value.items() for each in places(part, f"{where}/{name}")}
    if isinstance(value, list):
        return {each for part in value for each in places(part, f"{where}[]")}
    return {where}
