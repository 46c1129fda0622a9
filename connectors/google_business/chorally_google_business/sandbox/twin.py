"""The documented APIs of Google Business Profile, on locations that live in memory."""

import json
from typing import Any

import httpx
from starlette.responses import JSONResponse, Response

from chorally_google_business.api import CERTS_URL
from chorally_google_business.connector import SCOPE
from chorally_google_business.sandbox.errors import ERRORS
from chorally_google_business.sandbox.pubsub import PubSub
from chorally_google_business.sandbox.world import PLACES, Answered, Setting, World, Written, location, shown_reply
from chorally_sdk.sandbox import Call, Clock, KeySet, OAuth, Refusal, Twin, answers, by_token

AUDIENCE = "https://chorally.example/hooks/google"
PUSHER = "pusher@sandbox-project.iam.example"
LASTING = "sandbox-token"
"""A token without an end, for people with curl; Google has none such."""
MOST_BYTES = 4096
KINDS = frozenset(
    {
        *("GOOGLE_UPDATE", "NEW_REVIEW", "UPDATED_REVIEW", "NEW_CUSTOMER_MEDIA", "DUPLICATE_LOCATION"),
        "VOICE_OF_MERCHANT_UPDATED",
    }
)
TOKEN = "pageToken"  # noqa: S105 - the name of a parameter
_TOP = 10**9
_AT_MOST = 2  # accounts and locations on a page


