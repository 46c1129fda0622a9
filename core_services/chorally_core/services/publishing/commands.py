"""What is done with posts, as pure decisions: draft, change, hand in, decide, hand over, cancel.

A post is one record, so whatever is decided about its approval and what goes out because of it become durable
together, or neither does. ``_released`` alone gives commands, and refuses what is not approved as it is.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from chorally_core.ports.colleagues import Colleague
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.publishing.approval import Approval, NotPossible, Step
from chorally_core.services.publishing.facts import US, Actor, command, name_of, told
from chorally_core.services.publishing.model import Publication, Target, settled, target_id

BEFORE_OUT = ("draft", "submitted", "approved", "rejected", "scheduled", "cancelled")
_ASKED = ("submitted", "approved", "scheduled")


class Unapproved(Exception):
    """Something was about to go out that nobody has approved: an error of ours, and nothing goes out."""


def drafted(
    *,
    publication_id: str,
    tenant: str,
    content: Mapping[str, Any],
    targets: Sequence[Target],
    actor: Actor,
    at: datetime,
    known: Publication | None,
) -> Publication | None:
    """Return a new draft; None where it is there already.

    Args:
        publication_id: Its id; the same request has the same.
        tenant: Whose it is.
        content: The fields of ``Publication`` that were written.
        targets: Where it goes; their ids are given here.
        actor: Who writes it.
        at: Now.
        known: The post of that id, where there is one.
    """
    if known is not None:
        return None
    by = name_of(actor)
    draft = Publication(id=publication_id, tenant=tenant, at=at, created_by=actor[1], created_at=at, authors=(by,))
    return settled(draft, **content, targets=_numbered(publication_id, targets))


def add(draft: Publication, *, steps: Sequence[Step] | None, actor: Actor, at: datetime) -> Change:
    """Return a new draft as it is stored; handed in at once where ``steps`` says who is asked."""
    if steps is None:
        return Change((draft,), (told("publication_drafted", draft, actor, at),))
    return submit(draft, steps=steps, actor=actor, at=at)


def edit(
    publication: Publication,
    *,
    content: Mapping[str, Any],
    targets: Sequence[Target] | None,
    steps: Sequence[Step],
    actor: Actor,
    at: datetime,
) -> Change:
    """Return a post with another content; what was handed in, or approved, asks again at once.

    Raises:
        NotPossible: It is out.
    """
    if publication.stage not in BEFORE_OUT:
        raise NotPossible("the post is out; what people see is changed by a revision")
    changed = settled(
        publication,
        **content,
        targets=publication.targets if targets is None else _numbered(publication.id, targets),
    )
    if changed == publication:
        return NOTHING
    if changed.content_hash() == publication.content_hash():
        return Change((changed,), (told("publication_edited", changed, actor, at),))
    authors = tuple(dict.fromkeys((*publication.authors, name_of(actor))))
    asks = publication.stage in _ASKED
    changed = settled(
        changed, authors=authors, stage="draft", due_at=None, approval=publication.approval.ended()
    )  # fmt: skip
    if not asks:
        return Change((changed,), (told("publication_edited", changed, actor, at),))
    return submit(changed, steps=steps, actor=actor, at=at, also=("publication_edited",))


def submit(
    publication: Publication, *, steps: Sequence[Step], actor: Actor, at: datetime, also: Sequence[str] = ()
) -> Change:
    """Return a post that is handed in: asked for, or on its way where nobody is asked.

    Raises:
        NotPossible: It is out, cancelled, or approved already.
    """
    if publication.stage not in ("draft", "rejected", "submitted"):
        raise NotPossible(f"the post is {publication.state}; only a draft is handed in")
    if not publication.targets:
        raise NotPossible("the post goes nowhere; name an account and a channel")
    approval = publication.approval.asked(publication.content_hash(), steps, name_of(actor), at)
    asked = settled(publication, stage="submitted", approval=approval, due_at=None)
    kinds = (*also, "publication_submitted")
    if approval.is_asked:
        return Change((asked,), tuple(told(kind, asked, actor, at) for kind in kinds))
    return _approved(asked, kinds, actor, at, late=True)


def decide(
    publication: Publication,
    person: Colleague,
    verdict: Literal["approved", "rejected"],
    *,
    content_hash: str,
    comment: str,
    colleagues: Mapping[str, Colleague],
    at: datetime,
) -> Change:
    """Return a post after somebody decided about it; the last approval that it needs lets it go on.

    Args:
        publication: As it is.
        person: Who decides.
        verdict: What they say.
        content_hash: Of what they have seen.
        comment: Why.
        colleagues: Those who decided before, as they are now.
        at: Now.

    Raises:
        NotYours: The person may not decide about it.
        NotPossible: It is not asked for, or it is not what the person has seen.
    """
    if publication.stage != "submitted":
        raise NotPossible(f"the post is {publication.state}; nobody is asked to decide")
    _same(publication.content_hash(), content_hash)
    approval = publication.approval.decided(
        content_hash, person, verdict, comment=comment, authors=publication.authors, colleagues=colleagues, at=at
    )
    if approval == publication.approval:
        return NOTHING
    actor: Actor = ("agent", person.id)
    decided = settled(publication, approval=approval)
    if verdict == "rejected":
        decided = settled(decided, stage="rejected")
        return Change((decided,), (told("publication_rejected", decided, actor, at),))
    if approval.is_asked:
        return Change((decided,), (told("publication_approval_given", decided, actor, at),))
    return _approved(decided, ("publication_approved",), actor, at)


def withdraw(publication: Publication, *, comment: str, actor: Actor, at: datetime) -> Change:
    """Return a post that is a draft again, whatever was approved of it; nothing where it is one.

    Raises:
        NotPossible: It is on its way, or out, or cancelled.
    """
    if publication.stage == "draft":
        return NOTHING
    if publication.stage not in (*_ASKED, "rejected"):
        raise NotPossible(f"the post is {publication.state}; it cannot be withdrawn any more")
    noted = publication.approval.noted(name_of(actor), "withdrawn", comment, at)
    draft = settled(publication, stage="draft", due_at=None, approval=noted.ended())
    return Change((draft,), (told("publication_withdrawn", draft, actor, at),))


def publish(publication: Publication, *, actor: Actor, at: datetime) -> Change:
    """Return an approved post on its way, because somebody asks for it; nothing where it is on its way.

    Raises:
        NotPossible: It is not approved, or waits for its time.
    """
    if publication.stage == "out":
        return NOTHING
    if publication.stage != "approved":
        raise NotPossible(f"the post is {publication.state}; only an approved one can be published")
    if publication.publish_at is not None and publication.publish_at > at:
        return _scheduled(publication, (), actor, at)
    return _released(publication, (), actor, at)


def hand_over(publication: Publication, *, at: datetime) -> Change:
    """Return a scheduled post whose time has come, on its way to its channels."""
    if publication.due_at is None or publication.due_at > at or publication.stage != "scheduled":
        return NOTHING
    return _released(publication, (), US, at)


def cancel(publication: Publication, *, actor: Actor, at: datetime) -> Change:
    """Return a post that is not published after all; nothing where it was cancelled before.

    Raises:
        NotPossible: It is on its way, or out.
    """
    if publication.stage == "cancelled":
        return NOTHING
    if publication.stage == "out":
        raise NotPossible(f"the post is {publication.state}; only one that is not on its way can be cancelled")
    cancelled = settled(publication, stage="cancelled", due_at=None, approval=publication.approval.ended())
    return Change((cancelled,), (told("publication_cancelled", cancelled, actor, at),))


def occurred(publication: Publication, at: datetime) -> Change:
    """Return an occurrence of a series, which was approved with it, on its way to its channels."""
    approval = Approval(hash=publication.content_hash(), round=1, approved_at=at)
    return _released(settled(publication, stage="approved", approval=approval), (), US, at)


def _approved(
    publication: Publication, kinds: Sequence[str], actor: Actor, at: datetime, *, late: bool = False
) -> Change:
    """An approved post: on its way, waiting for its time, or for somebody to say so.

    What is approved after its time does not go out by itself, unless nobody had to be asked (``late``).
    """
    if publication.waits or (publication.publish_at is not None and publication.publish_at <= at and not late):
        approved = settled(publication, stage="approved")
        wanted = kinds if "publication_approved" in kinds else (*kinds, "publication_approved")
        return Change((approved,), tuple(told(kind, approved, actor, at) for kind in wanted))
    if publication.publish_at is not None and publication.publish_at > at:
        return _scheduled(publication, kinds, actor, at)
    return _released(publication, kinds, actor, at)


def _scheduled(publication: Publication, kinds: Sequence[str], actor: Actor, at: datetime) -> Change:
    waiting = settled(publication, stage="scheduled", due_at=publication.publish_at)
    return Change((waiting,), tuple(told(kind, waiting, actor, at) for kind in (*kinds, "publication_scheduled")))


def _released(publication: Publication, kinds: Sequence[str], actor: Actor, at: datetime) -> Change:
    if not publication.approval.holds(publication.content_hash()):
        raise Unapproved(f"post {publication.id} is not approved as it is")
    targets = tuple(msgspec.structs.replace(target, fate="queued") for target in publication.targets)
    out = settled(publication, stage="out", due_at=None, targets=targets)
    if publication.publish_at is None:
        out = settled(out, at=at)
    commands = (command(out, target, at) for target in out.targets)
    facts = (told(kind, out, actor, at) for kind in (*kinds, "publication_publishing"))
    return Change((out,), (*commands, *facts))


def _numbered(publication_id: str, targets: Sequence[Target]) -> tuple[Target, ...]:
    return tuple(
        msgspec.structs.replace(target, id=target_id(publication_id, number)) for number, target in enumerate(targets)
    )


def _same(wanted: str, seen: str) -> None:
    if wanted != seen:
        raise NotPossible("the content is not what you have seen; read it again, and decide about its content_hash")


def people_of(publication: Publication) -> Collection[str]:
    """Return who decided about a post."""
    approvals = [publication.approval] + ([publication.revision.approval] if publication.revision else [])
    return {one.by for approval in approvals for one in approval.decisions}
