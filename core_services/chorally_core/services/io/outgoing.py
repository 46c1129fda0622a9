"""A delivery as its connector gets it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

import chorally_sdk as sdk
from chorally_core.ports.secrets import Vault
from chorally_core.services.io.directory import Directory, publishes, replies
from chorally_core.services.io.model import Delivery
from chorally_core.services.io.refusal import is_late
from chorally_core.telemetry import traces


def limits_of(directory: Directory, delivery: Delivery) -> sdk.Limits:
    """Return what the channel allows an answer or a post; no limits where its connector is gone."""
    connector = directory.connectors.get(delivery.platform)
    if connector is None:
        return sdk.Limits()
    try:
        return connector.manifest.channel(delivery.channel).actions.get(delivery.verb) or sdk.Limits()
    except LookupError:
        return sdk.Limits()


def outgoing(
    delivery: Delivery, limits: sdk.Limits, vault: Vault, now: datetime
) -> sdk.OutboundMessage | sdk.Publication:
    """Return the message or post to be made, with its route opened."""
    template = delivery.template
    common: dict[str, Any] = {
        "id": delivery.id,
        "client_ref": delivery.client_ref,
        "channel": delivery.channel,
        "body": delivery.body,
        "attachments": tuple(
            sdk.Attachment.model_validate({name: getattr(attached, name) for name in sdk.Attachment.model_fields})
            for attached in delivery.attachments
        ),
        "options": delivery.options,
        "prepared": delivery.prepared,
        "tried_at": delivery.tried_at,
        "receipt": _receipt(delivery),
    }
    if delivery.verb == "publish":
        return sdk.Publication(**common)
    return sdk.OutboundMessage(
        **common,
        conversation_id=delivery.conversation_id,
        in_reply_to=delivery.in_reply_to,
        to=delivery.to,
        route=vault.open(delivery.route) if delivery.route else {},
        template=sdk.Template(name=template.name, language=template.language, values=template.values)
        if template is not None
        else None,
        late=is_late(delivery, limits, now) and not delivery.automatic,
    )


async def made_visible(connector: sdk.Connector, wanted: sdk.OutboundMessage | sdk.Publication) -> sdk.Receipt:
    """Make the one visible call.

    Raises:
        Unsupported: The connector has no such ability.
    """
    if isinstance(wanted, sdk.Publication):
        return await publishes(connector).publish(wanted)
    return await replies(connector).push(wanted)


def check_able(connector: sdk.Connector, delivery: Delivery) -> None:
    """Refuse what the connector cannot make.

    Raises:
        Unsupported: It has no such ability.
    """
    if delivery.verb == "publish":
        publishes(connector)
    else:
        replies(connector)


def _receipt(delivery: Delivery) -> sdk.Receipt | None:
    """What the platform answered to the visible call, while that is not certain yet."""
    if delivery.state != "accepted":
        return None
    return sdk.Receipt(
        external_id=delivery.external_id, state="accepted", conversation_id=delivery.conversation_id,
        url=delivery.external_url, data=delivery.receipt,
    )  # fmt: skip


@contextmanager
def traced(delivery: Delivery) -> Iterator[Delivery]:
    """Trace one step of a delivery; gives the delivery, which carries the trace on to what becomes of it."""
    name = f"deliver {delivery.channel}"
    about: dict[str, Any] = {"tenant": delivery.tenant, "delivery_id": delivery.id, "state": delivery.state}
    with traces.follow(delivery.traceparent, name, **about) as here:
        yield msgspec.structs.replace(delivery, traceparent=here) if here else delivery
