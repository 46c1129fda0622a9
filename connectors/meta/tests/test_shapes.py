"""Odd JSON: nulls, halves of characters, and errors that quote neither people nor tokens."""

import json
import traceback
from typing import Any

import httpx
import pytest
from chorally_meta import hooks
from chorally_meta.consent import OwnPage
from chorally_meta.listing import Reader, path
from chorally_meta.messaging import Messaging, Said
from chorally_meta.shapes import Listing, read

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

CANARY = "canary-of-a-secret"


def test_a_field_that_is_null_is_one_that_is_left_out() -> None:
    """One null must not keep all other accounts of a batch from being served."""
    said = {name: None for name in Said.model_fields if name != "mid"}
    event = {"sender": {"id": "2"}, "recipient": {"id": "1"}, "timestamp": 1, "message": {"mid": "m", **said}}
    raw = json.dumps({"object": "page", "entry": [{"id": "1", "changes": None, "messaging": [event]}]})
    [entry] = hooks.entries(a_hook(raw), "page")
    [message, *_] = Messaging("probe", "messages").events(entry, raw.encode())
    assert (message.account, getattr(message, "external_id", None)) == ("1", "m")


def test_half_a_character_does_not_hide_the_rest() -> None:
    """A text that was cut within a surrogate pair is read with a question mark; whole ones stay."""
    raw = r'{"mid": "m", "text": "cut \ud83d and \ud83d\ude00 and \\ud83d"}'
    assert read(Said, raw.encode(), "a message").text == "cut ? and \N{GRINNING FACE} and \\ud83d"


@pytest.mark.parametrize("raw", ['{"mid": {"x": "%s"}}', '{"mid": "m", "text": ["%s"]}', '{"mid": "%s', '"%s"'])
def test_no_traceback_quotes_what_was_sent(raw: str) -> None:
    """What is raised is logged with its cause, and read by more people than may read messages."""
    with pytest.raises(sdk.Malformed) as caught:
        read(Said, (raw % CANARY).encode(), "a message")
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "body",
    [
        {"data": [{"id": {}, "access_token": CANARY}], "paging": {"next": f"https://x/?access_token={CANARY}&after=1"}},
        {"data": [{"id": "1", "access_token": CANARY}]},
        {"data": [], "paging": {"more": f"https://graph.facebook.com/?appsecret_proof={CANARY}&after=1"}},
    ],
)
async def test_what_is_kept_of_a_broken_listing_has_no_tokens(probe: sdk.Connector, body: dict[str, Any]) -> None:
    """Listings repeat the caller's token in their links, and that of pages lists the pages' own."""
    asking = connect(type(probe), lambda _: httpx.Response(200, json=body), app_settings=probe.app.settings)
    with pytest.raises(sdk.Malformed) as caught:
        await Reader(asking.http).page(Listing[OwnPage], "/me/accounts", {})
    assert caught.value.payload
    assert CANARY.encode() not in caught.value.payload


@pytest.mark.parametrize("part", ["", ".", ".."])
def test_an_id_that_would_lead_elsewhere_is_refused(part: str) -> None:
    """Quoting leaves dots as they are, and two of them lead up from the API's version."""
    with pytest.raises(sdk.Rejected, match="no id"):
        path(part, "comments")
    assert path("a/../b", "...") == "/a%2F..%2Fb/..."
