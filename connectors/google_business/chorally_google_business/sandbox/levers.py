"""The sandbox as people and the conformance kit take hold of it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import chorally_sdk as sdk
from chorally_google_business.config import AccountSettings, AppSettings
from chorally_google_business.names import reply_id, review_of
from chorally_google_business.sandbox.posts import Posts
from chorally_google_business.sandbox.twin import AUDIENCE, PUSHER
from chorally_google_business.sandbox.world import GROUP, LOCATION, PLACES, Answered, Setting
from chorally_sdk.sandbox import Connection, Made, Profile, Subscribed, TokenKey
from chorally_sdk.sandbox.control import Body, did
from chorally_sdk.sandbox.oauth import Token

TOPIC = "projects/sandbox-project/topics/reviews"


class Configure(Body):
    """What may be changed about the sandbox."""

    callback_url: str | None = None
    deliver: Literal["auto", "manual"] | None = None
    reply_state: Literal["", "PENDING", "APPROVED", "REJECTED"] | None = None


class Reviewed(Body):
    """A review that somebody writes."""

    text: str = ""
    author: str | None = "ada"
    stars: int = Field(default=4, ge=1, le=5)
    location: str = LOCATION


class Elsewhere(Body):
    """A reply that is written elsewhere."""

    review: str
    text: str


class Sandbox(Posts):
    """A café with several locations, whose reviews come to the first."""

    description = tuple(
        f"google-business/{name}.json"
        for name in (
            *("mybusiness.v4.trimmed", "mybusinessaccountmanagement.v1", "mybusinessbusinessinformation.v1"),
            "mybusinessnotifications.v1",
        )
    )
    signs_bodies = False
    tells_removals = False
    people_answer = False
    own_only = frozenset({"delete"})

    def __init__(self, **options: Any) -> None:
        """Make locations that nobody has reviewed; ``options`` are those of ``Posts``."""
        super().__init__(**options)
        for path, shape, do in (
            ("configure", Configure, self._configure), ("reviews", Reviewed, self._reviewed),
            ("replies", Elsewhere, self._elsewhere),
        ):  # fmt: skip
            self.app.router.routes.append(Route(f"/_sandbox/{path}", _control(shape, do), methods=["POST"]))
        self.app.router.routes.append(Route("/_sandbox/reviews/{review}", self._taken_down, methods=["DELETE"]))

    def connection(self) -> Connection:
        """Say how the location is connected; its token is a good one, as a host renews it in time."""
        if any(each.access == self.grant.access.get_secret_value() and not each.is_revoked for each in self._ended()):
            self.grant = self.a_grant()
        app = AppSettings(
            client_id=self.oauth.client_id,
            client_secret=SecretStr(self.oauth.client_secret),
            pubsub_topic=TOPIC,
            push_audience=AUDIENCE,
            push_account=PUSHER,
            gives_consent_back=True,
        )
        settings = AccountSettings(location=f"{GROUP}/{LOCATION}")
        return Connection(LOCATION, _name("2001", GROUP), self.grant, settings, app)

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person write a review."""
        review = self.world.review(body, author, at=at)
        self.tell("NEW_REVIEW", review)
        return review.id

    async def edit(self, external_id: str, body: str) -> None:
        """Let a person change a review."""
        self.tell("UPDATED_REVIEW", self.world.change(external_id, text=body))

    async def remove(self, external_id: str) -> None:
        """Let a review be taken down, of which Google tells nobody."""
        self.world.remove(external_id)

    async def say_elsewhere(self, body: str, *, target: str) -> str:
        """Let the owner reply on Google itself."""
        self.world.replies[self.world.reviews[target].id] = Answered(body, self.clock())
        return reply_id(target)

    def made(self) -> Sequence[Made]:
        """Tell the replies, and the posts."""
        posts = [Made(post.id, post.body) for post in self.posts]
        return posts + [Made(reply_id(review), reply.text, review) for review, reply in self.world.replies.items()]

    def forget_cursors(self) -> None:
        """Let every page token given so far be unknown from now on."""
        self._epoch += 1

    def second_grant(self) -> sdk.Grant:
        """Return another grant of the same person."""
        return self.a_grant()

    def withhold(self, scope: str) -> sdk.Grant:
        """Return a grant without a scope."""
        self.oauth.withheld.add(scope)
        return self.a_grant()

    def consent(self, url: str) -> Mapping[str, str]:
        """Let a person agree."""
        asked = dict(parse_qsl(urlsplit(url).query))
        self.asked_to_last = (asked.get("access_type"), asked.get("prompt")) == ("offline", "consent")
        return self.oauth.consent(url)

    def expire(self) -> None:
        """Let the hour of an access token pass."""
        self.clock.pass_(minutes=61)

    def keeps_refresh(self) -> None:
        """Google always does."""

    def profiles(self) -> Sequence[Profile]:
        """Tell the locations, each once."""
        named = {f"locations/{number}": _name(number, account) for account in PLACES for number in PLACES[account]}
        return [Profile(external_id, name) for external_id, name in named.items()]

    def hooks(self) -> Sequence[sdk.RawHook]:
        """Take the messages that were published."""
        told, self.pubsub.told = self.pubsub.told, []
        return [self.signed(body) for body in told]

    def signed(self, body: bytes) -> sdk.RawHook:
        """Return a push of any body."""
        return self._pushed(body, self.keyset.headers())

    def unknown(self) -> sdk.RawHook:
        """Return a push of a kind that is not documented."""
        note = {"type": "MENU_SUNG", "location": f"{GROUP}/{LOCATION}"}
        return self.signed(self.pubsub.wrapped(json.dumps(note).encode()))

    def keys(self) -> sdk.Keys:
        """Return Google's keys."""
        return self.keyset.keys()

    def by_token(self, claims: Mapping[str, Any], *, key: TokenKey = "known") -> sdk.RawHook:  # type: ignore[override]
        """Return a push whose token has other claims, or is signed by another key."""
        return self._pushed(self.pubsub.wrapped(b"{}"), self.keyset.headers(claims, key=key))

    def rotate_keys(self) -> None:
        """Let pushes be signed by a new key."""
        self.keyset.rotate()

    def subscriptions(self) -> Sequence[Subscribed]:
        """Tell the accounts whose notifications go somewhere."""
        return [
            Subscribed(f"{account}/notificationSetting", None)
            for account, setting in self.world.settings.items()
            if setting.topic and setting.kinds
        ]

    def lose_subscriptions(self) -> None:
        """Empty the settings, as another program would."""
        self.world.settings = {account: Setting() for account in PLACES}

    def text_limit(self, verb: str) -> tuple[int, str]:
        """Return the longest reply."""
        return 4096, "bytes"

    def state_of(self, external_id: str) -> Literal["visible", "hidden", "gone"]:
        """Tell whether a review or a reply is there."""
        review = review_of(external_id)
        is_there = review in (self.world.reviews if review == external_id else self.world.replies)
        return "visible" if is_there else "gone"

    def state(self) -> Mapping[str, Any]:
        """Show reviews, replies and where notifications go."""
        shown = [self.world.shown(review, GROUP) for review in self.world.reviews.values()]
        told = {account: vars(setting) for account, setting in self.world.settings.items()}
        pushed = {"waiting": self.pubsub.waiting, "delivered": self.pubsub.delivered, "refused": self.pubsub.refused}
        return {**super().state(), "reviews": shown, "notifications": told, "pushes": pushed}

    async def __aexit__(self, *error: Any) -> None:
        """Stop pushing."""
        await self.pubsub.aclose()

    def _ended(self) -> list[Token]:
        return [each for each in self.oauth.tokens if each.expires_at and each.expires_at <= self.clock()]

    def _pushed(self, body: bytes, headers: Mapping[str, str]) -> sdk.RawHook:
        sent = {**headers, "content-type": "application/json"}
        return sdk.RawHook(method="POST", headers=sent, body=body, received_at=self.clock())

    async def _configure(self, asked: Configure) -> dict[str, Any]:
        self.pubsub.callback_url = self.pubsub.callback_url if asked.callback_url is None else asked.callback_url
        self.pubsub.deliver = asked.deliver or self.pubsub.deliver
        self.reply_state = self.reply_state if asked.reply_state is None else asked.reply_state
        self.pubsub.wake()
        return {"success": True}

    async def _reviewed(self, asked: Reviewed) -> dict[str, Any]:
        review = self.world.review(asked.text, asked.author, stars=asked.stars, location=asked.location)
        self.tell("NEW_REVIEW", review)
        return {"id": review.id}

    async def _elsewhere(self, asked: Elsewhere) -> dict[str, Any]:
        return {"id": await self.say_elsewhere(asked.text, target=asked.review)}

    async def _taken_down(self, request: Request) -> Response:
        async def do(_: Body) -> dict[str, Any]:
            await self.remove(request.path_params["review"])
            return {"success": True}

        return await did(request, Body, do)


def _control(shape: Any, do: Any) -> Any:
    async def answer(request: Request) -> Response:
        return await did(request, shape, do)

    return answer


def _name(number: str, account: str) -> str:
    return f"Caffè Aurora, {PLACES[account][number]}, Torino"
