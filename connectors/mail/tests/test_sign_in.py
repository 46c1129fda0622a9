"""Signing in: what is accepted, what a refusal causes, and that no secret is ever told."""

import traceback
from collections.abc import Callable
from datetime import timedelta

import pytest
from chorally_mail.config import MailSettings
from chorally_mail.connector import Mail
from chorally_mail.saying import quoted
from chorally_mail.testing import FakeImap, FakeSmtp
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk
from chorally_sdk.testing import connect

Connected = Callable[..., Mail]


async def test_a_check_signs_in_to_both_servers_and_names_the_mailbox(
    imap: FakeImap, smtp: FakeSmtp, mailbox: Connected
) -> None:
    """The external id is the address in its one form."""
    info = await mailbox(address="Help@Shop.Example", username="help@shop.example", name="").check()

    assert (info.external_id, info.name) == ("help@shop.example", "help@shop.example")
    assert "QUIT" in smtp.seen


async def test_nothing_is_connected_to_before_it_is_needed() -> None:
    """Making a connector and asking for its streams opens no connection, nor needs settings that work."""
    connector = connect(Mail, settings=MailSettings.model_construct())  # type: ignore[call-arg]

    assert [(stream.name, stream.live) for stream in connector.streams()] == [("inbox", True), ("sent", False)]


@pytest.mark.parametrize("capabilities", ["IMAP4rev1", "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1 AUTH=XOAUTH2"])
@pytest.mark.parametrize("password", ["other-secret-word", None])
async def test_a_refused_sign_in_asks_a_person_and_tells_no_secret(
    imap: FakeImap, mailbox: Connected, capabilities: str, password: str | None
) -> None:
    """Even where the server echoes what it was sent, in the clear and encoded."""
    imap.capabilities = capabilities
    imap.refusal = "NO [AUTHENTICATIONFAILED] not {echo} nor {said}"
    box = mailbox(password=SecretStr(password) if password else None)

    with pytest.raises(sdk.Reauthorize) as caught:
        await box.check()

    told = "".join(traceback.format_exception(caught.value))
    assert "other-secret-word" not in told
    assert "b3RoZXItc2VjcmV0" not in told  # the same in Base64
    assert "auth=Bearer token" not in told


async def test_without_a_password_the_grant_signs_in(imap: FakeImap, smtp: FakeSmtp, mailbox: Connected) -> None:
    """The account's access token goes to both servers as XOAUTH2."""
    imap.secret = "token"

    await mailbox(password=None).check()

    assert "AUTHENTICATE XOAUTH2" in imap.seen
    assert any(command.startswith("AUTH XOAUTH2 ") for command in smtp.seen)


@pytest.mark.parametrize("secret", ['with "quotes" and \\', "pässwörd"])
async def test_any_password_can_be_sent(imap: FakeImap, mailbox: Connected, secret: str) -> None:
    """Quotes, backslashes and letters outside ASCII arrive as they are."""
    imap.secret = secret

    await mailbox(password=SecretStr(secret)).check()


@pytest.mark.parametrize("refusal", ["NO [UNAVAILABLE] later", "NO [LIMIT] x", "NO Too many simultaneous connections"])
async def test_a_busy_server_is_tried_later(imap: FakeImap, mailbox: Connected, refusal: str) -> None:
    """A refusal that is not about the password does not ask a person."""
    imap.refusal, imap.secret = refusal, "another"

    with pytest.raises(sdk.RetryLater):
        await mailbox().check()


async def test_a_server_that_is_not_there_is_tried_later(mailbox: Connected) -> None:
    """Nobody listens on port 1."""
    with pytest.raises(sdk.RetryLater, match="cannot be reached"):
        await mailbox(imap_port=1).check()
    with pytest.raises(sdk.RetryLater, match="cannot be reached"):
        await mailbox(smtp_port=1).check()


async def test_a_silent_server_is_tried_later(mailbox: Connected, smtp: FakeSmtp) -> None:
    """A server that speaks SMTP to an IMAP client, then nothing, is given up after the timeout."""
    with pytest.raises(sdk.RetryLater, match="in time"):
        await mailbox(imap_port=smtp.port, timeout=timedelta(milliseconds=50)).check()


async def test_encryption_that_is_not_offered_is_not_done_without(imap: FakeImap, mailbox: Connected) -> None:
    """The password does not go out in the clear because a server, or who sits in between, has no STARTTLS."""
    with pytest.raises(sdk.Rejected, match="STARTTLS"):
        await mailbox(imap_tls="starttls").check()
    with pytest.raises(sdk.Rejected, match="STARTTLS"):
        await mailbox(smtp_tls="starttls").check()
    assert [command for command in imap.seen if "AUTH" in command] == ["AUTHENTICATE PLAIN"]  # that of the second


async def test_a_missing_inbox_is_said_when_the_account_is_checked(mailbox: Connected) -> None:
    """A person is there to correct the setting."""
    with pytest.raises(sdk.Rejected, match="Posteingang"):
        await mailbox(inbox="Posteingang").check()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("535 5.7.8 no {echo}", sdk.Reauthorize),
        ("500 5.5.2 what is {echo}", sdk.Reauthorize),
        ("454 4.7.0 later {echo}", sdk.RetryLater),
        ("hang up", sdk.RetryLater),
    ],
)
async def test_what_an_smtp_sign_in_may_answer(
    smtp: FakeSmtp, mailbox: Connected, answer: str, error: type[sdk.ConnectorError]
) -> None:
    """Only a refusal of the proof asks a person; what the server echoes is not told."""
    smtp.answers["AUTH"] = answer

    with pytest.raises(error) as caught:
        await mailbox().check()

    assert "czNjcmV0LXdvcmQ" not in str(caught.value)
    assert "AGhlbHBAc2hvcC5leGFtcGxl" not in str(caught.value)


async def test_a_wrong_password_is_tried_once(smtp: FakeSmtp, mailbox: Connected) -> None:
    """Servers lock out who fails too often."""
    smtp.answers["AUTH"] = "535 5.7.8 no"

    with pytest.raises(sdk.Reauthorize):
        await mailbox().check()

    assert len([command for command in smtp.seen if command.startswith("AUTH")]) == 1


async def test_a_server_without_sign_in_is_taken_as_it_is(smtp: FakeSmtp, mailbox: Connected) -> None:
    """A relay that knows us by our address asks for nothing."""
    smtp.extensions = []

    await mailbox().check()

    assert not [command for command in smtp.seen if command.startswith("AUTH")]


def test_settings_name_every_mistake() -> None:
    """All at once, before anything is connected to."""
    with pytest.raises(ValidationError) as caught:
        MailSettings(address="nobody", imap_host="a b", smtp_host="ok", imap_port=0, idle_renewal=timedelta(hours=1))

    assert {error["loc"][0] for error in caught.value.errors()} == {"address", "imap_host", "imap_port", "idle_renewal"}


def test_the_password_is_not_in_the_settings_repr(mailbox: Connected) -> None:
    """Settings end up in logs."""
    assert "s3cret-word" not in repr(mailbox().account.settings)


def test_what_a_server_says_is_quoted_on_one_line() -> None:
    """Control characters and endless talk do not reach people."""
    assert quoted("a\r\nb\x1b[31m" + "c " * 500).startswith("a b [31m")
    assert len(quoted("c " * 500)) <= 200
