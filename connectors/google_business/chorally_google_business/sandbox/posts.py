"""The posts of a location in memory."""

from typing import Any

import httpx

from chorally_google_business.sandbox.twin import TOKEN, BusinessProfile
from chorally_google_business.sandbox.world import stamp
from chorally_sdk.sandbox import Call, Clock, Refusal, Shelf, Thing, answers, by_token

TOPICS = frozenset({"STANDARD", "EVENT", "OFFER", "ALERT"})
_TAKEN = frozenset({"languageCode", "topicType", "callToAction", "media", "event", "offer"})


class Posts(BusinessProfile):
    """Locations that post."""

    def __init__(
        self, *, clock: Clock | None = None, seed: int = 0, callback: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Make locations without posts."""
        super().__init__(clock=clock, seed=seed, callback=callback)
        self.posts = Shelf(self.clock)
        self.post_state = "LIVE"
        """What new posts are: ``PROCESSING``, ``LIVE`` or ``REJECTED``."""

    @answers("GET", "/v4/accounts/{account}/locations/{location}/localPosts")
    async def list_posts(self, call: Call) -> dict[str, Any]:
        """A page of a location's posts, the newest first."""
        account, place = self._place(call)
        found = sorted(self.posts.where(location=place), key=lambda post: int(post.id), reverse=True)
        cut = by_token(
            list(enumerate(found)), call.query, lambda each: each[0], size=self.size, token=TOKEN, limit="pageSize",
            is_stuck=call.is_stuck,
        )  # fmt: skip
        shown = [_shown(post, account) for _, post in cut.shown]
        return {**({"localPosts": shown} if shown else {}), **({"nextPageToken": cut.next} if cut.next else {})}

    @answers("POST", "/v4/accounts/{account}/locations/{location}/localPosts")
    async def create_post(self, call: Call) -> dict[str, Any]:
        """A new post."""
        account, place = self._place(call)
        topic, summary = call.fields.get("topicType"), call.fields.get("summary", "")
        if topic not in TOPICS or not summary or (topic in ("EVENT", "OFFER") and "event" not in call.fields):
            raise Refusal("invalid")
        told = {name: value for name, value in call.fields.items() if name in _TAKEN}
        return _shown(self.posts.add(summary, location=place, told=told, state=self.post_state), account)

    @answers("GET", "/v4/accounts/{account}/locations/{location}/localPosts/{post}")
    async def get_post(self, call: Call) -> dict[str, Any]:
        """One post."""
        account, _ = self._place(call)
        return _shown(self.posts[call.path["post"]], account)

    @answers("PATCH", "/v4/accounts/{account}/locations/{location}/localPosts/{post}")
    async def update_post(self, call: Call) -> dict[str, Any]:
        """A post with another text."""
        account, _ = self._place(call)
        if call.query.get("updateMask") != "summary" or not call.fields.get("summary"):
            raise Refusal("invalid")
        return _shown(self.posts.change(call.path["post"], body=call.fields["summary"]), account)

    @answers("DELETE", "/v4/accounts/{account}/locations/{location}/localPosts/{post}")
    async def delete_post(self, call: Call) -> dict[str, Any]:
        """A post less."""
        self._place(call)
        self.posts.remove(call.path["post"])
        return {}


def _shown(post: Thing, account: str) -> dict[str, Any]:
    name = f"{account}/{post.more['location']}/localPosts/{post.id}"
    return {
        "name": name,
        "summary": post.body,
        "state": post.more["state"],
        "createTime": stamp(post.created_at),
        "updateTime": stamp(post.changed_at),
        "searchUrl": f"https://search.example/{post.id}",
        **post.more["told"],
    }
