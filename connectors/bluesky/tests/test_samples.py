"""The samples of real payloads, which are not part of this repository: every one is read, and nothing is dropped."""

import json
from pathlib import Path
from typing import Any

import pytest
from chorally_bluesky.config import AppSettings
from chorally_bluesky.consent import metadata
from chorally_bluesky.facets import facets
from chorally_bluesky.shapes import Post, Written
from chorally_bluesky.translate import to_message

import chorally_sdk as sdk

NO_EVENTS = {
    "2023_08_11_create_post_images_embeds_7": "a blob, which is part of a post",
    "oauth_client_client_and_server_metadata_1": "the document of a client",
    "posts_post_record_structure_2": "the answer to a write",
}
"""Why a sample gives no event."""


@pytest.fixture(scope="module")
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads" / "bluesky").glob("*.json")}


def as_post(record: Any, author: str = "did:plc:ada") -> Post:
    """A record as the AppView shows it."""
    shown = {"uri": f"at://{author}/app.bsky.feed.post/3k4duaz5vfs2b", "cid": "bafyrei", "record": record}
    return Post.model_validate({**shown, "author": {"did": author}, "indexedAt": "2026-11-23T09:00:00.000Z"})


def test_every_record_of_a_post_becomes_one_message(samples: dict[str, Any]) -> None:
    """Six records in, six messages out; each sample that gives none is named with its reason."""
    records = {name: sample for name, sample in samples.items() if sample.get("$type") == "app.bsky.feed.post"}
    messages = {name: to_message(as_post(record), "did:plc:us") for name, record in records.items()}

    assert samples.keys() - records.keys() == NO_EVENTS.keys()
    assert (len(records), len(messages)) == (6, 6)
    assert {name: message.body for name, message in messages.items()} == {
        name: record["text"] for name, record in records.items()
    }
    assert all(message.sent_at.year == 2023 for message in messages.values())


def test_what_hangs_on_a_post_is_kept(samples: dict[str, Any]) -> None:
    """The parent and root of a reply, a card, a quote, languages, links."""
    read = {name: to_message(as_post(record), "did:plc:us") for name, record in samples.items() if "text" in record}
    reply = read["2023_08_11_create_post_replies_5"]
    quote = read["2023_08_11_create_post_quote_posts_6"]
    quoted = "at://did:plc:u5cwb2mwiv2bfq53cjufe6yn/app.bsky.feed.post/3k44deefqdk2g"

    assert reply.parent_id == reply.conversation_id != reply.external_id
    assert (reply.kind, quote.extra["quotes"]) == ("reply", quoted)
    assert read["2023_08_11_create_post_website_card_embeds_9"].extra["card"]["title"] == "Bluesky Social"
    assert read["posts_setting_the_language_3"].extra["langs"] == ["th", "en-US"]
    assert read["2023_08_11_create_post_mentions_and_links_4"].extra["links"] == ["https://en.wikipedia.org/wiki/CBOR"]


def test_a_quote_and_a_mention_are_told_from_the_record(samples: dict[str, Any]) -> None:
    """Of whom they are of, whatever brought them."""
    quoted = to_message(as_post(samples["2023_08_11_create_post_quote_posts_6"]), "did:plc:u5cwb2mwiv2bfq53cjufe6yn")
    mentioned = samples["2023_08_11_create_post_mentions_and_links_4"]

    assert quoted.kind == "quote"
    assert to_message(as_post(mentioned), "did:plc:ewvi7nxzyoun6zhxrhs64oiz").kind == "mention"
    assert to_message(as_post(mentioned), "did:plc:us").kind == "text"


def test_the_annotations_of_the_sample_are_those_that_we_make(samples: dict[str, Any]) -> None:
    """Byte for byte, over emoji and accents."""
    sample = samples["2023_08_11_create_post_mentions_and_links_4"]
    made = facets(sample["text"], {"atproto.com": "did:plc:ewvi7nxzyoun6zhxrhs64oiz"})

    assert made == sample["facets"]


def test_the_answer_to_a_write_names_the_record(samples: dict[str, Any]) -> None:
    """Its uri and its cid."""
    assert Written.model_validate(samples["posts_post_record_structure_2"]).uri.endswith("3k4duaz5vfs2b")


def test_a_blob_is_an_attachment(samples: dict[str, Any]) -> None:
    """Named by its author and its content."""
    blob = samples["2023_08_11_create_post_images_embeds_7"]
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": "A map"}]}
    [file] = to_message(as_post({"text": "", "embed": embed}), "did:plc:us").attachments

    assert file == sdk.Attachment(
        kind="image", external_id=f"did:plc:ada/{blob['ref']['$link']}", media_type="image/png", name="A map",
        size_bytes=760898,
    )  # fmt: skip


def test_the_client_metadata_are_those_of_the_guide(samples: dict[str, Any]) -> None:
    """The same fields with the same values, but for the page of the client, which may be left out."""
    sample = samples["oauth_client_client_and_server_metadata_1"]
    app = AppSettings(client_id=sample["client_id"])
    back, name = sample["redirect_uris"][0], sample["client_name"]

    made = metadata(app, back, name=name, scopes=("atproto", "transition:generic"))

    assert made == {name: value for name, value in sample.items() if name != "client_uri"}
