"""What is done to comments that are there already; done twice, it is as if done once."""

import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox import Sandbox

import chorally_sdk as sdk


def _action(verb: sdk.Verb, comment: str, body: str = "") -> sdk.Action:
    return sdk.Action(verb=verb, external_id=comment, channel="facebook_comment", body=body)


async def test_a_comment_is_hidden_and_shown_again(page: Sandbox, facebook: Facebook) -> None:
    """Twice is as good as once."""
    comment = page.comment("7", "rude")
    for verb, hidden in (("hide", True), ("hide", True), ("unhide", False), ("unhide", False)):
        await facebook.moderate(_action(verb, comment.id))  # type: ignore[arg-type]
        assert comment.is_hidden is hidden


async def test_a_comment_is_liked_in_the_pages_name(page: Sandbox, facebook: Facebook) -> None:
    """Once, however often it is asked for."""
    comment = page.comment("7", "nice")
    for _ in range(2):
        await facebook.moderate(_action("like", comment.id))
    assert comment.is_liked


async def test_a_deleted_comment_may_be_deleted_again(page: Sandbox, facebook: Facebook) -> None:
    """What is gone already is as it should be."""
    comment = page.comment("7", "spam")
    for _ in range(2):
        await facebook.moderate(_action("delete", comment.id))
    assert comment.id not in page.world.comments


async def test_hiding_what_is_gone_is_refused_as_gone(page: Sandbox, facebook: Facebook) -> None:
    """So that the host knows that it was deleted."""
    comment = page.comment("7", "spam")
    await facebook.moderate(_action("delete", comment.id))
    with pytest.raises(sdk.Rejected) as refused:
        await facebook.moderate(_action("hide", comment.id))
    assert refused.value.reason is sdk.Reason.GONE


async def test_the_pages_own_comment_is_edited(page: Sandbox, facebook: Facebook) -> None:
    """People see the new text."""
    comment = page.world.comment(page.world.page_id, page.world.page_name, "helo", page.world.post().id)
    await facebook.moderate(_action("edit", comment.id, "hello"))
    assert comment.message == "hello"


async def test_what_facebook_does_not_offer_is_refused(facebook: Facebook) -> None:
    """Comments are not marked as read."""
    with pytest.raises(sdk.Rejected):
        await facebook.moderate(_action("read", "1_2"))
