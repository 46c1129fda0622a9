"""Which posts ask for whose approval, and in which time zone they are planned: one record for each tenant."""

from collections.abc import Collection
from datetime import datetime

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document
from chorally_core.services.publishing.approval import Step

ANYBODY = Step()
"""Whoever may approve posts."""


class Workflow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Steps that some posts go through, one after the other."""

    name: str
    account_ids: tuple[str, ...] = ()
    """Those on one of these accounts; on every account where empty."""
    labels: tuple[str, ...] = ()
    """Those that bear one of these labels; whatever their labels where empty."""
    steps: tuple[Step, ...] = ()


class PublishingSettings(Document, frozen=True, kw_only=True):
    """How a tenant publishes."""

    kind = "publishing_settings"

    time_zone: str = "UTC"
    workflows: tuple[Workflow, ...] = ()
    changed_by: str = ""
    changed_at: datetime | None = None

    @staticmethod
    def id_of(tenant: str) -> str:
        """Return the id of a tenant's."""
        return derived("publishing-settings", tenant)

    def steps_for(self, account_ids: Collection[str], labels: Collection[str], *, alone: bool) -> tuple[Step, ...]:
        """Return the steps that a post goes through; none where nobody is asked.

        The workflows of each of its accounts ask, and where an account has none, those of the tenant; besides, those
        of its labels. Each asks once, in the order in which they are listed.

        Args:
            account_ids: On which it is published.
            labels: What it bears.
            alone: Whoever hands it in may publish by themselves; who may not always asks somebody.
        """
        asked: list[Workflow] = []
        for workflow in self.workflows:
            is_everywhere = not workflow.account_ids
            if workflow.labels:
                here = is_everywhere or not set(workflow.account_ids).isdisjoint(account_ids)
                wanted = here and not set(workflow.labels).isdisjoint(labels)
            elif is_everywhere:
                own = {name for other in self.workflows if not other.labels for name in other.account_ids}
                wanted = any(account not in own for account in account_ids)
            else:
                wanted = not set(workflow.account_ids).isdisjoint(account_ids)
            if wanted:
                asked.append(workflow)
        steps = tuple(step for workflow in asked for step in workflow.steps)
        return steps or (() if alone else (ANYBODY,))
