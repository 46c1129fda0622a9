"""Which visible things an action is about: a message that went out in parts is all of them."""

from collections.abc import Sequence

import msgspec

import chorally_sdk as sdk
from chorally_core.ports.documents import Documents
from chorally_core.services.io.model import Delivery, Moderation, Target
from chorally_core.services.io.parts import parts_of, pieces

_MADE = ("sent", "delivered", "read")


class NotCertain(Exception):
    """It is not known yet which parts there are; look again later."""


async def targets(documents: Documents, moderation: Moderation, connector: sdk.Connector) -> tuple[Target, ...]:
    """Return what is to be done to each part of a message, in order; nothing where it is one visible thing.

    What is deleted goes from the last part to the first, so that what is left meanwhile reads from its beginning.
    An edit replaces the text of the parts that have one; what the new text has no use for is deleted.

    Raises:
        NotCertain: A part is on its way, or in doubt.
        Rejected: It cannot be done to all parts.
    """
    first = await documents.get(Delivery, moderation.message_id)
    if first is None or first.parts == 1:
        return ()
    parts = await parts_of(documents, first)
    for part in parts:
        if part.state in ("queued", "sending", "unconfirmed") or (part.state == "accepted" and not part.external_id):
            raise NotCertain(f"part {part.part} of {first.parts} is {part.state}; it is waited for")
    made = [part for part in parts if part.state in _MADE or part.state == "accepted"]
    for part in made:
        if part.external_id is None:
            raise sdk.Rejected(f"the platform told no id of part {part.part} of {first.parts}; do it there")
    if moderation.verb == "edit":
        return _edited(moderation, made, connector)
    if moderation.verb == "delete":
        made = made[::-1]
    return tuple(_target(part, moderation.verb) for part in made)


def _edited(moderation: Moderation, made: Sequence[Delivery], connector: sdk.Connector) -> tuple[Target, ...]:
    actions = connector.manifest.channel(moderation.channel).actions
    limits = actions.get("edit") or sdk.Limits()
    said = [part for part in made if part.body.strip()]
    texts = pieces(moderation.body, (), limits.model_copy(update={"parts": 99}), connector.measure)
    if len(texts) > len(said):
        why = f"the new text takes {len(texts)} parts, the message has {len(said)} with text; shorten it"
        raise sdk.Rejected(why)
    rest = said[len(texts) :]
    if rest and "delete" not in actions:
        why = (
            f"the new text has nothing for {len(rest)} of {len(said)} parts, which cannot be deleted here; lengthen it"
        )
        raise sdk.Rejected(why)
    if any(part.attachments for part in rest):
        raise sdk.Rejected("the new text has nothing for a part that carries a file; lengthen it")
    kept = [_target(part, "edit", piece.body) for part, piece in zip(said, texts, strict=False)]
    return (*kept, *(_target(part, "delete") for part in reversed(rest)))


def _target(part: Delivery, verb: sdk.Verb, body: str = "") -> Target:
    return Target(part=part.part, external_id=part.external_id or "", verb=verb, body=body)


def with_done(moderation: Moderation, target: Target) -> Moderation:
    """Return the moderation after it was done to one part."""
    now = tuple(msgspec.structs.replace(t, is_done=True) if t is target else t for t in moderation.targets)
    return msgspec.structs.replace(moderation, targets=now)


def where(moderation: Moderation, target: Target | None) -> str:
    """Return which part something is said of, to begin an explanation with; empty where there is but one."""
    if target is None:
        return ""
    done = sum(each.is_done for each in moderation.targets)
    seen = f"; {done} of {len(moderation.targets)} parts are done" if done else ""
    return f"part {target.part}{seen}: "
