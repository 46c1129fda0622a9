"""What becomes of an account is stored once, whatever a process knows of it at the moment."""

import pytest
from chorally_core.services.io.model import Account

import chorally_sdk as sdk
from tests.support.several import Several


async def _facts(several: Several) -> list[str]:
    return [event.data.kind for event in await several.published("logs") if event.name == "add"]


async def test_a_refused_token_is_stored_although_the_account_was_changed_elsewhere_just_now(several: Several) -> None:
    """A refusal comes once; a person must be told of it."""
    api, worker = await several.start("api", "api"), await several.start("worker", "worker")
    account = await several.account(api)
    await several.everywhere()
    stale = worker.io.directory.accounts[account.id]
    await api.io.accounts.change(account, name="another name")

    await worker.io.accounts.refused(stale, sdk.Reauthorize("the token was revoked"))
    await worker.io.accounts.refused(stale, sdk.Reauthorize("the token was revoked"))

    [stored] = await several.all(Account)
    assert (stored.state, stored.name) == ("reauthorization_required", "another name")
    assert (await _facts(several)).count("account_reauthorization_required") == 1
    several.clock.forward(seconds=5)
    await several.everywhere()
    assert worker.io.directory.accounts[account.id].name == "another name"


@pytest.mark.parametrize("there", ["elsewhere", "here"])
async def test_a_refusal_of_earlier_credentials_is_no_refusal_of_the_new_ones(several: Several, there: str) -> None:
    """A person connected the account again while the call was under way."""
    api, worker = await several.start("api", "api"), await several.start("worker", "worker")
    account = await several.account(api)
    await several.everywhere()
    stale = worker.io.directory.accounts[account.id]
    process = api if there == "elsewhere" else worker
    await process.io.accounts.change(account, credentials={"access_token": "another"})

    await worker.io.accounts.refused(stale, sdk.Reauthorize("the token was revoked"))

    assert [account.state for account in await several.all(Account)] == ["connected"]


async def test_an_account_that_was_disconnected_elsewhere_stays_so(several: Several) -> None:
    """Whatever the platform says of its old token."""
    api, worker = await several.start("api", "api"), await several.start("worker", "worker")
    account = await several.account(api)
    await several.everywhere()
    stale = worker.io.directory.accounts[account.id]
    await api.io.accounts.disconnect(account)

    await worker.io.accounts.refused(stale, sdk.Reauthorize("the token was revoked"))

    assert [account.state for account in await several.all(Account)] == ["disconnected"]


async def test_whoever_knows_an_account_as_it_was_calls_the_platform_as_it_is(several: Several) -> None:
    """As the task of its deliveries does, which began before it was connected again."""
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    changed = await one.io.accounts.change(account, credentials={"access_token": "another"})

    token = await one.io.directory.connector(account).token()
    assert token.get_secret_value() == "another"
    assert one.io.directory.connector(changed) is one.io.directory.connector(account)


async def test_an_account_is_connected_once_at_whichever_process(several: Several) -> None:
    """Its messages would come twice; the other process need not know of it yet."""
    one, two = await several.start("one", "api"), await several.start("two", "api")
    first = await several.account(one)

    with pytest.raises(ValueError, match="already connected"):
        await two.io.accounts.connect(
            account_id="second", tenant="acme", platform="wall", name="wall", settings={},
            credentials={"access_token": "token"}, since=None,
        )  # fmt: skip
    assert [account.id for account in await several.all(Account)] == [first.id]
