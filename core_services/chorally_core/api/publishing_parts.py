"""What the routes of the publishing API share: reading requests into contents, checking, deciding, answering."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, NamedTuple

from fastapi import Response

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import check_match, etag
from chorally_core.api.files_named import Files
from chorally_core.api.idempotency import Once, answer
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_views import PublicationView, TargetAdd
from chorally_core.events.records import Attached
from chorally_core.ports.actions import Actions
from chorally_core.ports.colleagues import Colleague, Colleagues
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.files import File
from chorally_core.ports.going_out import Preview, Wanted
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.ports.storable import mistake_in
from chorally_core.ports.zones import zone_mistake
from chorally_core.services.io.model import Account
from chorally_core.services.publishing.approval import NotPossible, NotYours, Step
from chorally_core.services.publishing.commands import people_of
from chorally_core.services.publishing.facts import Actor
from chorally_core.services.publishing.model import Publication, Target
from chorally_core.services.publishing.times import instant, wall
from chorally_core.services.publishing.workflows import PublishingSettings

_FURTHEST = timedelta(days=3660)
"""How far ahead a post may be planned: within it every time can be reckoned with."""

Reader = Annotated[Caller, allowed(Permission.PUBLICATIONS_READ)]
Drafter = Annotated[Caller, allowed(Permission.PUBLICATIONS_DRAFT)]
Writer = Annotated[Caller, allowed(Permission.PUBLICATIONS_WRITE)]
Approver = Annotated[Caller, allowed(Permission.PUBLICATIONS_APPROVE)]
Configurer = Annotated[Caller, allowed(Permission.PUBLICATIONS_CONFIGURE)]


class Read(NamedTuple):
    """What a request says, checked against what is stored."""

    targets: list[Target]
    attachments: tuple[Attached, ...]
    used: tuple[File, ...]
    """Files, as they are once the request is carried out."""


@dataclass(kw_only=True)
class Publishing:
    """What the API needs."""

    documents: Documents
    actions: Actions
    preview: Preview
    verbs_of: Callable[[str], Sequence[str]]
    """Says what can be done to what is on a channel already."""
    files: Files
    colleagues: Colleagues
    platform_of: Callable[[str], str | None]
    """Says which platform a channel is of."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)

    async def own(self, publication_id: str, caller: Caller) -> Publication:
        """Return a post of the caller's tenant.

        Raises:
            Problem: 404, there is none.
        """
        found = await self.documents.get(Publication, publication_id)
        if found is None or found.tenant != caller.tenant:
            raise Problem(404, "there is no such publication")
        return found

    async def settings(self, tenant: str) -> PublishingSettings:
        """Return how a tenant publishes."""
        name = PublishingSettings.id_of(tenant)
        return await self.documents.get(PublishingSettings, name) or PublishingSettings(id=name, tenant=tenant)

    async def change(
        self,
        publication_id: str,
        caller: Caller,
        decide: Callable[[Publication, Found], Change],
        *,
        if_match: str | None = None,
        keys: Sequence[Key] = (),
    ) -> Publication:
        """Carry out a decision about a post of the caller's tenant, and return it as it is then.

        Raises:
            Problem: 404, there is none; 403 or 409, the decision is not possible; 412, it has changed.
        """

        def decided(found: Found) -> Change:
            known = found.get(Publication, publication_id)
            if known is None or known.tenant != caller.tenant:
                raise Problem(404, "there is no such publication")
            check_match(if_match, known.version)
            with_problems = _with_problems(decide)
            return with_problems(known, found)

        wanted = [Key.by_id(Publication, publication_id), settings_key(caller.tenant), *keys]
        await self.actions.act(wanted, decided)
        return await self.own(publication_id, caller)

    def keys(self, targets: Sequence[TargetAdd], files: Sequence[str]) -> list[Key]:
        """Return the keys of what a request names."""
        named = [*files, *(name for target in targets for name in target.files or ())]
        accounts = dict.fromkeys(target.account_id for target in targets)
        return [*(Key.by_id(Account, name) for name in accounts), *self.files.keys(list(dict.fromkeys(named)))]

    def read(
        self,
        found: Found,
        targets: Sequence[TargetAdd],
        files: Sequence[str],
        at_target: Callable[[int], str],
        *,
        caller: Caller,
        at: datetime,
        needed_at: datetime | None,
    ) -> Read:
        """Return what a request says, with its accounts and files looked up.

        Args:
            found: What was loaded by ``keys``.
            targets: Where it goes.
            files: What goes with every target that has no files of its own.
            at_target: Says where in the request a target is, for problems.
            caller: Who asks.
            at: Now.
            needed_at: When the files are needed; now where None.

        Raises:
            Problem: 422; something is not there, or does not fit.
        """
        named = self.files.named(found, files, tenant=caller.tenant, at=at, person=None, needed_at=needed_at)
        used = {file.id: file for file in named.used}
        read: list[Target] = []
        for number, wanted in enumerate(targets):
            place = at_target(number)
            account = found.get(Account, wanted.account_id)
            if account is None or account.tenant != caller.tenant or account.state == "disconnected":
                raise invalid(f"{place}account_id", "there is no such account; name one that is connected")
            if self.platform_of(wanted.channel) != account.platform:
                raise invalid(f"{place}channel", f"{account.platform} has no channel {wanted.channel}")
            if any((other.account_id, other.channel) == (wanted.account_id, wanted.channel) for other in read):
                raise invalid(f"{place}channel", "this account and channel is named twice; name it once")
            if why := mistake_in(wanted.options):
                raise invalid(f"{place}options", why)
            own = None
            if wanted.files is not None:
                own = self._named(found, wanted.files, place, caller, at, needed_at, used)
            read.append(
                Target(
                    id="", account_id=account.id, platform=account.platform, channel=wanted.channel, body=wanted.body,
                    attachments=own, options=wanted.options,
                )
            )  # fmt: skip
        return Read(read, named.attachments, tuple(used.values()))

    def _named(
        self, found: Found, files: Sequence[str], place: str, caller: Caller, at: datetime, needed_at: datetime | None,
        used: dict[str, File],
    ) -> tuple[Attached, ...]:  # fmt: skip
        try:
            named = self.files.named(found, files, tenant=caller.tenant, at=at, person=None, needed_at=needed_at)
        except Problem as problem:
            errors = [
                {**one, "field": one["field"].replace("/body/", f"/body/{place}")} for one in problem.errors or ()
            ]
            raise Problem(problem.status, problem.detail, code="invalid", errors=errors) from None
        used.update({file.id: file for file in named.used})
        return named.attachments

    def speaks_against(
        self, targets: Sequence[Target], text_for: Callable[[Target], str],
        files_for: Callable[[Target], tuple[Attached, ...]], at_target: Callable[[int], str],
    ) -> list[dict[str, str]]:  # fmt: skip
        """Return why a content cannot go out, target by target, as far as is known; empty where it can."""
        errors = []
        for number, target in enumerate(targets):
            text, files = text_for(target), files_for(target)
            if not text.strip() and not files:
                errors.append({"field": f"/body/{at_target(number)}body", "message": "write a text, or name a file"})
                continue
            shown = self.preview(Wanted(target.channel, "publish", text, files, options=target.options))
            errors += [{"field": f"/body/{at_target(number)}{no.field}", "message": no.why} for no in shown.problems]
        return errors

    def check(self, publication: Publication, at_target: Callable[[int], str]) -> None:
        """Let a post be handed in only if nothing speaks against it.

        Raises:
            Problem: 422, with everything that does.
        """
        refuse(self.speaks_against(publication.targets, publication.text_for, publication.files_for, at_target))

    def planned(
        self, publish_at: datetime | None, local: datetime | None, zone: str | None, settings: PublishingSettings
    ) -> dict[str, Any]:
        """Return the fields of a post that say when it is published.

        Raises:
            Problem: 422; there is no such time, or it is too far ahead.
        """
        name = zone or settings.time_zone
        if why := zone_mistake(name):
            raise invalid("time_zone", why)
        latest = self.now() + _FURTHEST
        field = "publish_at" if local is None else "publish_local"
        if local is not None:
            if not 1970 < local.year <= latest.year:
                raise invalid(field, "is more than ten years ahead, or long past; name another time")
            publish_at = instant(local, name)
        if publish_at is None:
            return {"publish_at": None, "local_at": "", "time_zone": name}
        if publish_at > latest:
            raise invalid(field, "is more than ten years ahead; name an earlier time")
        if publish_at.year <= 1970:
            raise invalid(field, "is long past; name a later time")
        shown = (local or wall(publish_at, name)).replace(microsecond=0).isoformat()
        return {"publish_at": publish_at, "local_at": shown, "time_zone": name}

    async def person(self, caller: Caller) -> Colleague:
        """Return whoever decides, as a person of the tenant's.

        Raises:
            Problem: 403, it is a program.
        """
        if caller.kind != "user":
            raise Problem(403, "only people approve; sign in as one", code="not-a-person")
        known = (await self.colleagues(caller.tenant, [caller.subject])).get(caller.subject)
        teams = known.team_ids if known is not None else ()
        return Colleague(id=caller.subject, roles=caller.roles, team_ids=teams)

    async def who_decided(self, publication: Publication) -> Mapping[str, Colleague]:
        """Return those who decided about a post before, as they are now."""
        return await self.colleagues(publication.tenant, people_of(publication))

    def steps(
        self, found: Found, account_ids: Sequence[str], labels: Sequence[str], caller: Caller
    ) -> tuple[Step, ...]:
        """Return whom a content asks that this caller hands in."""
        settings = settings_in(found, caller.tenant)
        return settings.steps_for(account_ids, labels, alone=caller.may(Permission.PUBLICATIONS_WRITE))