class BusinessProfile(Twin):
    """Two accounts with a few locations, one of which both list."""

    errors = ERRORS

    def __init__(
        self, *, clock: Clock | None = None, seed: int = 0, callback: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Make locations that nobody has reviewed.

        Args:
            clock: Its clock; one that stands where None.
            seed: Of all that is left to chance.
            callback: Reaches whom notifications are pushed to; the network where None.
        """
        clock = clock or Clock()
        super().__init__(clock=clock, seed=seed, oauth=OAuth(clock, scopes=frozenset({SCOPE}), rotates=False))
        self.world = World(self.clock)
        self.keyset = KeySet(
            CERTS_URL, self.clock, issuer="https://accounts.google.com", audience=AUDIENCE, email=PUSHER,
            email_verified=True, sub="1100",
        )  # fmt: skip
        self.pubsub = PubSub(self.clock, self.faults, self.rng, transport=callback, keyset=self.keyset)
        self.size = 50
        self.grant = self.a_grant()
        self.reply_state = ""
        """What new replies are: shown at once where empty, else ``PENDING``, ``APPROVED`` or ``REJECTED``."""
        self.asked_to_last = False
        self._epoch = 0

    def tell(self, kind: str, review: Written) -> None:
        """Have Google tell of a review, each account that lists its location and wants to know."""
        for account, places in PLACES.items():
            if review.location.removeprefix("locations/") in places:
                setting = self.world.settings[account]
                where = f"{account}/{review.location}"
                note = {"type": kind, "location": where, "review": f"{where}/reviews/{review.id}"}
                self.pubsub.tell(note, pushes=bool(setting.topic) and kind in setting.kinds)
                return

    def authorise(self, call: Call) -> None:
        """Judge a call by its token and by the scope that it has.

        Raises:
            Refusal: It has none that lives, or lacks the scope.
        """
        if call.token == LASTING:
            return
        super().authorise(call)
        token = self.oauth.live(call.token)
        if token is None or SCOPE not in token.scopes:
            raise Refusal("scope")

    @answers("GET", "/v1/accounts")
    async def list_accounts(self, call: Call) -> dict[str, Any]:
        """A page of accounts."""
        named = [{"name": name, "accountName": f"Account {name[-3:]}", "type": "LOCATION_GROUP"} for name in PLACES]
        return self._cut(call, named, "accounts", min(self.size, _AT_MOST - 1))

    @answers("GET", "/v1/accounts/{account}/locations")
    async def list_locations(self, call: Call) -> dict[str, Any]:
        """A page of an account's locations."""
        places = PLACES[f"accounts/{call.path['account']}"]
        shown = [self._masked(call, location(number, street)) for number, street in places.items()]
        return self._cut(call, shown, "locations", min(self.size, _AT_MOST))

    @answers("GET", "/v1/locations/{location}")
    async def get_location(self, call: Call) -> dict[str, Any]:
        """One location."""
        streets = {number: street for places in PLACES.values() for number, street in places.items()}
        number = call.path["location"]
        return self._masked(call, location(number, streets[number]))

    @answers("GET", "/v1/accounts/{account}/notificationSetting")
    async def get_setting(self, call: Call) -> dict[str, Any]:
        """Where an account's notifications go."""
        return self._setting(f"accounts/{call.path['account']}")

    @answers("PATCH", "/v1/accounts/{account}/notificationSetting")
    async def update_setting(self, call: Call) -> dict[str, Any]:
        """Let them go elsewhere."""
        account = f"accounts/{call.path['account']}"
        setting = self.world.settings[account]
        mask = set(call.query.get("updateMask", "").split(","))
        kinds, topic = call.fields.get("notificationTypes", []), call.fields.get("pubsubTopic", "")
        if not mask <= {"notificationTypes", "pubsubTopic"} or not set(kinds) <= KINDS:
            raise Refusal("invalid")
        self.world.settings[account] = Setting(
            kinds if "notificationTypes" in mask else setting.kinds, topic if "pubsubTopic" in mask else setting.topic
        )
        return self._setting(account)

    @answers("GET", "/v4/accounts/{account}/locations/{location}/reviews")
    async def list_reviews(self, call: Call) -> dict[str, Any]:
        """A page of a location's reviews, the last changed first."""
        account, place = self._place(call)
        found = self.world.of([place])
        shown = self._page(call, found, call.query)
        told: dict[str, Any] = {"totalReviewCount": len(found)}
        if found:
            told["averageRating"] = sum(each.stars for each in found) / len(found)
            told["reviews"] = [self.world.shown(each, account) for each in shown[0]]
        return told | shown[1]

    @answers("POST", "/v4/accounts/{account}/locations:batchGetReviews", on="read")
    async def batch_get_reviews(self, call: Call) -> dict[str, Any]:
        """A page of the reviews of several locations."""
        account = f"accounts/{call.path['account']}"
        places = [name.removeprefix(f"{account}/") for name in call.fields.get("locationNames", [])]
        if not places or any(place.removeprefix("locations/") not in PLACES[account] for place in places):
            raise Refusal("invalid")
        found = [each for each in self.world.of(places) if each.text or not call.fields.get("ignoreRatingOnlyReviews")]
        asked = {name: str(value) for name, value in call.fields.items() if name in {"pageSize", "pageToken"}}
        shown = self._page(call, found, asked)
        reviews = [{"name": f"{account}/{r.location}", "review": self.world.shown(r, account)} for r in shown[0]]
        return {**({"locationReviews": reviews} if reviews else {}), **shown[1]}

    @answers("GET", "/v4/accounts/{account}/locations/{location}/reviews/{review}")
    async def get_review(self, call: Call) -> dict[str, Any]:
        """One review."""
        account, review = self._review(call)
        return self.world.shown(review, account)

    @answers("PUT", "/v4/accounts/{account}/locations/{location}/reviews/{review}/reply")
    async def update_reply(self, call: Call) -> dict[str, Any]:
        """Let the reply to a review be a text."""
        _, review = self._review(call)
        text = call.fields.get("comment")
        if not isinstance(text, str) or not text.strip() or len(text.encode()) > MOST_BYTES:
            raise Refusal("invalid")
        reply = Answered(text, self.clock(), self.reply_state)
        self.world.replies[review.id] = reply
        return shown_reply(reply)

    @answers("DELETE", "/v4/accounts/{account}/locations/{location}/reviews/{review}/reply")
    async def delete_reply(self, call: Call) -> dict[str, Any]:
        """Take the reply to a review away."""
        _, review = self._review(call)
        del self.world.replies[review.id]
        return {}

    @answers("POST", "/token", on="token", is_open=True)
    async def token(self, call: Call) -> Response:
        """A token; one that lasts only where the page of consent was asked for it, and showed itself."""
        answer = self.answer_token(call)
        said = json.loads(bytes(answer.body))
        if "access_token" in said and not said["scope"]:
            said["scope"] = "openid"  # a person who unticks all that can be unticked is known all the same
        if not self.asked_to_last and call.fields.get("grant_type") == "authorization_code":
            said.pop("refresh_token", None)
        return JSONResponse(said, answer.status_code)

    @answers("POST", "/revoke", on="token", is_open=True)
    async def revoke_token(self, call: Call) -> Any:
        """End a consent: with any of its tokens, all that the person ever gave to this client."""
        word = call.fields.get("token") or call.query.get("token")
        if not any(word in (each.access, each.refresh) and not each.is_revoked for each in self.oauth.tokens):
            return JSONResponse({"error": "invalid_token"}, 400)
        self.oauth.revoke()
        return {}

    @answers("GET", "/oauth2/v3/certs", is_open=True)
    async def certs(self, call: Call) -> dict[str, Any]:
        """The keys that sign the tokens of pushes."""
        return self.keyset.jwks()

    def _setting(self, account: str) -> dict[str, Any]:
        setting = self.world.settings[account]
        told = {"notificationTypes": setting.kinds, "pubsubTopic": setting.topic}
        return {"name": f"{account}/notificationSetting", **{name: value for name, value in told.items() if value}}

    def _place(self, call: Call) -> tuple[str, str]:
        account, number = f"accounts/{call.path['account']}", call.path["location"]
        if number not in PLACES[account]:
            raise KeyError(number)
        return account, f"locations/{number}"

    def _review(self, call: Call) -> tuple[str, Written]:
        account, place = self._place(call)
        review = self.world.reviews[call.path["review"]]
        if review.location != place:
            raise KeyError(review.id)
        return account, review

    def _masked(self, call: Call, shown: dict[str, Any]) -> dict[str, Any]:
        """What of a location was asked for.

        Raises:
            Refusal: Nothing was.
        """
        mask = [part for part in call.query.get("readMask", "").split(",") if part]
        if not mask:
            raise Refusal("invalid")
        return {name: value for name, value in shown.items() if name in mask}

    def _page(self, call: Call, found: list[Written], asked: dict[str, str]) -> tuple[list[Written], dict[str, str]]:
        epoch, _, token = asked.get("pageToken", "").rpartition(":")
        if asked.get("pageToken") and epoch != str(self._epoch):
            raise Refusal("invalid")
        cut = by_token(
            found, {**asked, "pageToken": token}, lambda each: _TOP - each.place, size=self.size, token=TOKEN,
            limit="pageSize", is_stuck=call.is_stuck,
        )  # fmt: skip
        return list(cut.shown), {"nextPageToken": f"{self._epoch}:{cut.next}"} if cut.next else {}

    def _cut(self, call: Call, shown: list[dict[str, Any]], name: str, size: int) -> dict[str, Any]:
        numbered = list(enumerate(shown))
        cut = by_token(
            numbered, call.query, lambda each: each[0], size=size, token=TOKEN, limit="pageSize",
            is_stuck=call.is_stuck,
        )  # fmt: skip
        following = {"nextPageToken": cut.next} if cut.next else {}
        return {name: [each for _, each in cut.shown], **following}
