"""What a connector's events become, in the order in which it must be told."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from chorally_core.events import Event, carrying
from chorally_core.ports.documents import Document
from chorally_core.ports.ledger import Step
from chorally_core.services.io.model import Delivery


class Came(NamedTuple):
    """What some of a connector's events become."""

    events: list[Event[Any]]
    """In the order in which things were said; no document goes with them."""
    writes: list[Document]
    """New documents of which no event tells."""
    moves: list[tuple[Delivery, Event[Any]]]
    """Deliveries in a new state, and the event that tells of each."""
    messages: int

    @classmethod
    def nothing(cls) -> "Came":
        """Return what nothing becomes, to be filled."""
        return cls([], [], [], 0)

    @classmethod
    def joined(cls, parts: Sequence["Came"]) -> "Came":
        """Return what came in parts, one behind the other."""
        if len(parts) == 1:  # as nearly always
            return parts[0]
        return cls(
            [event for part in parts for event in part.events],
            [document for part in parts for document in part.writes],
            [move for part in parts for move in part.moves],
            sum(part.messages for part in parts),
        )

    def steps(self, *documents: Document, removed: Sequence[Document] = (), trace: str = "") -> list[Step]:
        """Return what is to be made durable, with what else is stored at the end.

        Where documents carry events until they are told, those that none carries are told first. So what people
        said is a step without a document: carried, it would come behind what was said later. A delivery carries
        its own event, as a repeat finds it moved and tells nothing.

        Args:
            documents: What else is stored.
            removed: What is used up.
            trace: Trace that the events go on from.
        """
        steps = [Step((), carrying(self.events, trace))]
        steps += [Step.of([moved], carrying([event], trace)) for moved, event in self.moves]
        if self.writes or documents or removed:
            steps.append(Step.of([*self.writes, *documents], (), removed))
        return steps
