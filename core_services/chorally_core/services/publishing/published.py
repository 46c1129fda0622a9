"""What is done with posts that are out: tried again, revised, deleted. Pure decisions.

New texts for what people see already go through the approval that a post of these accounts goes through, and reach
the platforms once they have passed it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.colleagues import Colleague
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.publishing.approval import Approval, NotPossible, Step
from chorally_core.services.publishing.commands import Unapproved
from chorally_core.services.publishing.facts import Actor, command, moderation, name_of, told
from chorally_core.services.publishing.model import Publication, Revision, Target, settled


def retry(publication: Publication, target_id: str, *, actor: Actor, at: datetime) -> Change:
    """Return a post that is tried again where it failed, with the content that was approved.

    Raises:
        NotPossible: It did not fail there.
    """
    target = _target(publication, target_id)
    if target.fate != "failed":
        raise NotPossible(f"the post is {publication.state_of(target)} there; only what failed can be tried again")
    if not publication.approval.holds(publication.content_hash()):
        raise Unapproved(f"post {publication.id} is not approved as it is")
    again = msgspec.structs.replace(target, fate="queued", error="", retries=target.retries + 1)
    retried = publication.with_target(again)
    return Change((retried,), (command(retried, again, at), told("publication_retried", retried, actor, at)))


def delete(publication: Publication, target_id: str, *, asked: str, actor: Actor, at: datetime) -> Change:
    """Return the command to delete a post where people see it.

    Raises:
        NotPossible: Nobody sees it there, or something else is being done to it.
    """
    target = _target(publication, target_id)
    if target.fate == "deleted" or target.asked == asked:
        return NOTHING
    _seen(publication, target)
    gone = publication.with_target(msgspec.structs.replace(target, asked=asked, asked_error=""))
    ask = moderation(gone, target, "delete", asked=asked, body="", actor=actor, at=at)
    return Change((gone,), (ask, told("publication_deletion_asked", gone, actor, at)))


def revise(
    publication: Publication, bodies: Mapping[str, str], *, steps: Sequence[Step], actor: Actor, at: datetime
) -> Change:
    """Return new texts for a post that people see, handed in; they reach the platforms once they are approved.

    Raises:
        NotPossible: Nobody sees it there yet, or other texts wait for a decision.
    """
    if publication.stage != "out":
        raise NotPossible(f"the post is {publication.state}; change it as it is")
    if publication.revision is not None and publication.revision.state == "submitted":
        raise NotPossible("other texts wait for a decision; withdraw them first")
    for name in bodies:
        _seen(publication, _target(publication, name))
    before = publication.revision.approval if publication.revision is not None else Approval()
    revision = Revision(bodies=dict(bodies), authors=tuple(dict.fromkeys((*publication.authors, name_of(actor)))))
    approval = before.asked(revision.content_hash(publication.id), steps, name_of(actor), at)
    revised = settled(publication, revision=msgspec.structs.replace(revision, approval=approval))
    if approval.is_asked:
        return Change((revised,), (told("publication_revision_submitted", revised, actor, at),))
    return _applied(revised, actor, at, ("publication_revision_submitted",))


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
    """Return a post after somebody decided about its new texts; as for ``commands.decide``.

    Raises:
        NotYours: The person may not decide about them.
        NotPossible: None wait, or they are not what the person has seen, or something else is being done there.
    """
    revision = publication.revision
    if revision is None or revision.state != "submitted":
        raise NotPossible("no new texts of this post wait for a decision")
    if revision.content_hash(publication.id) != content_hash:
        raise NotPossible("the texts are not what you have seen; read them again, and decide about their content_hash")
    if verdict == "approved" and any(t.asked and t.id in revision.bodies for t in publication.targets):
        raise NotPossible("a deletion of it is on its way there; wait until that is done")
    approval = revision.approval.decided(
        content_hash, person, verdict, comment=comment, authors=revision.authors, colleagues=colleagues, at=at
    )
    if approval == revision.approval:
        return NOTHING
    actor: Actor = ("agent", person.id)
    decided = settled(publication, revision=msgspec.structs.replace(revision, approval=approval))
    if verdict == "rejected":
        no = settled(decided, revision=msgspec.structs.replace(revision, approval=approval, state="rejected"))
        return Change((no,), (told("publication_revision_rejected", no, actor, at),))
    if approval.is_asked:
        return Change((decided,), (told("publication_approval_given", decided, actor, at),))
    return _applied(decided, actor, at, ())


def withdraw(publication: Publication, *, comment: str, actor: Actor, at: datetime) -> Change:
    """Return a post whose new texts are not wanted after all.

    Raises:
        NotPossible: None wait for a decision.
    """
    revision = publication.revision
    if revision is None or revision.state not in ("submitted", "rejected"):
        raise NotPossible("no new texts of this post wait for a decision")
    approval = revision.approval.noted(name_of(actor), "withdrawn", comment, at).ended()
    left = settled(publication, revision=msgspec.structs.replace(revision, state="withdrawn", approval=approval))
    return Change((left,), (told("publication_revision_withdrawn", left, actor, at),))


def _applied(publication: Publication, actor: Actor, at: datetime, kinds: Sequence[str]) -> Change:
    """The commands to edit, for new texts that are approved; where a target is gone meanwhile, nothing is done."""
    revision = publication.revision
    if revision is None or not revision.approval.holds(revision.content_hash(publication.id)):
        raise Unapproved(f"new texts of post {publication.id} are not approved as they are")
    targets, commands = [], []
    for target in publication.targets:
        body = revision.bodies.get(target.id)
        if body is not None and target.is_seen and target.external_id:
            asked = derived("revise", target.id, str(revision.approval.round), revision.approval.hash)
            target = msgspec.structs.replace(target, asked=asked, asked_error="")
            commands.append(moderation(publication, target, "edit", asked=asked, body=body, actor=actor, at=at))
        targets.append(target)
    done = settled(
        publication, targets=tuple(targets), revision=msgspec.structs.replace(revision, state="approved")
    )  # fmt: skip
    facts = (told(kind, done, actor, at) for kind in (*kinds, "publication_revised"))
    return Change((done,), (*commands, *facts))


def _target(publication: Publication, target_id: str) -> Target:
    target = publication.target(target_id)
    if target is None or publication.stage != "out":
        raise NotPossible(f"the post is {publication.state}; it is nowhere yet")
    return target


def _seen(publication: Publication, target: Target) -> None:
    if not target.is_seen or not target.external_id:
        raise NotPossible(f"the post is {publication.state_of(target)} there; nobody sees it, or nobody knows its id")
    if target.asked:
        raise NotPossible("an edit or deletion of it is on its way there; wait until that is done")
