"""How a tenant publishes: whose approval posts ask for, and the time zone that they are planned in."""

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_parts import Configurer, Publishing, Reader, by, invalid, settings_in, settings_key
from chorally_core.api.publishing_views import Labels
from chorally_core.api.responses import problems, with_etag
from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.ports.audit import audited
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.zones import zone_mistake
from chorally_core.services.io.model import Account
from chorally_core.services.publishing.approval import Step
from chorally_core.services.publishing.facts import SERVICE
from chorally_core.services.publishing.workflows import PublishingSettings, Workflow

_Ids = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=50)]


class StepSet(BaseModel):
    """Whom one step asks."""

    model_config = ConfigDict(extra="forbid")

    users: _Ids = Field([], title="Users")
    teams: _Ids = Field([], title="Teams")
    roles: _Ids = Field([], title="Roles")
    rule: Literal["any", "all"] = Field(
        "any", title="Rule", description="`all` asks each user named, and somebody of each team and role."
    )
    at_least: int = Field(
        1, title="At least", ge=1, le=20, description="How many people must approve, whatever the rule."
    )


class WorkflowSet(BaseModel):
    """Steps that some posts go through, one after the other."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(title="Name", min_length=1, max_length=100)
    account_ids: _Ids = Field([], title="Accounts", description="Posts on one of these; on every account where empty.")
    labels: Labels = Field([], description="Posts with one of these labels; whatever their labels where empty.")
    steps: list[StepSet] = Field(
        title="Steps", max_length=10, description="None lets these posts out without approval."
    )


class PublishingSettingsSet(BaseModel):
    """How the tenant publishes."""

    model_config = ConfigDict(extra="forbid")

    time_zone: str = Field("UTC", title="Time zone", max_length=64, description="IANA, such as Europe/Rome.")
    workflows: list[WorkflowSet] = Field([], title="Workflows", max_length=100)


class PublishingSettingsView(PublishingSettingsSet):
    """How the tenant publishes."""

    version: int = Field(title="Version")


def settings_router(parts: Publishing) -> APIRouter:
    """Return the routes of how a tenant publishes."""
    router = APIRouter(prefix="/settings", tags=["settings"], responses=problems(401, 403, 429))

    @router.get("", summary="Show how posts are approved and planned", responses={200: with_etag("The settings.")})
    async def show_settings(caller: Reader, response: Response) -> PublishingSettingsView:
        """Return the tenant's workflows and time zone."""
        known = await parts.settings(caller.tenant)
        response.headers["ETag"] = etag(known.version)
        return _view(known)

    @router.put(
        "",
        summary="Say how posts are approved and planned",
        responses={200: with_etag("The settings as they are now."), **problems(409, 412)},
    )
    async def set_settings(
        body: PublishingSettingsSet, caller: Configurer, response: Response, if_match: IfMatch = None
    ) -> PublishingSettingsView:
        """Replace workflows and time zone. Posts that are handed in already keep the steps that they ask."""
        if why := zone_mistake(body.time_zone):
            raise invalid("time_zone", why)
        workflows = tuple(
            Workflow(
                name=one.name, account_ids=tuple(one.account_ids), labels=tuple(one.labels),
                steps=tuple(
                    Step(
                        users=tuple(s.users), teams=tuple(s.teams), roles=tuple(s.roles), rule=s.rule,
                        at_least=s.at_least,
                    )
                    for s in one.steps
                ),
            )
            for one in body.workflows
        )  # fmt: skip

        accounts = list(dict.fromkeys(name for one in workflows for name in one.account_ids))

        def decide(found: Found) -> Change:
            known, at = settings_in(found, caller.tenant), parts.now()
            _check(found, body, caller.tenant)
            check_match(if_match, known.version)
            wanted = PublishingSettings(
                id=known.id, tenant=known.tenant, version=known.version, time_zone=body.time_zone, workflows=workflows,
                changed_by=caller.subject, changed_at=at,
            )  # fmt: skip
            kind, who = by(caller)
            cause = derived("publishing_settings_changed", known.id, str(known.version + 1))
            fact = Event(
                topic=topics.LOGS, issuer=SERVICE, name="add",
                data=audited(LogAdd(
                    kind="publishing_settings_changed", subject_type="publishing_settings", subject_id=known.id,
                    version=known.version + 1, actor_kind=kind, actor_id=who,
                    snapshot={
                        "time_zone": wanted.time_zone, "workflows": [one.name for one in workflows],
                        "steps": [len(one.steps) for one in workflows],
                    },
                ), known, wanted),
                id=cause, tenant=known.tenant, key=f"{known.tenant}/{known.id}", occurred_at=at, caused_by=cause,
            )  # fmt: skip
            return Change((wanted,), (fact,))

        wanted_keys = [settings_key(caller.tenant), *(Key.by_id(Account, name) for name in accounts)]
        await parts.actions.act(wanted_keys, decide)
        known = await parts.settings(caller.tenant)
        if known.version == 1 and known.workflows != workflows:  # somebody else's first settings were stored instead
            raise Problem(409, "the settings were made at the same time by somebody else; read them again")
        response.headers["ETag"] = etag(known.version)
        return _view(known)

    return router


def _check(found: Found, body: PublishingSettingsSet, tenant: str) -> None:
    """Refuse workflows that nothing can pass, or that are of accounts which are not there and so ask nobody."""
    for number, workflow in enumerate(body.workflows):
        for place, name in enumerate(workflow.account_ids):
            account = found.get(Account, name)
            if account is None or account.tenant != tenant:
                raise invalid(
                    f"workflows/{number}/account_ids/{place}", "there is no such account; see /io/v1/accounts"
                )
        for place, step in enumerate(workflow.steps):
            people = len(set(step.users))
            if people and not (step.teams or step.roles) and step.at_least > people:
                why = f"the step names {people} people; {step.at_least} of them can never approve"
                raise invalid(f"workflows/{number}/steps/{place}/at_least", why)


def _view(settings: PublishingSettings) -> PublishingSettingsView:
    return PublishingSettingsView(
        version=settings.version,
        time_zone=settings.time_zone,
        workflows=[
            WorkflowSet(
                name=one.name, account_ids=list(one.account_ids), labels=list(one.labels),
                steps=[
                    StepSet(
                        users=list(s.users), teams=list(s.teams), roles=list(s.roles), rule=s.rule,
                        at_least=s.at_least,
                    )
                    for s in one.steps
                ],
            )
            for one in settings.workflows
        ],
    )  # fmt: skip
