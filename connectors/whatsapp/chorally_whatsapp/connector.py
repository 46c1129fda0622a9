"""The connector for a phone number on WhatsApp (Cloud API, Graph API v25.0, read 2026-11-23)."""

from collections.abc import AsyncIterator, Iterable, Sequence

import httpx
from chorally_meta import hooks, quota, settings, subscribing
from chorally_meta.auth import GraphAuth
from chorally_meta.listing import path
from chorally_meta.shapes import Done, inside, read, text
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_whatsapp import faults, files, sending, templates, webhook
from chorally_whatsapp.config import AccountSettings, AppSettings
from chorally_whatsapp.limits import BUDGETS, CHANNELS
from chorally_whatsapp.shapes import Number

FIELDS = "id,display_phone_number,verified_name,quality_rating"


class WhatsApp(
    sdk.Connector, sdk.Receives, sdk.Subscribes, sdk.Downloads, sdk.Prepares, sdk.Replies, sdk.Moderates,
    sdk.OffersTemplates, sdk.Sandboxes,
):  # fmt: skip
    """A phone number: what people write comes by webhook and in no other way, and is answered within a day.

    A lost answer is not searched for, as nothing lists what was sent: its delivery states tell of it, if they come.
    """

    manifest = sdk.Manifest(
        platform="whatsapp",
        title="WhatsApp",
        base_url=settings.GRAPH,
        hosts=("graph.facebook.com", "*.fbsbx.com", "*.fbcdn.net", "*.whatsapp.net"),
        scopes=("whatsapp_business_messaging", "whatsapp_business_management"),
        hooks=sdk.Hooks(scope="app"),
        channels=CHANNELS,
        budgets=BUDGETS,
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "target-gone": "exempt: WhatsApp takes an answer to a message that was taken back, and shows it without it",
        },
    )

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the token in the header, with the app's proof of it."""
        return GraphAuth.of(self.app, grant)

    async def check(self) -> sdk.AccountInfo:
        """Name the phone number that the settings say, by one call."""
        answer = await self.http.get(path(self._settings.phone_number_id), params={"fields": FIELDS})
        number = read(Number, answer.content, "a phone number")
        shown = " ".join(filter(None, (number.verified_name, number.display_phone_number)))
        data = {
            "phone_number": number.display_phone_number,
            "quality": number.quality_rating,
            "waba_id": self._settings.waba_id,
        }
        return sdk.AccountInfo(external_id=number.id, name=shown or number.id, data=data)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a hook by the verify token or the signature."""
        return hooks.judge(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate what a hook says, for every account and number in it."""
        return webhook.events(hook)

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Subscribe the app to the business's account, which all its numbers share; the URL is the app's."""
        return await subscribing.subscribe(self.http, self._settings.waba_id)

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End the subscription of the business's account."""
        await subscribing.unsubscribe(self.http, current.external_id)

    def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file of a message, by a link that is asked for now."""
        return files.download(self, attachment)

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Read how a template takes its values, then upload the file; each is one step that nobody sees.

        Raises:
            Rejected: The template may not be used, or the file takes no such text.
        """
        state = dict(outgoing.prepared)
        template = outgoing.template if isinstance(outgoing, sdk.OutboundMessage) else None
        if template is not None and "template" not in state and "components" not in outgoing.options:
            known = await templates.found(self.http, self._settings.waba_id, template)
            state["template"] = known.model_dump(mode="json")
            self._judge(outgoing, state)
            return sdk.Prepared(state=state, ready=not outgoing.attachments)
        if outgoing.attachments and "file" not in state:
            self._judge(outgoing, state)
            state["file"] = await files.uploaded(self, outgoing, outgoing.attachments[0])
        return sdk.Prepared(state=state)

    def _judge(self, outgoing: sdk.Outgoing, state: sdk.Json) -> None:
        """Refuse what would be refused when it is sent, before a file is uploaded for nothing."""
        if isinstance(outgoing, sdk.OutboundMessage):
            likely = {**state, "file": "to be uploaded"} if outgoing.attachments else state
            sending.composed(outgoing.model_copy(update={"prepared": likely}), self._settings)

    def addressed(self, to: str) -> str:
        """Return a phone number in digits only, as senders have it."""
        return sending.addressed(to)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Send a text, a file, a template, something to press, a place, contacts or a reaction.

        Raises:
            OutcomeUnknown: WhatsApp's answer does not say whether it was taken.
        """
        body = sending.composed(message, self._settings)
        try:
            return sending.sent(await self.http.post(self._messages, json=body), message)
        except faults.Transient as error:
            raise sdk.OutcomeUnknown(f"whether the message was taken is not known: {error}") from error

    async def moderate(self, action: sdk.Action) -> None:
        """Show that a message was read, or put the emoji of a like on it.

        Raises:
            Rejected: WhatsApp refuses it, or does not offer it.
        """
        match action.verb:
            case "read":
                await self._mark_read(action.external_id)
            case "like":
                to = text(inside(dict(action.route), "to")) or action.conversation_id
                message = sdk.OutboundMessage(
                    id="", client_ref="", channel=action.channel, conversation_id=to, route=action.route
                )
                content = sending.reaction(action.external_id, self._settings.like_with)
                known = {"messaging_product": "whatsapp", **sending.recipient(message)}
                await self.http.post(self._messages, json={**known, "type": "reaction", "reaction": content})
            case _:
                raise sdk.Rejected(f"messages on WhatsApp take no {action.verb!r}")

    async def _mark_read(self, message_id: str) -> None:
        if not self._settings.read_receipts or "/" in message_id:  # a reaction is not marked by itself
            return
        body = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
        typing = {"typing_indicator": {"type": "text"}} if self._settings.typing else {}
        answer = await self.http.post(self._messages, json={**body, **typing})
        if not read(Done, answer.content, "the answer to a mark").success:
            raise sdk.Rejected("WhatsApp did not mark the message as read; try again")

    async def templates(self) -> Sequence[sdk.Template]:
        """List the approved templates of the business's account, in all their languages."""
        return await templates.listed(self.http, self._settings.waba_id)

    @property
    def _messages(self) -> str:
        return path(self.account.external_id, "messages")

    @property
    def _settings(self) -> AccountSettings:
        known = self.account.settings
        if not isinstance(known, AccountSettings):
            why = "the account's settings have no phone number id and no business account; add them"
            raise sdk.Rejected(why, reason=sdk.Reason.PERMISSION)
        return known

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by the Cloud API's error code."""
        return faults.fault(answer)

    def usage(self, answer: httpx.Response) -> Iterable[sdk.Usage]:
        """Read the usage headers of the Graph API."""
        return quota.usage(answer)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a business on WhatsApp that lives in memory; needs ``chorally-whatsapp[sandbox]``."""
        from chorally_whatsapp.sandbox import Twin  # heavy, and of no use in production

        return Twin()
