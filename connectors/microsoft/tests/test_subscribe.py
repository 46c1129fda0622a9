"""Subscriptions: leases of less than three days, met, renewed and healed."""

import json
from datetime import timedelta

import httpx
import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.mail.subscribing import client_state
from chorally_microsoft.sandbox import Outlook, TeamsBot
from chorally_microsoft.sandbox.store import USER_ID
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook
from chorally_sdk.testing.recording import Exchange

SECRET = SecretStr("made-by-the-host")
CALLBACK = "https://chorally.example/microsoft/v1/webhook/abc"


async def test_a_subscription_is_asked_for_as_graph_documents_it(
    mailbox: Outlook, outlook: Microsoft, asked: list[Exchange]
) -> None:
    """With lasting ids, a place for lifecycle events, a proof, and an end within three days."""
    made = await outlook.subscribe(CALLBACK, SECRET, None)
    (post,) = [each for each in asked if each.method == "POST"]
    told = json.loads(post.body)

    assert told.pop("expirationDateTime") == "2026-11-26T07:00:00.000000Z"
    assert told == {
        "changeType": "created,deleted",
        "notificationUrl": CALLBACK,
        "lifecycleNotificationUrl": CALLBACK,
        "resource": "/me/mailFolders('inbox')/messages",
        "clientState": client_state(USER_ID, SECRET),
    }
    assert made.expires_at is not None
    assert made.expires_at - mailbox.clock() < timedelta(days=3)
    assert 'IdType="ImmutableId"' in dict(post.headers)["prefer"]


async def test_a_renewal_is_one_patch(mailbox: Outlook, outlook: Microsoft, asked: list[Exchange]) -> None:
    """Of the end alone."""
    made = await outlook.subscribe(CALLBACK, SECRET, None)
    asked.clear()
    mailbox.clock.pass_(hours=30)
    renewed = await outlook.subscribe(CALLBACK, SECRET, made)

    assert [(each.method, list(json.loads(each.body))) for each in asked] == [("PATCH", ["expirationDateTime"])]
    assert renewed.external_id == made.external_id
    assert renewed.expires_at is not None
    assert made.expires_at is not None
    assert renewed.expires_at - made.expires_at == timedelta(hours=30)


async def test_one_that_leads_to_another_address_is_made_anew(mailbox: Outlook, outlook: Microsoft) -> None:
    """The public address has changed; the old subscription is ended."""
    made = await outlook.subscribe("https://old.example/hook", SECRET, None)
    again = await outlook.subscribe(CALLBACK, SECRET, made)

    assert [each.callback for each in mailbox.subscriptions()] == [CALLBACK]
    assert again.external_id != made.external_id


async def test_notifications_of_a_subscription_are_ours(mailbox: Outlook, outlook: Microsoft) -> None:
    """And name the mailbox, lifecycle events too, which name nothing else."""
    await outlook.subscribe(CALLBACK, SECRET, None)
    said = await mailbox.say("Hello")
    (hook,) = mailbox.hooks()
    lost = [mailbox.lifecycle(kind) for kind in ("reauthorizationRequired", "subscriptionRemoved")]

    assert outlook.verify(hook, sdk.Keys(secrets={"subscription": (SECRET,)})).status == 202
    assert outlook.parse(hook) == [sdk.Ping(stream="inbox", account=USER_ID, external_id=said)]
    for each in lost:
        assert outlook.parse(each) == [sdk.Notice(kind="subscription_lost", account=USER_ID)]


async def test_a_bot_has_nothing_to_subscribe(teams: Microsoft, bot: TeamsBot, asked: list[Exchange]) -> None:
    """Its address is set in Azure; all its accounts share that."""
    made = await teams.subscribe(CALLBACK, SECRET, None)
    await teams.unsubscribe(made)

    assert (made.external_id, made.expires_at, asked) == ("bot/sandbox-client", None, [])


def test_notifications_of_several_mailboxes_are_told_apart(outlook: Microsoft) -> None:
    """In one request, each with what it says."""
    told = [
        {"clientState": client_state("u1", SECRET), "changeType": "created", "resourceData": {"id": "m1"}},
        {"clientState": client_state("u2", SECRET), "changeType": "deleted", "resourceData": {"id": "m2"}},
        {"clientState": client_state("u3", SECRET), "lifecycleEvent": "missed"},
        {"clientState": client_state("u4", SECRET), "changeType": "created", "resourceData": None},
    ]

    assert outlook.parse(a_hook(json.dumps({"value": told}))) == [
        sdk.Ping(stream="inbox", account="u1", external_id="m1"),
        sdk.Ping(stream="removed", account="u2", external_id="m2"),
        sdk.Ping(stream="inbox", account="u3"),
        sdk.Ping(stream="sentitems", account="u3"),
        sdk.Ping(stream="inbox", account="u4"),
    ]


async def test_the_sandbox_tests_the_url_and_posts_to_it(mailbox: Outlook, outlook: Microsoft) -> None:
    """As Graph does: the word comes back in plain text, then notifications are answered 202."""
    heard: list[sdk.Verdict] = []

    def answer(request: httpx.Request) -> httpx.Response:
        hook = a_hook(request.content, query=dict(request.url.params), headers=dict(request.headers))
        verdict = outlook.verify(hook, sdk.Keys(secrets={"subscription": (SECRET,)}))
        heard.append(verdict)
        return httpx.Response(verdict.status, content=verdict.body, headers={"content-type": verdict.media_type})

    mailbox.post.transport, mailbox.tests_urls = httpx.MockTransport(answer), True
    await outlook.subscribe(CALLBACK, SECRET, None)
    await mailbox.say("one")
    await mailbox.say("two")

    assert await mailbox.post.deliver_all() == 1
    assert [(each.kind, each.status) for each in heard] == [("handshake", 200), ("accept", 202)]
    await mailbox.post.aclose()


async def test_a_url_that_does_not_answer_is_not_subscribed(mailbox: Outlook, outlook: Microsoft) -> None:
    """Graph refuses it; a person is told."""
    mailbox.post.transport, mailbox.tests_urls = httpx.MockTransport(lambda _: httpx.Response(404)), True
    with pytest.raises(sdk.Rejected, match="validation"):
        await outlook.subscribe(CALLBACK, SECRET, None)

    assert mailbox.subscriptions() == []
    await mailbox.post.aclose()
