import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.config import AccountSettings
from chorally_facebook.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect


async def test_the_page_of_the_token_is_named(page: Sandbox, facebook: Facebook) -> None:
    """One call gives the id and the name."""
    assert await facebook.check() == sdk.AccountInfo(external_id=page.world.page_id, name=page.world.page_name)


async def test_the_token_of_another_page_is_refused() -> None:
    """A page id in the settings protects from a token pasted into the wrong account."""
    settings = AccountSettings(page_id="1")
    facebook = connect(Facebook, lambda _: httpx.Response(200, json={"id": "2", "name": "Other"}), settings=settings)
    with pytest.raises(sdk.Rejected, match="belongs to 2"):
        await facebook.check()


async def test_a_wrong_token_asks_for_another(page: Sandbox) -> None:
    """The token does not appear in the message."""
    with pytest.raises(sdk.Reauthorize) as caught:
        await connect(Facebook, page.transport()).check()
    assert "'token'" not in str(caught.value)


async def test_an_answer_without_an_id_is_malformed() -> None:
    """The field that is missing is named."""
    with pytest.raises(sdk.Malformed, match="id: Field required"):
        await connect(Facebook, lambda _: httpx.Response(200, json={"name": "x"})).check()
