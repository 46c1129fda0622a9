"""Builders of the tests: messages that go out, and webhooks as WhatsApp sends them, saying only what matters."""

import json
from collections.abc import AsyncIterator
from typing import Any

from chorally_whatsapp import WhatsApp

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

REF = "0123456789abcdef0123456789abcdef"
ADA = "15550007777"
NUMBER = "106000000000001"


async def pieces(_: sdk.Attachment) -> AsyncIterator[bytes]:
    """The content of every file of ours."""
    yield b"con"
    yield b"tent"


def an_answer(body: str = "Yes", **given: Any) -> sdk.OutboundMessage:
    """Build an answer to Ada that is being sent now."""
    told = {"id": "1", "client_ref": REF, "channel": "whatsapp_message", "conversation_id": ADA, "body": body}
    return sdk.OutboundMessage.model_validate({**told, **given})


async def send(connector: WhatsApp, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Take the unseen steps and make the visible call, as a host does."""
    while True:
        step = await connector.prepare(message)
        message = message.model_copy(update={"prepared": json.loads(json.dumps(dict(step.state)))})
        if step.ready:
            break
    with sdk.visible_call():
        return await connector.push(message)


def a_file(media_type: str = "image/png", **given: Any) -> sdk.Attachment:
    """Build a file of ours."""
    told = {"kind": "file", "external_id": "f", "media_type": media_type, "size_bytes": 7, "name": "map.png"}
    return sdk.Attachment.model_validate({**told, **given})


def a_value(**parts: Any) -> dict[str, Any]:
    """Build what a change says of our number."""
    named = {"display_phone_number": "+1 555-010-0001", "phone_number_id": NUMBER}
    return {"messaging_product": "whatsapp", "metadata": named, **parts}


def a_message(kind: str = "text", content: Any = None, **given: Any) -> dict[str, Any]:
    """Build a message of Ada's as webhooks tell of it."""
    content = {"body": "Are you open?"} if kind == "text" and content is None else content
    told = {
        "from": ADA,
        "id": "wamid.A1",
        "timestamp": "1795424400",
        "type": kind,
        **({kind: content} if content else {}),
    }
    return {**told, **given}


def told(*values: dict[str, Any], field: str = "messages", waba: str = "206000000000001") -> list[sdk.Event]:
    """Return what a webhook of some changes tells."""
    changes = [{"field": field, "value": value} for value in values]
    body = {"object": "whatsapp_business_account", "entry": [{"id": waba, "changes": changes}]}
    return list(connect(WhatsApp).parse(a_hook(json.dumps(body))))


def said(*messages: dict[str, Any], **parts: Any) -> sdk.Message:
    """Return the one message that a webhook of some messages tells."""
    contacts = [{"profile": {"name": "Ada"}, "wa_id": ADA}]
    (event,) = told(a_value(contacts=contacts, messages=list(messages), **parts))
    assert isinstance(event, sdk.Message)
    return event
