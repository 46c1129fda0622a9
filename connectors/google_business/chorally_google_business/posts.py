"""Posts on a location ("local posts"): published, looked for, edited, deleted.

Google takes their photos from public addresses only, so that none is uploaded.
"""

from datetime import date, time, timedelta
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

import chorally_sdk as sdk
from chorally_google_business import api
from chorally_google_business.names import Place
from chorally_google_business.shapes import Shape

_CLOCKS_APART = timedelta(minutes=2)
_PAGE_SIZE = 100  # posts; discovery document of mybusiness v4, ``localPosts.list``
_MOST_PAGES = 20


class Option(BaseModel):
    """A part of what a post may have."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Button(Option):
    """What people are asked to do; a call needs no address."""

    action: Literal["BOOK", "ORDER", "SHOP", "LEARN_MORE", "SIGN_UP", "CALL"]
    url: str = ""


class Event(Option):
    """What happens, and when, by the location's own clocks."""

    title: str = Field(min_length=1)
    start_date: date
    start_time: time
    end_date: date
    end_time: time


class Offer(Option):
    """What is offered, within the time of the event."""

    coupon: str = ""
    url: str = ""
    terms: str = ""


class Options(Option):
    """Everything but the text."""

    language: str = ""
    topic: Literal["STANDARD", "EVENT", "OFFER"] = "STANDARD"
    button: Button | None = None
    photos: tuple[str, ...] = Field(default=(), max_length=10)
    event: Event | None = None
    offer: Offer | None = None


WORDS = {
    "language": "the language of the text, as `it` or `en-US`",
    "topic": "`STANDARD`, `EVENT` or `OFFER`; the last two need an `event`",
    "button": "`action` (`BOOK`, `ORDER`, `SHOP`, `LEARN_MORE`, `SIGN_UP`, `CALL`) and its `url`",
    "photos": "public addresses of photos",
    "event": "`title`, `start_date`, `start_time`, `end_date`, `end_time`, by the location's own clocks",
    "offer": "`coupon`, `url`, `terms`",
}


class LocalPost(Shape):
    """A post."""

    name: str = Field(min_length=1)
    summary: str = ""
    state: str = ""
    searchUrl: str = ""
    createTime: AwareDatetime | None = None


class LocalPosts(Shape):
    """A page of a location's posts."""

    localPosts: list[LocalPost] = []
    nextPageToken: str = ""


async def publish(http: sdk.Http, place: Place, publication: sdk.Publication) -> sdk.Receipt:
    """Make a post; until Google has looked at it, it is accepted and not yet seen.

    Raises:
        Rejected: Its options are none that a post can have, or Google refuses it by its policies.
    """
    answer = await http.post(f"{place.path}/localPosts", json=_body(publication))
    return _receipt(api.read(LocalPost, answer.content, "the post"))


async def find(http: sdk.Http, place: Place, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
    """Return the post that an attempt made; None where there is none of its text since then.

    Raises:
        OutcomeUnknown: Several have its text, or the listing is too long to be read.
        Rejected: Google refuses it by its policies.
    """
    if outgoing.receipt is not None and outgoing.receipt.external_id:
        answer = await http.get(f"{place.path}/localPosts/{_id(outgoing.receipt.external_id)}")
        return _receipt(api.read(LocalPost, answer.content, "the post"))
    since = outgoing.tried_at - _CLOCKS_APART if outgoing.tried_at else None
    found: list[LocalPost] = []
    token = ""
    for _ in range(_MOST_PAGES):
        asked: dict[str, Any] = {"pageSize": _PAGE_SIZE, **({"pageToken": token} if token else {})}
        answer = await http.get(f"{place.path}/localPosts", params=asked)
        page = api.read(LocalPosts, answer.content, "the listing of posts")
        found += [each for each in page.localPosts if _fits(each, outgoing.body, since)]
        if not page.nextPageToken:
            break
        token = page.nextPageToken
    else:
        raise sdk.OutcomeUnknown("the location has more posts than can be read; look whether this one is there")
    if len(found) > 1:
        raise sdk.OutcomeUnknown("several posts have this text; look which of them is meant")
    return _receipt(found[0]) if found else None


async def moderate(http: sdk.Http, place: Place, action: sdk.Action) -> None:
    """Change the text of a post, or delete it; one that is gone is deleted already."""
    path = f"{place.path}/localPosts/{_id(action.external_id)}"
    if action.verb == "edit":
        await http.patch(path, params={"updateMask": "summary"}, json={"summary": action.body})
        return
    try:
        await http.delete(path)
    except sdk.Rejected as error:
        if error.reason != sdk.Reason.GONE:
            raise


def _body(publication: sdk.Publication) -> dict[str, Any]:
    try:
        options = Options.model_validate(dict(publication.options))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise sdk.Rejected(f"options.{where}: {first['msg']}; known are {', '.join(Options.model_fields)}") from error
    if publication.attachments:
        raise sdk.Rejected("Google takes photos of posts from public addresses only; give them as options.photos")
    if options.topic != "STANDARD" and options.event is None:
        raise sdk.Rejected(f"options.event: a post of the topic {options.topic} needs one")
    body: dict[str, Any] = {"topicType": options.topic, "summary": publication.body}
    if options.language:
        body["languageCode"] = options.language
    if options.button:
        button = {"actionType": options.button.action, "url": options.button.url}
        body["callToAction"] = {name: value for name, value in button.items() if value}
    if options.photos:
        body["media"] = [{"mediaFormat": "PHOTO", "sourceUrl": url} for url in options.photos]
    if options.event:
        body["event"] = {"title": options.event.title, "schedule": _schedule(options.event)}
    if options.offer:
        offer = {
            "couponCode": options.offer.coupon, "redeemOnlineUrl": options.offer.url,
            "termsConditions": options.offer.terms,
        }  # fmt: skip
        body["offer"] = {name: value for name, value in offer.items() if value}
    return body


def _schedule(event: Event) -> dict[str, Any]:
    """When an event is; all four parts must be there."""
    parts: dict[str, Any] = {}
    for name, day, clock in (
        ("start", event.start_date, event.start_time), ("end", event.end_date, event.end_time)
    ):  # fmt: skip
        parts[f"{name}Date"] = {"year": day.year, "month": day.month, "day": day.day}
        parts[f"{name}Time"] = {"hours": clock.hour, "minutes": clock.minute}
    return parts


def _fits(post: LocalPost, text: str, since: Any) -> bool:
    is_new = since is None or post.createTime is None or post.createTime >= since
    return is_new and post.summary.strip() == text.strip()


def _receipt(post: LocalPost) -> sdk.Receipt:
    if post.state == "REJECTED":
        raise sdk.Rejected("Google refuses the post by its policies", reason=sdk.Reason.BLOCKED)
    return sdk.Receipt(
        external_id=_id(post.name), state="accepted" if post.state == "PROCESSING" else "sent",
        url=post.searchUrl or None,
    )  # fmt: skip


def _id(name: str) -> str:
    """The last part of a post's name, which is its own id."""
    return name.rpartition("/")[2]
