"""What a bot says and changes: messages, answers in a thread, edits, deletions, and files that come in."""

from collections.abc import AsyncIterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict

import chorally_sdk as sdk
from chorally_microsoft.bot.ids import Place
from chorally_microsoft.names import FILE_HOSTS, GRAPH, SERVICE_HOSTS

MAX_TEXT = 14_000
"""UTF-16 code units: 28 KB, less what the message is wrapped in. Teams documents "about 28 KB"."""
PIECE = 65_536  # bytes

OPTIONS = {
    "format": "`markdown`, `plain` or `xml`; markdown unless it is said.",
    "attachments": "Cards and links to files, as the Bot Framework describes attachments.",
    "entities": "Mentions, as the Bot Framework describes entities.",
    "summary": "What notifications show.",
}


class Made(BaseModel):
    """The answer to a message."""

    model_config = ConfigDict(extra="ignore")

    id: str = ""


class Begun(BaseModel):
    """The answer to a new conversation."""

    model_config = ConfigDict(extra="ignore")

    id: str = ""
    activityId: str = ""
    serviceUrl: str = ""


class Speaker:
    """The bot, with where it speaks by default."""

    def __init__(self, http: sdk.Http, service_url: str, tenant: str) -> None:
        """Take in the client of the account, and its settings.

        Args:
            http: The account's client.
            service_url: Where messages go that no route says a place of.
            tenant: The directory of the account.
        """
        self._http = http
        self._service_url = service_url
        self._tenant = tenant

    def _url(self, route: sdk.Json, *parts: str) -> str:
        """Return the URL of something at the service that a conversation belongs to.

        Raises:
            Rejected: The service is none that the bot's token may be given to.
        """
        service = str(route.get("service_url") or self._service_url)
        where = _url_of(service)
        if not self._is_service(where):
            raise sdk.Rejected(f"{where.host!r} is no service of the Bot Framework; the bot's token is not sent there")
        return f"{service.rstrip('/')}/v3/" + "/".join(quote(part, safe="") for part in parts)

    def _is_service(self, where: httpx.URL) -> bool:
        """Whether the bot's token may be given to a host; a sandbox takes Graph's place, and the services' too."""
        host, port = where.host.lower(), where.port or (443 if where.scheme == "https" else 80)
        if where.scheme == "https" and any(fnmatchcase(host, each) for each in SERVICE_HOSTS):
            return True
        return host != httpx.URL(GRAPH).host and self._http.hosts.is_base(host, port)

    async def greet(self) -> None:
        """See whether the service takes the bot's token; that it lists no conversations, as Teams, is as good.

        Raises:
            ConnectorError: The token is not accepted, or the service cannot be reached.
        """
        try:
            await self._http.get(self._url({}, "conversations"))
        except sdk.Rejected as refused:
            if refused.reason is not sdk.Reason.GONE:
                raise

    async def say(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Say something: under what it answers, in a conversation, or to a person in a new one.

        Raises:
            Rejected: It goes nowhere, or Teams refuses it.
            OutcomeUnknown: The answer does not say whether it was made.
        """
        conversation = message.conversation_id
        if message.in_reply_to:
            place = Place.of(message.in_reply_to)
            conversation = conversation or place.conversation
            url = self._url(message.route, "conversations", conversation, "activities", place.activity)
        elif conversation:
            url = self._url(message.route, "conversations", conversation, "activities")
        else:
            return await self._begin(message)
        answer = await self._http.post(url, json=activity_of(message))
        made = self._read(Made, answer)
        if not made.id:
            raise sdk.OutcomeUnknown("Teams took the message and gave no id for it; look into the conversation")
        return sdk.Receipt(external_id=Place(conversation, made.id).external_id, conversation_id=conversation)

    async def _begin(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        if not message.to:
            raise sdk.Rejected("the message goes to no conversation and to nobody; say where")
        asked = {
            "bot": {"id": str(message.route.get("bot") or "")},
            "members": [{"id": message.to}],
            "isGroup": False,
            "tenantId": self._tenant,
            "channelData": {"tenant": {"id": self._tenant}},
            "activity": activity_of(message),
        }
        if not asked["bot"]["id"]:  # type: ignore[index]
            del asked["bot"]
        begun = self._read(Begun, await self._http.post(self._url(message.route, "conversations"), json=asked))
        if not begun.id:
            raise sdk.OutcomeUnknown("Teams took the message and named no conversation; look at the person's chat")
        place = Place(begun.id, begun.activityId)
        return sdk.Receipt(
            external_id=place.external_id if begun.activityId else None,
            state="sent" if begun.activityId else "accepted",
            conversation_id=begun.id,
        )

    @staticmethod
    def _read(shape: Any, answer: httpx.Response) -> Any:
        try:
            return shape.model_validate_json(answer.content)
        except ValueError as error:
            raise sdk.OutcomeUnknown("the answer to a message cannot be read; look into the conversation") from error

    async def moderate(self, action: sdk.Action) -> None:
        """Edit or delete a message of the bot's own.

        Raises:
            Rejected: There is no such message, or messages take no such action.
        """
        place = Place.of(action.external_id)
        url = self._url(action.route, "conversations", place.conversation, "activities", place.activity)
        if action.verb == "edit":
            await self._http.put(url, json={"type": "message", "text": action.body, "textFormat": "markdown"})
        elif action.verb == "delete":
            try:
                await self._http.delete(url)
            except sdk.Rejected as gone:
                if gone.reason is not sdk.Reason.GONE:
                    raise
        else:
            raise sdk.Rejected(f"a message of Teams takes no {action.verb!r}")

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file's bytes: by its own key where it has one, else with the bot's token.

        Raises:
            Rejected: It has no link, or the link has ended.
        """
        if not attachment.url:
            raise sdk.Rejected("the attachment has no link; it is a card")
        where = _url_of(attachment.url)
        by_token = self._is_service(where)
        known = by_token or any(fnmatchcase(where.host.lower(), each) for each in FILE_HOSTS)
        if not known:
            raise sdk.Rejected(f"{where.host!r} is no host that Teams keeps files at")
        options: dict[str, Any] = {} if by_token else {"auth": None}
        try:
            async with self._http.stream("GET", attachment.url, **options) as answer:
                async for piece in answer.aiter_bytes(PIECE):
                    yield piece
        except sdk.Reauthorize as ended:
            if by_token:
                raise
            raise sdk.Rejected("the link to the file has ended", reason=sdk.Reason.GONE) from ended


def _url_of(text: str) -> httpx.URL:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL as error:
        raise sdk.Rejected(f"{text!r} is no address") from error


def activity_of(message: sdk.OutboundMessage) -> dict[str, Any]:
    """Return a message as the Bot Framework takes it."""
    told: dict[str, Any] = {"type": "message", "text": message.body}
    told["textFormat"] = str(message.options.get("format") or "markdown")
    for name in ("attachments", "entities", "summary"):
        if message.options.get(name):
            told[name] = message.options[name]
    if message.in_reply_to:
        told["replyToId"] = Place.of(message.in_reply_to).activity
    return told
