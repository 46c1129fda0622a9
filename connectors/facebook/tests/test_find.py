from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect

Answer = Callable[..., sdk.OutboundMessage]


async def test_every_page_is_searched(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """The comment is the last of many, over several pages."""
    page.configure(page_size=2)
    asked = page.comment("7", "Open?")
    for turn in range(9):
        page.comment("8", f"me too {turn}", parent_id=asked.id)
    made = page.comment(page.world.page_id, "Yes", parent_id=asked.id)

    receipt = await facebook.find(an_answer("Yes", asked.id))
    assert receipt is not None
    assert receipt.external_id == made.id


async def test_white_space_does_not_count(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """Facebook trims what it is given."""
    asked = page.comment("7", "Open?")
    page.comment(page.world.page_id, "Yes,\nuntil 8", parent_id=asked.id)

    assert await facebook.find(an_answer("Yes,\r\n until 8 \n", asked.id)) is not None


async def test_equal_words_of_others_are_not_ours(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """A person wrote the same; ours is absent."""
    asked = page.comment("7", "Open?")
    page.comment("8", "Yes", parent_id=asked.id)

    assert await facebook.find(an_answer("Yes", asked.id)) is None


async def test_what_was_there_before_the_attempt_is_not_it(
    page: Sandbox, facebook: Facebook, an_answer: Answer, clock: Any
) -> None:
    """An older equal answer does not hide that this one is missing; clocks may differ by a minute."""
    asked = page.comment("7", "Open?")
    page.comment(page.world.page_id, "Yes", parent_id=asked.id)
    clock.pass_(seconds=59)
    assert await facebook.find(an_answer("Yes", asked.id)) is not None
    clock.pass_(seconds=2)
    assert await facebook.find(an_answer("Yes", asked.id)) is None


async def test_a_platform_that_ignores_since_does_no_harm(an_answer: Answer) -> None:
    """What it lists from before the attempt is not taken for the answer."""
    ours = {"id": "account-1", "name": "Acme"}
    comment = {"id": "2_3", "from": ours, "message": "Yes", "created_time": "2026-11-22T09:00:00+0000"}
    listing = {"data": [comment], "paging": {"cursors": {"after": "QQ=="}}}

    assert await connect(Facebook, lambda _: httpx.Response(200, json=listing)).find(an_answer("Yes", "1_2")) is None


async def test_two_copies_are_for_a_person_to_judge(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """Which of two equal answers is ours cannot be told."""
    asked = page.comment("7", "Open?")
    for _ in range(2):
        page.comment(page.world.page_id, "Yes", parent_id=asked.id)

    with pytest.raises(sdk.OutcomeUnknown, match="2 equal"):
        await facebook.find(an_answer("Yes", asked.id))


async def test_an_equal_comment_of_an_unknown_author_is_in_doubt(an_answer: Answer) -> None:
    """Without ``from`` it may be ours, so it is not taken for absent."""
    comment = {"id": "2_3", "message": "Yes", "created_time": "2026-11-23T09:00:00+0000"}
    listing = {"data": [comment], "paging": {"cursors": {"after": "QQ=="}}}

    with pytest.raises(sdk.OutcomeUnknown, match="whose"):
        await connect(Facebook, lambda _: httpx.Response(200, json=listing)).find(an_answer("Yes", "1_2"))


async def test_a_mention_is_in_doubt(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """Facebook shows a name where we wrote a mention, so any answer of ours may be it."""
    asked = page.comment("7", "Open?")
    assert await facebook.find(an_answer("@[7] yes", asked.id)) is None
    page.comment(page.world.page_id, "Ada yes", parent_id=asked.id)

    with pytest.raises(sdk.OutcomeUnknown, match="mention"):
        await facebook.find(an_answer("@[7] yes", asked.id))


async def test_an_answer_put_beside_the_reply_is_in_doubt(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """An answer to a reply may appear next to it: found there, a person judges."""
    asked = page.comment("7", "Open?")
    reply = page.comment("8", "On Sunday?", parent_id=asked.id)
    answer = an_answer("Yes", reply.id, route={"thread": asked.id})
    assert await facebook.find(answer) is None
    page.comment(page.world.page_id, "Yes", parent_id=asked.id)

    with pytest.raises(sdk.OutcomeUnknown, match="beside"):
        await facebook.find(answer)


async def test_a_deleted_comment_says_so(facebook: Facebook, an_answer: Answer) -> None:
    """Under what is gone nothing can be found, and the host is told why."""
    with pytest.raises(sdk.Rejected) as caught:
        await facebook.find(an_answer("Yes", "1_2"))
    assert caught.value.reason is sdk.Reason.GONE
