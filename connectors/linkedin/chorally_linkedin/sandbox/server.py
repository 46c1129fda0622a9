"""The routes of comments, posts, pages and notifications."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from starlette.responses import JSONResponse, Response

from chorally_linkedin.sandbox import shown
from chorally_linkedin.sandbox.courier import Notifier
from chorally_linkedin.sandbox.login import Login
from chorally_linkedin.sandbox.world import OURS, Comment, Post, World, ms
from chorally_sdk.sandbox import Call, Clock, Leases, Refusal, Twin, answers, by_offset
from chorally_sdk.text import length

T = TypeVar("T")
VERSIONS = ("202608", "202607", "202606")
LEASE = timedelta(days=30)
"""LinkedIn says that a subscription ends, and not after how long."""
ROLES_AT_ONCE = 2
_ACTIONS = "/rest/socialActions/{urn}/comments"


class Server(Twin):
    """Answers as LinkedIn's pages say."""

    def __init__(self, *, clock: Clock, seed: int) -> None:
        self.login = Login(clock)
        super().__init__(clock=clock, seed=seed, oauth=self.login)
        self.world = World(clock)
        self.told: list[dict[str, Any]] = []
        """Every notification, for those who ask."""
        self.courier = Notifier(self.clock, self.faults, self.rng, deliver="manual")
        self.leases = Leases(clock, LEASE, prefix="subscription-")
        self.keys_of_leases: dict[str, str] = {}
        self.owner = "urn:li:person:owner"

    def authorise(self, call: Call) -> None:
        """Judge a call by its token and its headers."""
        if not call.token:
            raise Refusal("empty")
        super().authorise(call)
        path, head = call.request.url.path, call.request.headers
        if path.startswith("/rest/"):
            if "linkedin-version" not in head:
                raise Refusal("no-version")
            if head["linkedin-version"] not in VERSIONS:
                raise Refusal("old-version")
            if head.get("x-restli-protocol-version") != "2.0.0":
                raise Refusal("invalid", message="Restli 2.0.0 is needed")

    def tell(self, action: str, made: Comment) -> None:
        """Notify the page of what became of a comment on its posts."""
        if made.post.author != OURS:
            return
        told = shown.notification(action, made, len(self.told) + 5_000_001, ms(self.clock()), page=OURS)
        self.told.append(told)
        self.courier.add(told)

    # pages

    @answers("GET", "/rest/organizationAcls")
    async def acls(self, call: Call) -> Any:
        """List the member's roles."""
        urns = list(self.world.organizations)
        roles = [
            {"organization": urn, "role": "ADMINISTRATOR", "state": "APPROVED", "roleAssignee": self.owner}
            for urn in urns
        ]
        more = {"organization": "urn:li:organization:1", "role": "ANALYST", "state": "APPROVED"}
        return self._listed(call, [*roles, {**more, "roleAssignee": self.owner}], size=ROLES_AT_ONCE)

    @answers("GET", "/rest/organizations/{number}")
    async def organization(self, call: Call) -> Any:
        """Show a page."""
        number = call.path["number"]
        return {"id": int(number), "localizedName": self.world.organizations[f"urn:li:organization:{number}"]}

    # posts

    @answers("GET", "/rest/posts")
    async def list_posts(self, call: Call) -> Any:
        """List the posts of an author, those first that were changed last."""
        if call.request.headers.get("x-restli-method") != "FINDER" or call.query["q"] != "author":
            raise Refusal("invalid")
        mine = [post for post in self.world.posts.values() if post.author == call.query["author"]]
        found = sorted(mine, key=lambda post: post.changed_at, reverse=True)
        return self._listed(call, [shown.post(post) for post in found], with_total=False)

    @answers("POST", "/rest/posts")
    async def make_post(self, call: Call) -> Any:
        """Make a post."""
        asked = call.fields
        if asked["author"] not in self.world.organizations:
            raise Refusal("forbidden")
        content = asked.get("content", {})
        self._judge_content(content)
        if length(asked["commentary"], "utf16") > 3000 or not (asked["commentary"] or content):
            raise Refusal("invalid")
        made = self.world.post(asked["author"], asked["commentary"], is_called_for=True, **content)
        return Response(status_code=201, headers={"x-restli-id": made.urn, "x-linkedin-id": made.urn})

    @answers("GET", "/rest/posts/{urn}")
    async def show_post(self, call: Call) -> Any:
        """Show a post."""
        return shown.post(self.world.find(call.path["urn"]))

    @answers("POST", "/rest/posts/{urn}")
    async def edit_post(self, call: Call) -> Any:
        """Change the text of an own post."""
        post = self._own_post(call)
        if call.request.headers.get("x-restli-method") != "PARTIAL_UPDATE":
            raise Refusal("invalid")
        post.commentary, post.changed_at = call.fields["patch"]["$set"]["commentary"], self.clock()
        return Response(status_code=204)

    @answers("DELETE", "/rest/posts/{urn}")
    async def delete_post(self, call: Call) -> Any:
        """Delete an own post, with what hangs on it."""
        if call.path["urn"] in self.world.posts:
            post = self._own_post(call)
            del self.world.posts[post.urn]
            self.world.comments = {n: each for n, each in self.world.comments.items() if each.post is not post}
        return Response(status_code=204)

    def _own_post(self, call: Call) -> Post:
        post = self.world.find(call.path["urn"])
        if post.author not in self.world.organizations:
            raise Refusal("forbidden")
        return post

    def _judge_content(self, content: dict[str, Any]) -> None:
        images = content.get("multiImage", {}).get("images", [])
        if "multiImage" in content and not 2 <= len(images) <= 20:
            raise Refusal("invalid")
        article = content.get("article", {})
        if "article" in content and not (article.get("source") and article.get("title")):
            raise Refusal("invalid")
        named = [each["id"] for each in images]
        named += [each for each in (content.get("media", {}).get("id"), article.get("thumbnail")) if each]
        if not all(self.world.files[urn].is_whole for urn in named):
            raise Refusal("invalid")

    # comments

    @answers("GET", _ACTIONS)
    async def list_comments(self, call: Call) -> Any:
        """List the comments under a post, or the answers to a comment."""
        post, parent = self._under(call.path["urn"])
        found = [each for each in self.world.comments.values() if (each.post, each.parent) == (post, parent)]
        return self._listed(call, [shown.comment(each, self.world) for each in reversed(found)])

    @answers("POST", _ACTIONS)
    async def make_comment(self, call: Call) -> Any:
        """Comment as a page."""
        asked = call.fields
        post, parent = self._under(call.path["urn"])
        if asked["actor"] not in self.world.organizations:
            raise Refusal("forbidden")
        self._under(asked["object"])
        text = asked["message"]["text"]
        if "content" in asked or not text or length(text, "utf16") > 1250:
            raise Refusal("invalid")
        if parent and asked.get("parentComment") != call.path["urn"]:
            raise Refusal("invalid")
        made = self.world.comment(asked["actor"], text, post, parent)
        self.tell("ADMIN_COMMENT", made)
        body = {**shown.comment(made, self.world), "commentUrn": made.urn}
        return JSONResponse(body, 201, {"x-restli-id": made.id})

    @answers("GET", _ACTIONS + "/{number}")
    async def show_comment(self, call: Call) -> Any:
        """Show a comment."""
        return shown.comment(self._comment(call), self.world)

    @answers("POST", _ACTIONS + "/{number}")
    async def edit_comment(self, call: Call) -> Any:
        """Change an own comment."""
        made = self._comment(call)
        if made.actor != call.query["actor"] or made.actor not in self.world.organizations:
            raise Refusal("forbidden")
        if call.request.headers.get("x-restli-method") != "PARTIAL_UPDATE":
            raise Refusal("invalid")
        made.text, made.changed_at = call.fields["patch"]["message"]["$set"]["text"], self.clock()
        self.tell("COMMENT_EDIT", made)
        return Response(status_code=204)

    @answers("DELETE", _ACTIONS + "/{number}")
    async def delete_comment(self, call: Call) -> Any:
        """Delete an own comment, or anybody's on an own post."""
        made = self._comment(call)
        if call.query["actor"] not in self.world.organizations or call.query["actor"] not in (
            made.actor,
            made.post.author,
        ):
            raise Refusal("forbidden")
        self.uncomment(made.id)
        return Response(status_code=204)

    def uncomment(self, number: str) -> None:
        """Take a comment away, with its answers."""
        gone = self.world.comments.pop(number)
        answers_ = [each.id for each in self.world.comments.values() if each.parent == number]
        for each in answers_:
            self.world.comments.pop(each)
        self.world.files.pop(gone.file, None)
        self.tell("COMMENT_DELETE", gone)

    def _under(self, urn: str) -> tuple[Post, str | None]:
        """The post, and the comment on it, that a URN names."""
        if not urn.startswith("urn:li:comment:"):
            return self.world.find(urn), None
        thread, _, number = urn.removeprefix("urn:li:comment:(").removesuffix(")").partition(",")
        made = self.world.comments[number]
        if self.world.find(thread) is not made.post:
            raise KeyError(urn)
        return made.post, number

    def _comment(self, call: Call) -> Comment:
        post, _ = self._under(call.path["urn"])
        made = self.world.comments[call.path["number"]]
        if made.post is not post:
            raise KeyError(made.id)
        return made

    # reactions

    @answers("POST", "/rest/reactions")
    async def react(self, call: Call) -> Any:
        """React as a page; once."""
        root = call.fields["root"]
        self._under(root)
        if call.query["actor"] not in self.world.organizations:
            raise Refusal("forbidden")
        if root in self.world.likes:
            raise Refusal("conflict")
        self.world.likes.add(root)
        return JSONResponse({"root": root, "reactionType": call.fields["reactionType"]}, 201)

    @answers("GET", "/rest/reactions/{key}")
    async def reaction(self, call: Call) -> Any:
        """Show a reaction of the page."""
        entity = call.path["key"].partition(",entity:")[2].removesuffix(")")
        if entity not in self.world.likes:
            raise KeyError(entity)
        return {"root": entity, "reactionType": "LIKE"}

    # notifications

    @answers("GET", "/rest/organizationalEntityNotifications")
    async def notifications(self, call: Call) -> Any:
        """List what happened to a page within a span of time."""
        wanted = call.query["actions"].removeprefix("List(").removesuffix(")").split(",")
        begins, _, ends = call.query["timeRange"].removeprefix("(start:").removesuffix(")").partition(",end:")
        found = [
            each for each in self.told
            if each["organizationalEntity"] == call.query["organizationalEntity"] and each["action"] in wanted
            and int(begins) <= each["lastModifiedAt"] <= int(ends)
        ]  # fmt: skip
        return self._listed(call, found, with_total=False)

    def _listed(self, call: Call, found: Sequence[T], *, with_total: bool = True, size: int = 0) -> dict[str, Any]:
        """A page of a listing, with a link to the next one."""
        start, size = int(call.query.get("start") or 0), min(size or self.size, self.size)
        cut = by_offset(found, call.query, size=size, offset="start", limit="count", is_stuck=call.is_stuck)
        links = []
        if cut.next is not None:
            path = call.request.url.path
            links = [{"rel": "next", "href": f"{path}?start={cut.next}", "type": "application/json"}]
        total = {"total": cut.total} if with_total else {}
        return {
            "paging": {"start": start, "count": len(cut.shown), "links": links, **total},
            "elements": list(cut.shown),
        }
