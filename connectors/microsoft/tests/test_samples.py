"""The samples of real payloads, which are not part of this repository: none is dropped, or it says why."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.mail.shapes import Mail, shaped
from chorally_microsoft.mail.translate import to_message

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

HOOKS = {
    "webhooks_change_notification_example_3": ["Ping"],
    "webhooks_lifecycle_notification_example_3": ["Ping", "Ping"],  # `missed`: both folders are looked at
    "webhooks_lifecycle_subscriptionremoved_notification_example_2": ["Notice"],
}
"""What each webhook gives."""

MAILS = {
    "message_get_response_2": 1,
    "user_list_messages_response_1": 1,
    "message_delta_response_1": 1,
}
"""Mails in each answer."""

NOTHING = {
    **dict.fromkeys(
        (
            *("channel_list_messages_response_1", "channel_post_messagereply_response_2"),
            *("channel_post_messages_http_tab_http_2", "chatmessage_delta_initial_request_response_1"),
            "chatmessage_delta_second_request_response_2",
        ),
        "channel messages over Graph: Teams is spoken to by the Bot Framework here",
    ),
    **dict.fromkeys(
        (
            *("message_reply_http_tab_http_1", "user_sendmail_http_tab_http_1"),
            *("webhooks_subscription_request_example_1", "webhooks_lifecycle_subscription_request_example_1"),
        ),
        "a request, not something that comes",
    ),
    "errors_http_status_codes_1": "an error; see below",
    "webhooks_with_resource_data_example_jwt_token_3": "claims of notifications with content, which are not asked for",
    "webhooks_with_resource_data_subscription_response_2": "a subscription with content, which is not asked for",
}
"""Why the others give no event."""


@pytest.fixture
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads/microsoft").glob("*.json")}


def test_every_sample_is_read_or_has_a_reason(samples: dict[str, Any]) -> None:
    """No file is forgotten."""
    assert set(samples) == {*HOOKS, *MAILS, *NOTHING}


def test_every_notification_gives_an_event(samples: dict[str, Any]) -> None:
    """As many items go in as are told of."""
    connector = connect(Microsoft)
    found = {name: connector.parse(a_hook(json.dumps(samples[name]))) for name in HOOKS}

    assert {name: [type(event).__name__ for event in events] for name, events in found.items()} == HOOKS
    assert sum(len(samples[name]["value"]) for name in HOOKS) == 3


def test_a_notification_names_its_mailbox_and_its_mail(samples: dict[str, Any]) -> None:
    """By the resource, where no proof of ours says whose it is."""
    (ping,) = connect(Microsoft).parse(a_hook(json.dumps(samples["webhooks_change_notification_example_3"])))

    assert ping == sdk.Ping(stream="inbox", account="{user_guid}", external_id="{long_id_string}")


def test_mails_are_read_as_far_as_the_samples_tell_them(samples: dict[str, Any]) -> None:
    """They show single properties; with the time that every mail has, each is a message."""
    for name, count in MAILS.items():
        listed = samples[name].get("value", [samples[name]])
        assert len(listed) == count
        for told in listed:
            whole = {"id": "1", **told, "createdDateTime": "2026-11-23T09:00:00Z"}
            message = to_message(shaped(Mail, whole, "a mail", b""), "support@shop.example")
            assert message.channel == "outlook_mail"


def test_headers_tell_that_a_machine_wrote(samples: dict[str, Any]) -> None:
    """A delivery report is multipart/report."""
    told = {**samples["message_get_response_2"], "createdDateTime": "2026-11-23T09:00:00Z"}

    assert to_message(shaped(Mail, told, "a mail", b""), "support@shop.example").automatic


def test_an_error_keeps_its_words(samples: dict[str, Any]) -> None:
    """Its code is none that means more than its status."""
    error = connect(Microsoft).fault(httpx.Response(400, json=samples["errors_http_status_codes_1"]))

    assert isinstance(error, sdk.Rejected)
    assert "overlaps" in str(error)
