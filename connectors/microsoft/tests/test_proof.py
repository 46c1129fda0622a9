"""Who may tell us something: activities by their token, notifications by their clientState."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.mail.subscribing import client_state
from chorally_microsoft.names import KEYS
from chorally_microsoft.sandbox import Outlook, TeamsBot
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook

Connects = Callable[..., Microsoft]
Judges = Callable[..., str]
SECRET = SecretStr("made-by-the-host")
LIVE = sdk.Keys(secrets={"subscription": (SECRET,)})


async def an_activity(bot: TeamsBot) -> dict[str, Any]:
    """Something that somebody said to the bot, as it is posted."""
    await bot.say("Open?")
    told: dict[str, Any] = json.loads(bot.hooks()[0].body)
    return told


@pytest.fixture
def verdict(connected: Connects) -> Callable[..., str]:
    """Tells the kind of verdict on a hook."""

    def judge(bot: TeamsBot, hook: sdk.RawHook, keys: sdk.Keys | None = None) -> str:
        return connected(bot, for_app=True).verify(hook, keys or bot.keys()).kind

    return judge


async def test_a_token_is_good_for_the_service_that_it_names(verdict: Judges, bot: TeamsBot) -> None:
    """Who holds a token of the Bot Framework cannot have our answers, with our token, sent to a server of theirs."""
    told = await an_activity(bot)

    assert verdict(bot, bot.posted(told)) == "accept"
    assert verdict(bot, bot.posted({**told, "serviceUrl": "https://evil.example/"})) == "reject"
    assert verdict(bot, bot.posted({name: told[name] for name in told if name != "serviceUrl"})) == "reject"
    assert verdict(bot, bot.hook(json.dumps(told).encode(), {"serviceurl": None})) == "reject"


async def test_a_slash_at_the_end_of_the_service_makes_no_difference(verdict: Judges, bot: TeamsBot) -> None:
    """The claim and the activity are not always written alike."""
    told = await an_activity(bot)

    assert verdict(bot, bot.posted({**told, "serviceUrl": told["serviceUrl"].rstrip("/")})) == "accept"


async def test_a_key_vouches_for_its_channels_only(verdict: Judges, bot: TeamsBot) -> None:
    """A key that endorses msteams and webchat says nothing about another channel."""
    told = await an_activity(bot)
    bare = {"keys": [{k: v for k, v in key.items() if k != "endorsements"} for key in bot.key_set.jwks()["keys"]]}

    assert verdict(bot, bot.posted({**told, "channelId": "webchat"})) == "accept"
    assert verdict(bot, bot.posted({**told, "channelId": "facebook"})) == "reject"
    assert verdict(bot, bot.posted({**told, "channelId": "facebook"}), sdk.Keys(jwks={KEYS: bare})) == "accept"


async def test_a_token_of_the_emulator_is_not_accepted(verdict: Judges, bot: TeamsBot) -> None:
    """Its issuer is the directory's, and anybody can have one."""
    told = json.dumps(await an_activity(bot)).encode()

    issuer = "https://sts.windows.net/d6d49420-f39b-4df7-a1dc-d59a935871db/"
    assert verdict(bot, bot.hook(told, {"iss": issuer})) == "reject"


def test_without_an_app_no_activity_is_accepted(connected: Connects, verdict: Judges, bot: TeamsBot) -> None:
    """There is no bot that it could be for."""
    assert verdict(bot, bot.posted({"type": "message"}), sdk.Keys()) == "stale_keys"
    bare = connected(bot, for_app=True, app_settings=None)
    assert bare.verify(bot.posted({"type": "message"}), bot.keys()).kind == "reject"


@pytest.mark.parametrize(("name", "body"), [("adaptiveCard/action", "statusCode"), ("fileConsent/invoke", "{}")])
async def test_an_invoke_is_answered_as_teams_wants(connected: Connects, bot: TeamsBot, name: str, body: str) -> None:
    """Otherwise the person who pressed the button sees an error."""
    told = {**await an_activity(bot), "type": "invoke", "name": name}
    found = connected(bot, for_app=True).verify(bot.posted(told), bot.keys())

    assert (found.kind, found.status, found.media_type) == ("accept", 200, "application/json")
    assert body in found.body.decode()


def test_every_notification_of_a_request_must_be_ours(connected: Connects, mailbox: Outlook) -> None:
    """One that is not spoils the request: Graph puts together only what goes to one URL of one app."""
    ours = {"clientState": client_state("user-1", SECRET)}
    judge = connected(mailbox, for_app=True)

    def kind(*told: Any) -> str:
        return judge.verify(a_hook(json.dumps({"value": list(told)})), LIVE).kind

    assert kind(ours, ours) == "accept"
    assert kind({"clientState": SECRET.get_secret_value()}) == "accept"
    for wrong in ({}, {"clientState": None}, {"clientState": ""}, {"clientState": "user-1."}, 5, {"clientState": 7}):
        assert kind(ours, wrong) == "reject"
    assert kind() == "reject"


def test_a_proof_of_one_mailbox_is_none_of_another(connected: Connects, mailbox: Outlook) -> None:
    """Whose notification it is stands in its clientState, and is proven with it."""
    _, _, proof = client_state("user-1", SECRET).rpartition(".")
    forged = a_hook(json.dumps({"value": [{"clientState": f"user-2.{proof}"}]}))

    assert connected(mailbox, for_app=True).verify(forged, LIVE).kind == "reject"


def test_the_test_of_the_url_is_echoed_as_plain_text(connected: Connects, mailbox: Outlook) -> None:
    """Decoded, and never as a page."""
    hook = a_hook(query={"validationToken": "a b <i>&"})
    found = connected(mailbox, for_app=True).verify(hook, sdk.Keys())

    assert (found.kind, found.status, found.body, found.media_type) == ("handshake", 200, b"a b <i>&", "text/plain")


def test_the_client_state_is_no_longer_than_graph_takes() -> None:
    """128 characters, whatever the host's secret is."""
    assert len(client_state("48d31887-5fad-4d73-a9f5-3c356e68a038", SecretStr("s" * 200))) <= 128


def test_what_is_neither_is_malformed(outlook: Microsoft) -> None:
    """And kept aside, with its body."""
    for body in (b"{}", b"[]", b"", b'{"value": 5}'):
        with pytest.raises(sdk.Malformed) as error:
            outlook.parse(a_hook(body))
        assert error.value.payload == body


async def test_what_proves_one_kind_of_hook_proves_nothing_of_the_other(
    connected: Connects, verdict: Judges, bot: TeamsBot, mailbox: Outlook
) -> None:
    """A body that is both would be judged as one and read as the other, once its headers are gone."""
    told = await an_activity(bot)
    notifications = {"value": [{"clientState": "somebody-else.made-up", "resourceData": {"id": "1"}}]}
    untyped = {name: told[name] for name in told if name != "type"}
    proven = {"value": [{"clientState": client_state("user-1", SECRET)}]}
    judge = connected(mailbox, for_app=True)

    assert verdict(bot, bot.posted({**untyped, **notifications})) == "reject"
    assert judge.verify(a_hook(json.dumps({**told, **proven})), LIVE).kind == "reject"


async def test_a_token_that_names_no_service_fits_none(verdict: Judges, bot: TeamsBot) -> None:
    """Not even one that is a slash only."""
    told = {**await an_activity(bot), "serviceUrl": "/"}

    assert verdict(bot, bot.hook(json.dumps(told).encode(), {"serviceurl": None})) == "reject"
