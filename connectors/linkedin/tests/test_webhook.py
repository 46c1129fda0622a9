"""Webhooks: both constructions of the signature, batches, removals, mentions, and what is not known."""

import contextlib
import hmac
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.sandbox import Sandbox
from chorally_linkedin.sandbox.world import OURS
from chorally_linkedin.webhook import TOLD, delivery_id
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

BODY = b'{"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": []}'
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("notificationId", "action", "sourcePost", "generatedActivity", "decoratedGeneratedActivity", "lastModifiedAt")
COMMENT = "urn:li:comment:(activity:1,22)"


def signatures(secret: str) -> dict[str, str]:
    """All four forms in which a body may be signed."""
    found: dict[str, str] = {}
    for before in (b"hmacsha256=", b""):
        digest = hmac.digest(secret.encode(), before + BODY, "sha256").hex()
        found |= {f"{before!r} bare": digest, f"{before!r} prefixed": f"hmacsha256={digest}"}
    return found


def heard(*notifications: Any, kind: str = TOLD) -> list[sdk.Event]:
    """What a body of notifications gives."""
    hook = a_hook(json.dumps({"type": kind, "notifications": list(notifications)}))
    return list(connect(LinkedIn, for_app=True).parse(hook))


@pytest.mark.parametrize("form", signatures(""))
def test_each_known_form_of_the_signature_is_accepted(
    page: Sandbox, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    """By the live secret; and the log tells which form it was, for whoever must know which LinkedIn uses."""
    linkedin, keys = connect(LinkedIn, for_app=True), page.keys()

    with caplog.at_level(logging.DEBUG, "chorally_linkedin"):
        good = linkedin.verify(a_hook(BODY, headers={"X-LI-Signature": signatures(page.courier.secret)[form]}), keys)
    bad = linkedin.verify(a_hook(BODY, headers={"X-LI-Signature": signatures("another")[form]}), keys)

    assert (good.kind, bad.kind) == ("accept", "reject")
    assert "webhook signed as" in caplog.text


@pytest.mark.parametrize("before", ["", "hmacsha256="])
def test_the_test_of_the_url_signs_no_hook(page: Sandbox, before: str) -> None:
    """Whoever has a body answered as a challenge would have its signature."""
    linkedin, keys = connect(LinkedIn, for_app=True), page.keys()
    asked = {"challengeCode": before + BODY.decode()}

    assert linkedin.verify(a_hook(b"", method="GET", query=asked), keys).kind == "reject"


async def test_the_alternative_form_is_heard_as_well(page: Sandbox) -> None:
    """A whole delivery in it."""
    page.courier.is_alternative = True
    await page.say("Open?")
    [hook] = page.hooks()

    assert connect(LinkedIn, for_app=True).verify(hook, page.keys()).kind == "accept"


def test_a_delivery_is_known_by_its_notifications() -> None:
    """In any order, as LinkedIn sends them again for eight hours; without an id of each there is none."""
    ids = [json.dumps({"notifications": [{"notificationId": n} for n in order]}).encode() for order in ((1, 2), (2, 1))]

    assert delivery_id(ids[0]) == delivery_id(ids[1]) != delivery_id(b'{"notifications": [{"notificationId": 1}]}')
    assert delivery_id(b'{"notifications": [{"notificationId": 1}, {}]}') is None
    assert [delivery_id(body) for body in (b"", b"[]", b'{"notifications": 5}', b'{"notifications": []}')] == [None] * 4


def test_a_removal_is_a_mark() -> None:
    """Of the comment, by its number, at the time that LinkedIn tells."""
    told = {"organizationalEntity": OURS, "action": "COMMENT_DELETE", "generatedActivity": COMMENT}
    [mark] = heard({**told, "lastModifiedAt": 1_795_430_000_123})

    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id, mark.account) == ("deleted", "22", OURS)
    assert (mark.at.year, mark.at.microsecond) == (2026, 123_000)


@pytest.mark.parametrize("action", ["COMMENT_DELETE", "COMMENT", "APPLAUSE", ""])
def test_what_is_not_as_documented_makes_us_look(action: str) -> None:
    """Nothing is dropped without a word: the comments are read."""
    assert heard({"organizationalEntity": OURS, "action": action}) == [sdk.Ping(stream="comments", account=OURS)]


def test_what_says_nothing_gives_nothing() -> None:
    """A like, a reshare without words, and webhooks of other products."""
    bare = {"organizationalEntity": OURS, "lastModifiedAt": 1, "generatedActivity": "urn:li:share:5"}
    reshared = {**bare, "action": "SHARE", "decoratedGeneratedActivity": {"share": {"entity": "urn:li:share:5"}}}

    assert heard({**bare, "action": "LIKE"}, reshared) == []
    assert heard({"leadGenForm": 1}, kind="LEAD_ACTION") == []


def test_a_mention_without_its_post_is_fetched() -> None:
    """By its URN."""
    told = {"organizationalEntity": OURS, "action": "SHARE_MENTION", "generatedActivity": "urn:li:share:5"}

    assert heard(told) == [sdk.Ping(stream="mentions", account=OURS, external_id="urn:li:share:5")]


async def test_a_mention_is_the_same_by_hook_and_by_pull(page: Sandbox, comments: Callable[..., Any]) -> None:
    """And it can be answered: a post of somebody else, in their words."""
    urn = page.mention("Thanks to @Sandbox (Ltd)", author="bob")
    page.mention("Read this", action="SHARE", source=page.news.activity)
    told = [event for hook in page.hooks() for event in connect(LinkedIn, for_app=True).parse(hook)]
    pulled, _ = await comments(stream="mentions")

    assert [each.model_copy(update={"account": None}) for each in pulled] == [
        each.model_copy(update={"account": None}) for each in told
    ]
    mention, share = pulled
    assert (mention.external_id, mention.kind, mention.body) == (urn, "mention", "Thanks to @Sandbox (Ltd)")
    assert mention.author == sdk.Author(external_id="urn:li:person:bob")
    assert (share.kind, share.extra) == ("share", {"shares": page.news.activity})


def test_a_null_is_a_field_that_is_left_out() -> None:
    """In a notification and within it."""
    told = {"organizationalEntity": OURS, "action": "COMMENT", "generatedActivity": COMMENT, "sourcePost": None}
    shown = {"entity": "urn:li:share:5", "text": None, "message": None}

    assert heard({**told, "decoratedSourcePost": shown}) == heard(
        {**told, "sourcePost": "", "decoratedSourcePost": {"entity": "urn:li:share:5"}}
    )


def test_one_odd_notification_holds_up_no_other() -> None:
    """Its page is looked at; the others are of other pages, perhaps."""
    good = {"organizationalEntity": "urn:li:organization:8", "action": "COMMENT"}
    odd = {"organizationalEntity": OURS, "action": "COMMENT", "lastModifiedAt": "soon"}

    assert heard(odd, good) == [*heard({"organizationalEntity": OURS, "action": "COMMENT"}), *heard(good)]


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_a_notification_holds_it_is_read_or_kept_aside(odd: dict[str, Any]) -> None:
    """Events, or ``Malformed``; never a bug's exception."""
    with contextlib.suppress(sdk.Malformed):
        heard({"organizationalEntity": OURS, **odd})
