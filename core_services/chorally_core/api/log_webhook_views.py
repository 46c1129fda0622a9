"""What the webhook API takes and gives."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from chorally_core.ports.storable import mistake_in
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.webhooks.calling import Came
from chorally_core.services.log.webhooks.model import WebhookDelivery, WebhookHealth, WebhookReplay


def _storable(text: str) -> str:
    if why := mistake_in(text):
        raise ValueError(why)
    return text


_URL_SAYS = "`https://host/path` of a public host; it may hold no user. Redirects are not followed."
_EVENTS_SAY = (
    "Kinds of facts, whole as `message_received`, or beginnings as `ticket_*`; `*` for all. Without any, "
    "only rules call it. Imported history is not told."
)
Url = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_storable)]
Pattern = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9_]{0,59}\*?)$")]
Patterns = Annotated[list[Pattern], Field(max_length=50)]
Description = Annotated[str, Field(max_length=500), AfterValidator(_storable)]


class WebhookAdd(BaseModel):
    """A new webhook."""

    model_config = ConfigDict(extra="forbid")

    url: Url = Field(title="URL", description=_URL_SAYS)
    description: Description = Field("", title="Description")
    events: Patterns = Field(title="Events", description=_EVENTS_SAY)
    enabled: bool = Field(True, title="Enabled", description="Whether it is told what happens from now on.")


class WebhookChange(BaseModel):
    """What shall change of a webhook; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    url: Url | None = Field(None, title="URL", description=_URL_SAYS)
    description: Description | None = Field(None, title="Description")
    events: Patterns | None = Field(None, title="Events", description=_EVENTS_SAY)
    enabled: bool | None = Field(
        None, title="Enabled", description="What happens while it is disabled is not told; replay it."
    )


class Rotation(BaseModel):
    """How the secret is changed."""

    model_config = ConfigDict(extra="forbid")

    overlap_hours: float = Field(
        24, ge=0, le=24 * 30, title="Overlap", description="Hours for which the secret before it signs too."
    )


class WebhookView(BaseModel):
    """A webhook, and how it fares."""

    id: str = Field(title="Id")
    version: int = Field(title="Version")
    url: str = Field(title="URL")
    description: str = Field(title="Description")
    events: list[str] = Field(title="Events", description=_EVENTS_SAY)
    enabled: bool = Field(title="Enabled")
    disabled_why: str = Field(
        title="Disabled because", description="Why it was disabled by itself: it was gone, or failed for days."
    )
    failures: int = Field(title="Failures", description="Attempts that failed since one went well.")
    failing_since: datetime | None = Field(title="Failing since")
    succeeded_at: datetime | None = Field(title="Went well", description="When it last did, within five minutes.")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")

    @classmethod
    def of(cls, webhook: Webhook, health: WebhookHealth | None) -> "WebhookView":
        """Return a webhook as the API shows it, without its secrets."""
        known = health or WebhookHealth(id=webhook.id, tenant=webhook.tenant)
        shown = {name: getattr(webhook, name) for name in cls.model_fields if hasattr(webhook, name)}
        shown |= {name: getattr(known, name) for name in ("failures", "failing_since", "succeeded_at")}
        return cls.model_validate({**shown, "events": list(webhook.events)})


class WebhookWithSecret(WebhookView):
    """A webhook with its new secret, which is shown this once."""

    secret: str | None = Field(
        None, title="Secret", description="Verifies signatures. Null in a repeated answer: rotate it then."
    )


class TriedView(BaseModel):
    """One attempt."""

    at: datetime = Field(title="At")
    duration_ms: int = Field(title="Duration", description="Milliseconds.")
    status: int = Field(title="Status", description="Of the answer; 0 where there was none.")
    error: str = Field(title="Error", description="What went wrong; empty where nothing did.")
    excerpt: str = Field(title="Answer", description="The beginning of what the receiver answered.")

    @classmethod
    def of(cls, came: Came) -> "TriedView":
        """Return what came of a call."""
        return cls.model_validate(came.tried, from_attributes=True)


class WebhookDeliveryView(BaseModel):
    """What was told to a webhook, or is to be."""

    id: str = Field(title="Id", description="`webhook-id` of its calls, the same at every attempt.")
    webhook_id: str = Field(title="Webhook")
    log_id: str = Field(title="Entry", description="The entry of the history that is sent.")
    what: str = Field(title="What", description="What happened.")
    ticket_id: str | None = Field(title="Ticket")
    state: Literal["waiting", "delivered", "failed"] = Field(
        title="State", description="`failed` is given up after three days; replay it."
    )
    due_at: datetime = Field(title="Due", description="When it is tried next, where it waits.")
    created_at: datetime = Field(title="Queued")
    delivered_at: datetime | None = Field(title="Delivered")
    attempts: int = Field(title="Attempts", description="Since it was queued last.")
    tries: list[TriedView] = Field(title="Tries", description="The last ten.")

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> "WebhookDeliveryView":
        """Return a delivery as the API shows it."""
        return cls.model_validate(delivery, from_attributes=True)


class ReplayAdd(BaseModel):
    """A part of the history that shall be told again."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime = Field(title="Since", description="What happened at this instant or later.")
    until: AwareDatetime | None = Field(None, title="Until", description="And before this one; now where left out.")


class ReplayView(BaseModel):
    """A part of the history that is told again, and how far that is."""

    id: str = Field(title="Id")
    webhook_id: str = Field(title="Webhook")
    since: datetime = Field(title="Since")
    until: datetime = Field(title="Until")
    count: int = Field(title="Queued", description="Deliveries that it has queued so far.")
    done: bool = Field(title="Done", description="Whether all of it is queued; it waits while the webhook is disabled.")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")

    @classmethod
    def of(cls, replay: WebhookReplay) -> "ReplayView":
        """Return a replay as the API shows it."""
        shown = {name: getattr(replay, name) for name in cls.model_fields if hasattr(replay, name)}
        return cls.model_validate({**shown, "done": replay.open is None})
