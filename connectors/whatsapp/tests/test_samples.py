"""The samples of real payloads, which are not part of this repository."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_meta.shapes import Created, read
from chorally_whatsapp import WhatsApp, faults, sending
from chorally_whatsapp.shapes import Media

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

from .building import an_answer


@pytest.fixture
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads" / "whatsapp").glob("*.json")}


GIVEN = {
    "webhook_button_message": ["Message button"],
    "webhook_group_create_message": ["Ping groups"],
    "webhook_group_remove_participants": ["Ping groups"],
    "webhook_image_message": ["Message image"],
    "webhook_interactive_button_reply_message": ["Message interactive"],
    "webhook_location_message": ["Message location"],
    "webhook_order_message": ["Message order"],
    "webhook_system_message": ["Notice moved"],
    "webhook_text_message": ["Message text"],
    "webhook_text_message_with_context_product_inquiry": ["Message text"],
    "webhook_unsupported_message": ["Message unsupported"],
}
"""Events of each sample that is a webhook; none is silent."""
ERRORS: dict[str, tuple[type[sdk.ConnectorError], sdk.Reason | None]] = {
    "error_400_invalid_business_id": (sdk.Rejected, sdk.Reason.INVALID),
    "error_400_invalid_permissions": (sdk.Rejected, sdk.Reason.INVALID),
    "error_400_invalid_phone_number": (sdk.Rejected, sdk.Reason.INVALID),
    "error_401_invalid_access_token": (sdk.Reauthorize, None),
    "error_401_invalid_token": (sdk.Reauthorize, None),
    "error_403_missing_permissions": (sdk.Rejected, sdk.Reason.PERMISSION),
    "error_429_rate_limit_exceeded": (sdk.RateLimited, None),
    "error_500_server_error": (faults.Transient, None),
}
ANSWERS = {"media_retrieve_media_url", "response_send_audio_message_by_url"}


def items_of(hook: Any) -> int:
    """How many things a body tells."""
    values = [change["value"] for entry in hook["entry"] for change in entry["changes"]]
    return sum(len(value.get(part, ())) for value in values for part in ("messages", "statuses", "groups"))


def shown(event: sdk.Event) -> str:
    """An event in two words."""
    return f"{type(event).__name__} {event.stream if isinstance(event, sdk.Ping) else getattr(event, 'kind', '')}"


def test_no_item_of_a_webhook_is_dropped(samples: dict[str, Any]) -> None:
    """Eleven items give eleven events."""
    hooks = {name: sample for name, sample in samples.items() if name.startswith("webhook")}
    events = {name: connect(WhatsApp).parse(a_hook(json.dumps(hook))) for name, hook in hooks.items()}

    assert {name: [shown(event) for event in given] for name, given in events.items()} == GIVEN
    assert [items_of(hook) for hook in hooks.values()] == [len(events[name]) for name in hooks]
    assert sum(items_of(hook) for hook in hooks.values()) == 11


def test_every_event_is_of_the_phone_number(samples: dict[str, Any]) -> None:
    """Accounts are phone numbers, and not the business's account."""
    for name in GIVEN:
        (event,) = connect(WhatsApp).parse(a_hook(json.dumps(samples[name])))
        assert event.account == "106540352242922"


def test_every_error_is_classified(samples: dict[str, Any]) -> None:
    """Each documented error leads to what the host does next."""
    found = {name: faults.fault(httpx.Response(400, json=samples[name])) for name in ERRORS}

    assert {name: (type(error), getattr(error, "reason", None)) for name, error in found.items()} == ERRORS


def test_the_answers_are_read(samples: dict[str, Any]) -> None:
    """A link to a file, and the id of a message that was taken."""
    answer = httpx.Response(200, json=samples["response_send_audio_message_by_url"])

    assert sending.sent(answer, an_answer()).external_id == "wamid.gBGGSFcCNEOPAgkO_KJ55r4w_ww"
    assert Media.model_validate(samples["media_retrieve_media_url"]).url == "<URL>"
    assert read(Created, json.dumps(samples["media_retrieve_media_url"]).encode(), "a file").id == "2621233374848975"


def test_what_we_send_has_the_form_of_the_samples(samples: dict[str, Any]) -> None:
    """Same names at the same places, but for our reference and the kinds that differ by file."""
    settings = connect_settings()
    composed = {
        "request_send_text_message": sending.composed(an_answer(), settings),
        "request_send_reply_to_text_message": sending.composed(an_answer(in_reply_to="wamid.A1"), settings),
        "request_send_reply_button": sending.composed(an_answer(options={"buttons": ["Yes", "No"]}), settings),
        "request_send_list_message": sending.composed(an_answer(options=A_LIST), settings),
        "request_send_image_message_by_url": sending.composed(
            an_answer(
                "", attachments=[{"kind": "image", "media_type": "image/png", "url": "https://example.org/a.png"}]
            ),
            settings,
        ),
    }

    assert {name: names_of(body) for name, body in composed.items()} == {
        name: names_of(samples[name]) for name in composed
    }


ROW = {"id": "1", "title": "One", "description": "The first"}
A_LIST = {
    "list": {
        "button": "Choose",
        "sections": [
            {"title": "A", "rows": [ROW, {**ROW, "id": "2"}]},
            {"title": "B", "rows": [{**ROW, "id": "3"}, {**ROW, "id": "4"}]},
        ],
    },
    "header": "Title",
    "footer": "Small print",
}


def connect_settings() -> Any:
    """Settings under which no reference of ours travels."""
    from chorally_whatsapp.config import AccountSettings

    return AccountSettings(phone_number_id="1", waba_id="2", references=False, previews=False)


def names_of(value: Any) -> Any:
    """The names in a body, without its values."""
    if isinstance(value, dict):
        return {name: names_of(part) for name, part in value.items()}
    return [names_of(part) for part in value] if isinstance(value, list) else None


def test_every_sample_is_looked_at(samples: dict[str, Any]) -> None:
    """A new one must be given its place here."""
    requests = {name for name in samples if name.startswith("request_")}
    marks = {"request_send_typing_indicator_and_read_receipt"}  # compared in test_marks

    assert set(samples) == {*GIVEN, *ERRORS, *ANSWERS, *requests}
    assert requests >= marks