def settings_key(tenant: str) -> Key:
    """Return the key of how a tenant publishes."""
    return Key.by_id(PublishingSettings, PublishingSettings.id_of(tenant))


def settings_in(found: Found, tenant: str) -> PublishingSettings:
    """Return how a tenant publishes, of what was loaded."""
    name = PublishingSettings.id_of(tenant)
    return found.get(PublishingSettings, name) or PublishingSettings(id=name, tenant=tenant)


def shown(publication: Publication, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a post as an answer."""
    return answer(PublicationView.of(publication), status, {"ETag": etag(publication.version), **(headers or {})})


def by(caller: Caller) -> Actor:
    """Return who does something."""
    return actor(caller)


def refuse(errors: list[dict[str, str]]) -> None:
    """Refuse a request that something speaks against.

    Raises:
        Problem: 422, where ``errors`` is not empty.
    """
    if errors:
        more = f"; {len(errors) - 1} more, see errors" if len(errors) > 1 else ""
        raise Problem(422, f"{errors[0]['message']}{more}", code="invalid", errors=errors)


def invalid(field: str, why: str) -> Problem:
    """Return the problem that one field is wrong."""
    return Problem(422, why, code="invalid", errors=[{"field": f"/body/{field}", "message": why}])


def _with_problems(decide: Callable[[Publication, Found], Change]) -> Callable[[Publication, Found], Change]:
    """Return a decision whose refusals are problems."""

    def decided(known: Publication, found: Found) -> Change:
        try:
            return decide(known, found)
        except NotYours as error:
            raise Problem(403, str(error), code="not-yours") from None
        except NotPossible as error:
            raise Problem(409, str(error), code="not-possible") from None

    return decided
