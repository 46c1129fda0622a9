"""Reading, liking, and the files of what was said; the account, its settings and its subscription."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from chorally_whatsapp import WhatsApp
from chorally_whatsapp.sandbox import Twin
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

from .building import ADA, an_answer


def an_action(verb: str, target: str, **given: object) -> sdk.Action:
    """Build an action on a message of Ada's."""
    told = {"verb": verb, "external_id": target, "channel": "whatsapp_message", "route": {"to": ADA}, **given}
    return sdk.Action.model_validate(told)


async def test_a_message_is_marked_as_read(
    connected: Callable[..., WhatsApp], business: Twin, exchanges: list[Exchange], specs: Path
) -> None:
    """With the typing indicator where the settings ask for it, in the form of the documentation."""
    asked = business.write(ADA, "text", {"body": "Open?"})
    await connected().moderate(an_action("read", asked.id))
    await connected(typing=True).moderate(an_action("read", asked.id))
    sample = json.loads(
        (specs / "payloads/whatsapp/request_send_typing_indicator_and_read_receipt.json").read_text("utf-8")
    )

    assert business.world.said[asked.id].is_read
    assert json.loads(exchanges[0].body) == {"messaging_product": "whatsapp", "status": "read", "message_id": asked.id}
    assert json.loads(exchanges[1].body) == {**sample, "message_id": asked.id}


async def test_nobody_is_shown_that_a_message_was_read_where_the_settings_say_so(
    connected: Callable[..., WhatsApp], business: Twin, exchanges: list[Exchange]
) -> None:
    """Nothing is called; nor for a reaction, which has no mark of its own."""
    asked = business.write(ADA, "text", {"body": "Open?"})
    await connected(read_receipts=False).moderate(an_action("read", asked.id))
    await connected().moderate(an_action("read", f"{asked.id}/reaction/{ADA}"))

    assert not business.world.said[asked.id].is_read
    assert exchanges == []


async def test_a_like_is_a_reaction(connected: Callable[..., WhatsApp], business: Twin) -> None:
    """With the emoji of the settings, in the conversation of the message."""
    asked = business.write(ADA, "text", {"body": "Thank you"})
    await connected(like_with="\N{HEAVY BLACK HEART}").moderate(an_action("like", asked.id))

    assert business.world.said[asked.id].reaction == "\N{HEAVY BLACK HEART}"


async def test_what_whatsapp_has_not_is_refused(whatsapp: WhatsApp) -> None:
    """Nothing that was sent can be changed."""
    with pytest.raises(sdk.Rejected, match="take no 'delete'"):
        await whatsapp.moderate(an_action("delete", "wamid.A"))


async def read(connector: WhatsApp, attachment: sdk.Attachment) -> bytes:
    """The content of a file."""
    return b"".join([piece async for piece in connector.download(attachment)])


async def test_a_file_is_read_by_a_link_of_now(whatsapp: WhatsApp, business: Twin, exchanges: list[Exchange]) -> None:
    """The token goes along, and no proof of the app, which would break a signed link."""
    await business.attach("Look", b"\x89PNG")
    (hook,) = business.hooks()
    (message,) = whatsapp.parse(hook)
    assert isinstance(message, sdk.Message)
    (attachment,) = message.attachments
    first = await read(whatsapp, attachment)
    business.clock.pass_(minutes=6)

    assert first == await read(whatsapp, attachment) == b"\x89PNG"
    assert [each.url.partition("/_files")[0] for each in exchanges[1::2]] == ["https://lookaside.fbsbx.com"] * 2
    assert "appsecret_proof" not in exchanges[1].url


async def test_a_link_that_is_too_old_is_refused_by_the_platform(whatsapp: WhatsApp, business: Twin) -> None:
    """Which is why it is asked for at each use."""
    await business.attach("Look", b"\x89PNG")
    (file,) = business.world.files.values()
    answer = await whatsapp.http.get(f"/{file.id}")
    business.clock.pass_(minutes=6)

    with pytest.raises(sdk.Rejected) as caught:
        await whatsapp.http.get(answer.json()["url"])
    assert caught.value.reason == sdk.Reason.GONE


async def test_a_file_that_is_gone_is_told(whatsapp: WhatsApp, business: Twin) -> None:
    """It is no empty file; nor is one that was never named."""
    await business.attach("Look", b"\x89PNG")
    (known,) = business.world.files
    business.world.files.clear()
    for attachment in (sdk.Attachment(kind="image", external_id=known), sdk.Attachment(kind="image")):
        with pytest.raises(sdk.Rejected) as caught:
            await read(whatsapp, attachment)
        assert caught.value.reason == sdk.Reason.GONE


async def test_a_file_of_another_number_is_not_read(whatsapp: WhatsApp, business: Twin) -> None:
    """The number is named with each use."""
    file = business.world.store("200000000000009", b"secret", "image/png")

    with pytest.raises(sdk.Rejected):
        await read(whatsapp, sdk.Attachment(kind="image", external_id=file.id))


async def test_a_download_that_fails_is_no_empty_file(whatsapp: WhatsApp, business: Twin) -> None:
    """It is tried again."""
    await business.attach("Look", b"\x89PNG")
    (file,) = business.world.files
    business.inject("error_500_before", "read", times=9)

    with pytest.raises(sdk.RetryLater):
        await read(whatsapp, sdk.Attachment(kind="image", external_id=file))


async def test_the_number_of_the_settings_is_named(whatsapp: WhatsApp, business: Twin) -> None:
    """With what people know it by."""
    info = await whatsapp.check()

    assert (info.external_id, info.name) == (business.account.id, "Sandbox Shop +15550100001")
    assert info.data == {"phone_number": "+15550100001", "quality": "GREEN", "waba_id": business.world.waba}


async def test_an_account_without_settings_is_refused(business: Twin) -> None:
    """It says what is missing."""
    bare = connect(WhatsApp, business.transport(), external_id="1")
    with pytest.raises(sdk.Rejected, match="phone number id"):
        await bare.check()
    with pytest.raises(sdk.Rejected, match="phone number id"):
        await bare.push(an_answer())


async def test_numbers_of_one_business_share_a_subscription(whatsapp: WhatsApp, business: Twin) -> None:
    """It is the business's account that is subscribed."""
    made = await whatsapp.subscribe("https://chorally.example", SecretStr("s"), None)
    again = await whatsapp.subscribe("https://chorally.example", SecretStr("s"), made)

    assert made.external_id == again.external_id == business.world.waba
    assert [each.external_id for each in business.subscriptions()] == [business.world.waba]
