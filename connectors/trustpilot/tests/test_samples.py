"""The samples of real payloads, which are not part of this repository."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_trustpilot import Trustpilot
from chorally_trustpilot.shapes import Review
from chorally_trustpilot.translate import events_of
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect
from chorally_sdk.testing.host import NOW

USED = {
    "webhook_unknown_event_mixed",
    "review_reply_request",
    "review_report_data",
    "error_401_gateway",
    "token_client_credentials",
    "token_password_or_code",
}


@pytest.fixture
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads/trustpilot").glob("*.json")}


def test_every_sample_is_used(samples: dict[str, Any]) -> None:
    """Each has its test below; a new one asks for another."""
    assert set(samples) == USED


def test_every_event_of_a_webhook_gives_a_ping(samples: dict[str, Any]) -> None:
    """Two items in, two out: the unknown kind has the listing read, as its object may be anything."""
    body = samples["webhook_unknown_event_mixed"]
    events = connect(Trustpilot).parse(a_hook(json.dumps(body)))

    assert len(events) == len(body["events"])
    assert events == [
        sdk.Ping(stream="reviews", external_id="62c8968be77911f2449e9f74"),
        sdk.Ping(stream="reviews"),
    ]


def test_a_report_hides_its_review(samples: dict[str, Any]) -> None:
    """Its own time is the mark's, in UTC though it names no zone; the report stays beside the review."""
    about = {"id": "1a", "createdAt": "2013-09-01T10:00:00", "stars": 1, "text": "x"}
    message, mark = events_of(Review.model_validate({**about, "reportData": samples["review_report_data"]}))

    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.at) == ("hidden", datetime(2013, 9, 7, 13, 37, tzinfo=UTC))
    assert isinstance(message, sdk.Message)
    assert message.extra["reportData"]["reasons"] == ["sensitiveInformation", "consumerIsCompetitor"]


async def test_a_reply_is_sent_in_the_documented_form(samples: dict[str, Any]) -> None:
    """The same names as in the documentation's example; the time of writing is left to Trustpilot."""
    sample = samples["review_reply_request"]
    sent: list[dict[str, Any]] = []

    def platform(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(201)

    settings = Trustpilot.manifest.account_settings
    assert settings is not None
    known = settings(business_user_id=sample["authorBusinessUserId"])
    connector = connect(Trustpilot, platform, settings=known)
    await connector.push(
        sdk.OutboundMessage(
            id="1", client_ref="0" * 32, channel="trustpilot_review", body=sample["message"], in_reply_to="1a"
        )
    )

    assert sent == [{name: sample[name] for name in sample if name != "submittedAt"}]


def test_a_wrong_key_is_the_operators_to_mend(samples: dict[str, Any]) -> None:
    """A person who connects the account again would not mend it."""
    error = connect(Trustpilot).fault(httpx.Response(401, json=samples["error_401_gateway"]))

    assert isinstance(error, sdk.Rejected)
    assert "check the API key" in str(error)


@pytest.mark.parametrize("name", ["token_client_credentials", "token_password_or_code"])
async def test_a_life_that_is_a_text_is_read(samples: dict[str, Any], name: str) -> None:
    """100 hours less a second; of the refresh token, where there is one, the documentation's 30 days."""
    sample = samples[name]
    app = Trustpilot.manifest.app_settings
    assert app is not None
    known = app(client_id="key", client_secret=SecretStr("a-secret"), client_credentials=True)
    connector = connect(Trustpilot, lambda _: httpx.Response(200, json=sample), app_settings=known)
    refresh = SecretStr("before") if "refresh_token" in sample else None
    grant = await connector.renew(sdk.Grant(access=SecretStr("old"), refresh=refresh))

    assert isinstance(sample["expires_in"], str)
    assert grant.expires_at == NOW + timedelta(seconds=359999)
    assert grant.refresh_expires_at == (NOW + timedelta(days=30) if refresh else None)
