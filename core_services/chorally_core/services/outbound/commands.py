"""Beginning conversations: pure decisions.

What is asked for becomes a message of the message service, which opens its ticket and has the channel send it.
"""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from chorally_core.events import AuthorAdd, Event, MessageAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import Attached, Templated
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.ports.reaching import Reached
from chorally_core.services.outbound.facts import SERVICE, US, Actor, about_opening
from chorally_core.services.outbound.model import Opening

_SUBJECT = 500


class Said(NamedTuple):
    """What the first message says."""

    body: str = ""
    attachments: tuple[Attached, ...] = ()
    template: Templated | None = None
    options: dict[str, Any] = {}
    conversation_id: str = ""


def begin(
    known: Opening | None,
    reached: Reached,
    said: Said,
    *,
    message_id: str,
    tenant: str,
    account_id: str,
    channel: str,
    name: str,
    actor: Actor,
    at: datetime,
) -> Change:
    """Return a conversation as it is begun; nothing where it was.

    Args:
        known: The conversation of that message, where there is one.
        reached: Who it is with.
        said: Its first message.
        message_id: The message's id; the same request has the same.
        tenant: Whose it is.
        account_id: In whose name.
        channel: On which channel.
        name: The person's name, where it is known.
        actor: Who begins it.
        at: Now.
    """
    if known is not None:
        return NOTHING
    opening = Opening(
        id=message_id, tenant=tenant, account_id=account_id, platform=reached.platform, channel=channel,
        author_id=reached.author_id, to=reached.external_id, name=name, created_by=actor[1], created_at=at,
        changed_at=at,
    )  # fmt: skip
    return Change((opening,), requests(opening, reached, said, actor, at))


def send(opening: Opening, reached: Reached, said: Said, *, actor: Actor, at: datetime) -> Change:
    """Return the message of somebody on a list whose turn it is, as it is asked for; it is asked for once."""
    if opening.state != "waiting":
        return NOTHING
    asked = msgspec.structs.replace(opening, state="asked", waits_in=None, values={}, changed_at=at)
    return Change((asked,), requests(asked, reached, said, actor, at))


def skip(opening: Opening, why: str, at: datetime) -> Change:
    """Return the message of somebody on a list that is not sent, with the reason."""
    if opening.state != "waiting":
        return NOTHING
    skipped = msgspec.structs.replace(opening, state="skipped", waits_in=None, values={}, error=why, changed_at=at)
    cause = derived("skip", opening.id)
    return Change((skipped,), (about_opening("conversation_skipped", skipped, US, at, cause),))


def requests(
    opening: Opening, reached: Reached, said: Said, actor: Actor, at: datetime
) -> tuple[Event[Any], Event[Any]]:
    """Return what is asked of the services that keep authors and messages."""
    cause = derived("begin", opening.id)
    conversation = reached.conversation_key(opening.id, said.conversation_id)
    key = f"{opening.tenant}/{reached.author_id}"
    person = Event(
        topic=topics.AUTHORS, issuer=SERVICE, name="add",
        data=AuthorAdd(
            id=reached.author_id, platform=opening.platform, external_id=reached.external_id,
            account_id=opening.account_id, name=opening.name,
        ),
        id=derived(cause, topics.AUTHORS), tenant=opening.tenant, key=key, occurred_at=at, caused_by=cause,
    )  # fmt: skip
    first = next((line.strip() for line in said.body.splitlines() if line.strip()), "")
    message = Event(
        topic=topics.MESSAGES, issuer=SERVICE, name="add",
        data=MessageAdd(
            id=opening.id, account_id=opening.account_id, platform=opening.platform, channel=opening.channel,
            conversation_key=conversation, external_id="", external_conversation_id=said.conversation_id,
            external_created_at=at, received_at=at, author_id=reached.author_id, author_name=opening.name,
            direction="outbound", origin="here", body=said.body,
            subject=str(said.options.get("subject") or first)[:_SUBJECT], attachments=said.attachments,
            options=said.options, template=said.template, to=reached.external_id, actor_kind=actor[0],
            actor_id=actor[1],
        ),
        id=derived(cause, topics.MESSAGES), tenant=opening.tenant, key=key, occurred_at=at, caused_by=cause,
    )  # fmt: skip
    return person, message
