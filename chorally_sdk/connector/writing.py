"""Abilities that people see: answers, posts, and what is done to what is there already.

The host claims each visible call before it makes it and never repeats one blindly; what cannot be seen may
be repeated at will.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from chorally_sdk.model.outbound import Action, OutboundMessage, Outgoing, Prepared, Publication, Receipt, Template


class Prepares(ABC):
    """Does beforehand what nobody can see: uploads, containers, drafts."""

    @abstractmethod
    async def prepare(self, outgoing: Outgoing) -> Prepared:
        """Take one unseen, repeatable step from ``outgoing.prepared``; asked for messages and publications alike.

        Its state is stored between steps, so one step is one upload, one poll, one draft; killed before that,
        the step is taken again. Files are read by ``Connector.media``.
        """


class Replies(ABC):
    """Answers people."""

    @abstractmethod
    async def push(self, message: OutboundMessage) -> Receipt:
        """Make the one visible call; it is claimed before, and never repeated blindly."""


class Publishes(ABC):
    """Posts in the account's own name, answering nobody."""

    @abstractmethod
    async def publish(self, publication: Publication) -> Receipt:
        """Make the one visible call; it is claimed before, and never repeated blindly."""


class Finds(ABC):
    """Looks for what a visible call made whose outcome is unknown."""

    @abstractmethod
    async def find(self, outgoing: Outgoing) -> Receipt | None:
        """Return what the call made, or None where it is proven absent.

        Raises:
            OutcomeUnknown: It cannot be told; a person decides.
        """


class Moderates(ABC):
    """Changes what is there already: hides, deletes, likes, edits, marks as read."""

    @abstractmethod
    async def moderate(self, action: Action) -> None:
        """Do it to the target; already so is success, for it is simply repeated."""


class OffersTemplates(ABC):
    """Has texts that may be sent outside the reply window."""

    @abstractmethod
    async def templates(self) -> Sequence[Template]:
        """List the approved texts, all of them."""
