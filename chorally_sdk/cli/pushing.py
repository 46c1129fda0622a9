"""``push``: one visible message, as a host sends it: refused locally, prepared, and never repeated blindly."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from chorally_sdk.cli.connecting import Access, connected
from chorally_sdk.cli.finding import Found
from chorally_sdk.cli.telling import Told
from chorally_sdk.connector.abilities import Prepares, Replies
from chorally_sdk.connector.base import Connector
from chorally_sdk.errors import OutcomeUnknown
from chorally_sdk.http.client import visible_call
from chorally_sdk.model.outbound import OutboundMessage, Receipt
from chorally_sdk.text import length

MOST_STEPS = 100


@dataclass(frozen=True)
class Wanted:
    """What is to be said, and to whom."""

    body: str
    client_ref: str
    channel: str = ""
    """The first that takes messages where empty."""
    to: str | None = None
    in_reply_to: str | None = None
    conversation: str | None = None
    route: Any = None
    """``Message.route`` of what it answers."""


async def push(found: Found, access: Access, wanted: Wanted) -> Receipt:
    """Send one message and return its receipt.

    Raises:
        Told: It exceeds the limits, or nobody knows whether it was sent.
    """
    if not issubclass(found.connector, Replies):
        raise Told(f"{found.platform} sends no messages")
    async with connected(found, access) as account:
        if account.levers is not None and not (wanted.in_reply_to or wanted.to):
            wanted = await _to_somebody(account.connector, account.levers, wanted)
        message = _message(found, account.connector, wanted)
        message = await _prepared(account.connector, message)
        try:
            with visible_call():
                return await account.connector.push(message)  # type: ignore[attr-defined,no-any-return]
        except OutcomeUnknown as error:
            raise Told(f"{error}\n{_advice(found, wanted)}", status=3) from error


def _message(found: Found, connector: Connector, wanted: Wanted) -> OutboundMessage:
    verb = "reply" if wanted.in_reply_to or wanted.conversation else "send"
    channels = {channel.name: channel for channel in found.connector.manifest.channels}
    able = [name for name, channel in channels.items() if {"reply", "send"} & set(channel.actions)]
    name = wanted.channel or (able[0] if able else "")
    if name not in able:
        raise Told(f"no messages go out on the channel {name!r}; those that take them: {', '.join(able)}")
    actions = channels[name].actions
    if verb not in actions:
        missing = "--in-reply-to" if verb == "send" else "--to"
        raise Told(f"{name} has no action {verb!r}, but {', '.join(actions)}; give {missing}")
    limits = actions[verb]  # type: ignore[index]
    counted = length(wanted.body, limits.unit, connector.measure)
    if limits.max_text is not None and counted > limits.max_text:
        raise Told(f"the text has {counted} {limits.unit}, {name} takes {limits.max_text}; shorten it")
    return OutboundMessage(
        id=wanted.client_ref,
        client_ref=wanted.client_ref,
        channel=name,
        body=wanted.body,
        conversation_id=wanted.conversation,
        in_reply_to=wanted.in_reply_to,
        to=wanted.to,
        route=wanted.route or {},
        tried_at=connector.now(),
    )


async def _prepared(connector: Connector, message: OutboundMessage) -> OutboundMessage:
    if not isinstance(connector, Prepares):
        return message
    for _ in range(MOST_STEPS):
        step = await connector.prepare(message)
        message = message.model_copy(update={"prepared": json.loads(json.dumps(dict(step.state)))})
        if step.ready:
            return message
        await asyncio.sleep(step.wait.total_seconds())
    raise Told(f"after {MOST_STEPS} steps of preparation the message is not ready; nothing was sent", status=1)


async def _to_somebody(connector: Connector, levers: Any, wanted: Wanted) -> Wanted:
    """In the sandbox, what somebody has just said is answered, unless told otherwise."""
    from chorally_sdk.testing.bench import Bench

    if "say" not in levers.offered():
        return wanted
    said = await Bench(type(connector), levers, None).a_message()
    changes = {"in_reply_to": said.external_id, "conversation": said.conversation_id, "route": dict(said.route)}
    return Wanted(**{**vars(wanted), **changes, "channel": wanted.channel or said.channel})


def _advice(found: Found, wanted: Wanted) -> str:
    kinds = {limits.dedupe for c in found.connector.manifest.channels for limits in c.actions.values()}
    if "native_key" in kinds:
        return f"the same call under the same reference makes no second copy: add --client-ref {wanted.client_ref}"
    return "look on the platform whether it is there before you send it again"
