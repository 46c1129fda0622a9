"""The platforms' own descriptions, and their own samples, where they lie beside the checkout or CI puts them."""

import json
import os
from pathlib import Path

import pytest

from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import read
from tests.architecture.checkout import ROOT

GRAPH = "microsoft/graph-v1.0-metadata.trimmed.csdl.xml"
REVIEWS = "google-business/mybusiness.v4.trimmed.json"
WHATSAPP = "whatsapp/business-messaging-api_v23.0.yaml"
MATRIX = "matrix/data/api/client-server"
SAMPLES = [
    (MATRIX, "matrix/room_send_put_200_response", "PUT /_matrix/client/v3/rooms/!a:b/send/m.room.message/1", 200),
    (MATRIX, "matrix/login_post_200_response", "POST /_matrix/client/v3/login", 200),
    (MATRIX, "matrix/content_repo_post_200_response", "POST /_matrix/media/v3/upload", 200),
    (MATRIX, "matrix/whoami_get_401_response", "GET /_matrix/client/v3/account/whoami", 401),
    ("telegram/api.json", "telegram/error_flood_control", "POST /bot1:a/sendMessage", 429),
    (GRAPH, "microsoft/channel_list_messages_response_1", "GET /v1.0/teams/1/channels/2/messages", 200),
    (GRAPH, "microsoft/chatmessage_delta_second_request_response_2", "GET /v1.0/chats/1/messages/delta", 200),
    (GRAPH, "microsoft/channel_post_messages_http_tab_http_2", "POST /v1.0/teams/1/channels/2/messages", 0),
    (GRAPH, "microsoft/message_reply_http_tab_http_1", "POST /v1.0/me/messages/1/reply", 0),
    (GRAPH, "microsoft/webhooks_subscription_request_example_1", "POST /v1.0/subscriptions", 0),
    (WHATSAPP, "whatsapp/request_send_text_message", "POST /v23.0/1/messages", 0),
    (WHATSAPP, "whatsapp/request_send_list_message", "POST /v23.0/1/messages", 0),
    (WHATSAPP, "whatsapp/request_send_image_message_by_url", "POST /v23.0/1/messages", 0),
    (REVIEWS, "google-business/review_with_reply", "GET /v4/accounts/1/locations/2/reviews/3", 200),
    (REVIEWS, "google-business/review_reply_request", "PUT /v4/accounts/1/locations/2/reviews/3/reply", 0),
]
"""A description, a sample, the call that it belongs to, and the status it answers; 0 where it is a request."""
READ = [
    *(MATRIX, "telegram/api.json", "bluesky/lexicons", GRAPH, "microsoft/botframework-channel.swagger.json"),
    *("facebook/api_specs", "instagram/api_specs", "whatsapp/api_specs", WHATSAPP, REVIEWS),
    *("google-business/pubsub.v1.trimmed.json", "google-business/mybusinessnotifications.v1.json"),
]
RECORDS = (
    *("2023_08_11_create_post_mentions_and_links_4", "2023_08_11_create_post_replies_5"),
    *("2023_08_11_create_post_quote_posts_6", "posts_setting_the_language_3"),
)


@pytest.fixture(scope="module")
def specs() -> Path:
    """Where they lie; without them the tests are skipped, and fail in CI."""
    folder = Path(os.environ.get("CHORALLY_SPECS", ROOT.parent / "shared" / "specs"))
    if not folder.is_dir():
        told = f"no official descriptions in {folder}; set CHORALLY_SPECS"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return folder


@pytest.mark.parametrize("name", READ)
def test_a_description_is_read(specs: Path, name: str) -> None:
    """Of each kind, and none without operations."""
    assert len(read(specs / name).operations) > 1


@pytest.mark.parametrize(("name", "sample", "call", "status"), SAMPLES, ids=lambda value: str(value).rpartition("/")[2])
def test_the_platforms_own_samples_fit(specs: Path, name: str, sample: str, call: str, status: int) -> None:
    """A description that refuses its own platform's samples would refuse a connector that is right."""
    it = read(specs / name)
    method, path = call.split()
    raw = (specs / "payloads" / f"{sample}.json").read_bytes()
    headers = (("content-type", "application/json"),)
    exchange = Exchange(method, f"https://p.example{path}", headers, b"" if status else raw, status, (), raw)
    assert it.operation(exchange)
    assert not [*(it.answer(exchange) if status else it.request(exchange))]
    spoilt = json.dumps({**json.loads(raw), "id": {"no": "id"}, "error_code": "x", "errcode": 1}).encode()
    wrong = Exchange(method, exchange.url, headers, b"" if status else spoilt, status or 200, (), b"[")
    assert [*(it.answer(wrong) if status else it.request(wrong))]


@pytest.mark.parametrize("name", RECORDS)
def test_blueskys_own_records_fit(specs: Path, name: str) -> None:
    """As they are put into a repository; with a text that is too long they do not."""
    it = read(specs / "bluesky/lexicons")
    record = json.loads((specs / "payloads" / "bluesky" / f"{name}.json").read_text("utf-8"))

    def told(**changes: object) -> list[str]:
        body = {"repo": "did:plc:abc", "collection": "app.bsky.feed.post", "record": {**record, **changes}}
        headers = (("content-type", "application/json"),)
        path = "https://p.example/xrpc/com.atproto.repo.createRecord"
        return [*it.request(Exchange("POST", path, headers, json.dumps(body).encode()))]

    assert told() == []
    assert told(text="x" * 301)
    assert told(createdAt="today")
