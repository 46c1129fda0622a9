"""Groups authors who are one person, and takes groups apart again. Authors are never changed by it.

Each change bumps the contact that is changed and the one at its head, both by compare-and-swap. So of two changes that
do not go together, such as merging each of two contacts into the other, one is decided again on what the other left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Conflict, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.services.author.contact_model import MOST, Contact, Evidence, Merge
from chorally_core.services.author.handlers import SERVICE
from chorally_core.services.author.identifying import KINDS
from chorally_core.services.author.model import Author

_TRIES = 8
_SUGGESTED = 50  # authors who share one value that are looked at

Actor = tuple[ActorKind, str]
Check = Callable[["Group"], None]


class _Moved(Exception):
    """A contact is not as it was when the change was planned."""


@dataclass(frozen=True)
class Group:
    """A contact with all that was merged into it."""

    head: Contact
    nodes: tuple[Contact, ...]
    """The head first, then what was merged into it, each behind what it was merged into."""

    @property
    def author_ids(self) -> tuple[str, ...]:
        """Return the ids of its authors."""
        return tuple(node.author_id for node in self.nodes if node.author_id is not None)

    def below(self, contact_id: str) -> tuple[str, ...]:
        """Return the ids of the authors that came with one of its contacts."""
        inside = {contact_id}
        for node in self.nodes:
            if node.part_of in inside:
                inside.add(node.id)
        return tuple(node.author_id for node in self.nodes if node.id in inside and node.author_id is not None)


@dataclass(frozen=True)
class Suggestion:
    """Somebody who may be the same person, and why."""

    group: Group
    evidence: tuple[Evidence, ...]


class Contacts:
    """Reads and changes the contacts of tenants."""

    def __init__(self, documents: Documents, actions: Actions) -> None:
        self._documents = documents
        self._actions = actions

    async def of_author(self, tenant: str, author_id: str) -> Group | None:
        """Return the contact of an author; None where there is no such author."""
        author = await self._documents.get(Author, author_id)
        if author is None or author.tenant != tenant or author.erased_at is not None:
            return None
        known = await self._documents.get(Contact, Contact.id_of(author_id))
        if known is None:
            own = Contact.own(tenant, author_id)
            return Group(own, (own,))
        return await self._group(known)

    async def get(self, tenant: str, contact_id: str) -> Group | None:
        """Return a contact by its id, or by that of one that was merged into it; None where there is none."""
        known = await self._documents.get(Contact, contact_id)
        if known is None:
            author_id = Contact.author_of(contact_id)
            return None if author_id is None else await self.of_author(tenant, author_id)
        return await self._group(known) if known.tenant == tenant else None

    async def authors(self, group: Group) -> list[Author]:
        """Return the authors of a contact, in its order."""
        found = await self._documents.load([Key.by_id(Author, author_id) for author_id in group.author_ids])
        by_id = {author.id: author for author in found.values() if isinstance(author, Author) and not author.erased_at}
        return [by_id[author_id] for author_id in group.author_ids if author_id in by_id]

    async def merge(
        self,
        tenant: str,
        kept: str,
        other: str,
        *,
        merge_id: str,
        actor: Actor,
        at: datetime,
        check: Check = lambda group: None,
    ) -> Group:
        """Return the contact after another was merged into it; the same ``merge_id`` again changes nothing.

        Args:
            tenant: Whose they are.
            kept: Id of an author of the contact that the other is merged into.
            other: Id of an author of the other.
            merge_id: Names the merge.
            actor: Who says that they are one person.
            at: Now.
            check: Raises where the contact is not as it was seen.

        Raises:
            Refused: One of them is not there, or they would be too many, or they are one already.
        """
        for _ in range(_TRIES):
            into, source = await self._both(tenant, kept, other)
            done = next(
                (n for n in (*into.nodes, *source.nodes) if n.merge is not None and n.merge.id == merge_id), None
            )
            if done is not None:
                return into
            check(into)
            if None in (into.head.author_id, source.head.author_id):
                raise Refused("conflict", "being-erased", "one of them is being erased; try again in a moment")
            if into.head.id == source.head.id:
                raise Refused("conflict", "same-contact", "they are one contact already")
            if len(into.nodes) + len(source.nodes) > MOST:
                raise Refused("conflict", "contact-full", f"a contact has at most {MOST} authors")
            evidence = await self.evidence(into, source) or ()
            merge = Merge(merge_id, at, actor[0], actor[1], (*evidence, Evidence("agent", actor[0] == "agent")))
            if await self._made(into, source, merge):
                return await self._again(tenant, kept)
        raise Conflict(Contact.kind, kept)

    async def undo(
        self,
        tenant: str,
        group: Group,
        merge_id: str,
        *,
        actor: Actor,
        at: datetime,
        check: Check = lambda group: None,
    ) -> tuple[Group, Group]:
        """Return what a merge had joined, apart again: what is left of the contact, and what goes its own way.

        Raises:
            Refused: There is no such merge, or it was undone.
        """
        for _ in range(_TRIES):
            check(group)
            node = next((n for n in group.nodes if n.merge is not None and n.merge.id == merge_id), None)
            if node is None:
                raise Refused("missing", "unknown-merge", "there is no such merge of this contact; it may be undone")
            if await self._undone(group, node, actor, at):
                left, gone = await self.get(tenant, group.head.id), await self.get(tenant, node.id)
                if left is None or gone is None:
                    raise Refused("missing", "unknown-contact", "the contact was erased just now")
                return left, gone
            again = await self.get(tenant, group.head.id)
            if again is None:
                raise Refused("missing", "unknown-contact", "there is no such contact")
            group = again
        raise Conflict(Contact.kind, group.head.id)

    async def evidence(self, group: Group, other: Group) -> tuple[Evidence, ...]:
        """Return what two contacts have in common that says who they are."""
        ours, theirs = await self.authors(group), await self.authors(other)
        return _in_common(ours, theirs)

    async def suggested(self, group: Group) -> list[Suggestion]:
        """Return the contacts that may be the same person, those with the best reasons first."""
        ours = await self.authors(group)
        tenant, members = group.head.tenant, set(group.author_ids)
        others: dict[str, Author] = {}
        for kind in KINDS:
            values = sorted({value for author in ours if (value := getattr(author, f"{kind}_key")) is not None})
            if values:
                where = (Condition(f"{kind}_key", "in", values), Condition("erased_at", "absent"))
                most = _SUGGESTED + len(members)  # who is in the contact has the value too, and takes no place
                found = await self._documents.find(Query(Author, tenant, where, limit=most))
                others |= {author.id: author for author in found if author.id not in members}
        groups: dict[str, Group] = {}
        for author_id in others:
            if (found_group := await self.of_author(tenant, author_id)) is not None:
                groups[found_group.head.id] = found_group
        suggestions = [
            Suggestion(each, _in_common(ours, await self.authors(each)))
            for each in groups.values()
            if each.head.id != group.head.id
        ]
        return sorted(suggestions, key=lambda s: (-sum(2 if e.verified else 1 for e in s.evidence), s.group.head.id))

    async def _both(self, tenant: str, kept: str, other: str) -> tuple[Group, Group]:
        groups = [await self.of_author(tenant, author_id) for author_id in (kept, other)]
        into, source = groups
        if into is None or source is None:
            raise Refused("missing", "unknown-author", "there is no such author, or they were erased")
        return into, source

    async def _again(self, tenant: str, author_id: str) -> Group:
        group = await self.of_author(tenant, author_id)
        if group is None:
            raise Refused("missing", "unknown-author", "the author was erased just now")
        return group

    async def _made(self, into: Group, source: Group, merge: Merge) -> bool:
        """Whether a merge could be made on what it was planned on."""
        bare = [node for node in (into.head, source.head) if not node.version]
        if bare:
            await self._actions.act([], lambda _: Change(tuple(msgspec.structs.replace(node) for node in bare)))
            return False
        authors = [node.author_id for node in (into.head, source.head) if node.author_id is not None]

        def decide(found: Found) -> Change:
            _check(found, (into.head, source.head), authors)
            head = msgspec.structs.replace(into.head, gathered_at=merge.at)
            moved = source.head.merged(head, merge)
            told = [
                _fact("contact_merged", source.head, merge, into.head.tenant),
                _fact("contact_extended", into.head, merge, into.head.tenant),
            ]
            return Change((moved,), tuple(told), mended=(head,))

        return await self._acted((into.head, source.head), authors, decide)

    async def _undone(self, group: Group, node: Contact, actor: Actor, at: datetime) -> bool:
        parent = next(each for each in group.nodes if each.id == node.part_of)
        touched = tuple({each.id: each for each in (group.head, parent, node)}.values())

        def decide(found: Found) -> Change:
            _check(found, touched, [])
            merge = node.merge
            if merge is None:
                return NOTHING
            held = {each.part_of for each in group.nodes if each.id != node.id}
            above = {each.id: each for each in (group.head, parent)}.values()
            bumped = tuple(
                msgspec.structs.replace(each, gathered_at=each.gathered_at if each.id in held else None)
                for each in above
            )
            undone = msgspec.structs.replace(
                merge, id=derived(merge.id, "undone"), at=at, by_kind=actor[0], by=actor[1]
            )
            told = _fact("contact_merge_undone", node, undone, node.tenant)
            return Change((node.apart(),), (told,), mended=bumped)

        return await self._acted(touched, [], decide)

    async def _acted(self, nodes: Sequence[Contact], authors: Sequence[str], decide: Any) -> bool:
        keys = [*(Key.by_id(Contact, node.id) for node in nodes), *(Key.by_id(Author, name) for name in authors)]
        try:
            await self._actions.act(keys, decide)
        except (_Moved, Conflict):
            return False
        return True

    async def _group(self, node: Contact) -> Group:
        head, passed = node, {node.id}
        while head.part_of is not None:
            above = await self._documents.get(Contact, head.part_of)
            if above is None or above.id in passed:
                break
            passed.add(above.id)
            head = above
        nodes, level = [head], [head.id]
        while level and len(nodes) <= 2 * MOST:
            where = (Condition("part_of", "in", level),)
            found: list[Contact] = await self._documents.find(Query(Contact, head.tenant, where, limit=2 * MOST))
            known = {each.id for each in nodes}
            new = [each for each in found if each.id not in known]
            nodes += new
            level = [each.id for each in new]
        return Group(head, tuple(nodes))


def _check(found: Found, nodes: Sequence[Contact], authors: Sequence[str]) -> None:
    """Go on only where the contacts are as they were planned on, and nobody was erased meanwhile."""
    for node in nodes:
        now = found.get(Contact, node.id)
        if now is None or now.version != node.version:
            raise _Moved
    for author_id in authors:
        author = found.get(Author, author_id)
        if author is None or author.erased_at is not None:
            raise _Moved


def _in_common(ours: Sequence[Author], theirs: Sequence[Author]) -> tuple[Evidence, ...]:
    found: dict[str, bool] = {}
    for kind in KINDS:
        for one in ours:
            value = getattr(one, f"{kind}_key")
            for other in theirs:
                if value is not None and getattr(other, f"{kind}_key") == value:
                    verified = kind not in one.said and kind not in other.said
                    found[kind] = found.get(kind, False) or verified
    return tuple(Evidence(kind, verified) for kind, verified in found.items())


def _fact(what: str, contact: Contact, merge: Merge, tenant: str) -> Event[LogAdd]:
    """What became of one contact; of the other it says nothing, so that an erasure leaves no trace there."""
    data = LogAdd(
        kind=what, subject_type="contact", subject_id=contact.id, version=contact.version + 1,
        author_id=contact.author_id, actor_kind=merge.by_kind, actor_id=merge.by,
        snapshot={"evidence": [each.kind for each in merge.evidence]},
    )  # fmt: skip
    return Event(
        topic=topics.LOGS, issuer=SERVICE, name="add", data=data, id=derived(merge.id, what, contact.id), tenant=tenant,
        key=f"{tenant}/{contact.author_id}", occurred_at=merge.at, caused_by=merge.id,
    )  # fmt: skip
