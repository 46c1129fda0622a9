"""Answers that exceed one call: split into several visible things, each claimed by itself, in their order."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import NamedTuple

import msgspec

import chorally_sdk as sdk
from chorally_core.events.records import Attached
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.model import EARLIER_PART, Delivery
from chorally_sdk.text import length

_LOOK_AGAIN = timedelta(seconds=2)
_LOOK_LATER = timedelta(seconds=30)
_BREAKS = ("\n\n", "\n", ". ", "! ", "? ", "; ", ", ", " ")
_MADE = frozenset({"sent", "delivered", "read", "accepted"})


class Piece(NamedTuple):
    """What one call carries."""

    body: str
    attachments: tuple[Attached, ...] = ()


class Gate(NamedTuple):
    """Why a part may not go yet; without ``wait`` it never may."""

    wait: timedelta | None
    why: str


def pieces(body: str, attachments: Sequence[Attached], limits: sdk.Limits, own: Callable[[str], int]) -> list[Piece]:
    """Return an answer as the calls that it takes; one where it may not be split, or need not be.

    Args:
        body: The text.
        attachments: Its files; each call takes ``max_media`` of them.
        limits: What one call takes.
        own: The platform's own measure.
    """
    texts = [body]
    if limits.parts > 1 and limits.max_text is not None:
        texts = split(body, limits.max_text, lambda text: length(text, limits.unit, own))
    files = [tuple(attachments)]
    if limits.parts > 1 and limits.max_media:
        files = [tuple(attachments[at : at + limits.max_media]) for at in range(0, len(attachments), limits.max_media)]
    if body and attachments and not limits.captions:
        return [*(Piece(text) for text in texts), *(Piece("", some) for some in files)]
    return [Piece(text or "", some or ()) for text, some in zip_longest(texts, files)]


def split(text: str, most: int, measure: Callable[[str], int]) -> list[str]:
    """Return a text in pieces none of which is longer than ``most``, broken where people would break it."""
    found: list[str] = []
    rest = text.strip()
    while measure(rest) > most:
        end = _longest(rest, most, measure)
        cut = _break(rest, end)
        found.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*found, rest] if rest or not found else found


def _longest(text: str, most: int, measure: Callable[[str], int]) -> int:
    """How many characters go into one piece; one at least."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= most else (low, middle - 1)
    return low


def _break(text: str, end: int) -> int:
    """Where to break before ``end``: between paragraphs, else sentences, else words, unless too much would be left."""
    for mark in _BREAKS:
        at = text.rfind(mark, 0, end + 1)
        cut = at + len(mark.rstrip())
        if at > 0 and end // 3 <= cut <= end:
            return cut
    return end


class Parts:
    """Splits answers, and keeps their parts in order."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def _documents(self) -> Documents:
        return self._ledger.documents

    async def split(self, delivery: Delivery, wanted: Sequence[Piece]) -> None:
        """Store an answer as its parts; the first keeps its id. The parts are stored first, so a kill repeats it.

        Raises:
            Conflict: Somebody else splits it at the same time.
        """
        count = len(wanted)
        first, *others = (
            msgspec.structs.replace(delivery, body=piece.body, attachments=piece.attachments, parts=count)
            for piece in wanted
        )
        keys = [Key.by_id(Delivery, _id(delivery, number)) for number in range(2, count + 1)]
        known = await self._documents.load(keys)
        parts = []
        for number, (key, part) in enumerate(zip(keys, others, strict=True), 2):
            stored = known.get(key)
            name = _id(delivery, number)
            parts.append(
                msgspec.structs.replace(
                    part, id=name, whole=delivery.id, part=number, template=None, next_at=delivery.next_at,
                    client_ref=Delivery.client_ref_of(delivery.id, number), version=stored.version if stored else 0,
                )
            )  # fmt: skip
        await self._ledger.commit(Work([Step.of([*parts, first])]))

    async def gate(self, delivery: Delivery) -> Gate | None:
        """Return why a part may not go yet; None where it may."""
        if not delivery.whole:
            return None
        before = await self._documents.get(Delivery, _id_of(delivery.whole, delivery.part - 1))
        if before is None or delivery.part > before.parts > 1:
            return Gate(None, "the part before it is gone")
        number = f"part {before.part} of {delivery.parts}"
        if before.parts == 1:
            return Gate(_LOOK_AGAIN, "the answer is being split")
        if before.state in _MADE:
            return None
        if before.state == "failed":
            return Gate(None, f"{number} was not made")
        return Gate(_LOOK_LATER if before.needs_person else _LOOK_AGAIN, f"{number} goes first")

    async def after(self, delivery: Delivery) -> list[Delivery]:
        """Return the later parts of an answer that were given up because of this one."""
        later = [part for part in await parts_of(self._documents, delivery) if part.part > delivery.part]
        return [part for part in later if part.state == "failed" and part.reason == EARLIER_PART]


async def parts_of(documents: Documents, delivery: Delivery) -> list[Delivery]:
    """Return all parts of the message of which a delivery is one, in their order."""
    keys = keys_of(delivery)
    found = await documents.load(keys)
    return [part for key in keys if isinstance(part := found.get(key), Delivery)]


def keys_of(delivery: Delivery) -> list[Key]:
    """Return the keys of all parts of the message of which a delivery is one, in their order."""
    return [Key.by_id(Delivery, _id_of(delivery.message_id, number)) for number in range(1, delivery.parts + 1)]


def _id(delivery: Delivery, number: int) -> str:
    return _id_of(delivery.id, number)


def _id_of(whole: str, number: int) -> str:
    return whole if number == 1 else f"{whole}/{number:02d}"
