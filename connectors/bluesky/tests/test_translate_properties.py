"""Records are whatever somebody's program wrote: none may break the page that it is on, and none is dropped."""

import json
from typing import Any

import httpx
from chorally_bluesky import Bluesky
from hypothesis import example, given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
BLOB = {"$type": "blob", "ref": {"$link": "bafkrei"}, "mimeType": "image/png", "size": 3}
RECORD = {
    "$type": "app.bsky.feed.post",
    "text": "hi",
    "createdAt": "2026-11-23T09:00:00.000Z",
    "langs": ["it"],
    "reply": {"root": {"uri": "at://did:plc:us/app.bsky.feed.post/3k", "cid": "b"},
              "parent": {"uri": "at://did:plc:us/app.bsky.feed.post/3k", "cid": "b"}},
    "facets": [{"index": {"byteStart": 0, "byteEnd": 2},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com"}]}],
    "labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "spoiler"}]},
    "embed": {
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"record": {"uri": "at://did:plc:us/app.bsky.feed.post/3k", "cid": "b"}},
        "media": {"$type": "app.bsky.embed.images", "images": [{"image": BLOB, "alt": "a"}]},
    },
}  # fmt: skip


@st.composite
def nearly_right(draw: st.DrawFn, value: Any = RECORD) -> Any:
    """A right record in which any part may be replaced by anything, or be left out."""
    if value is not RECORD and draw(st.integers(0, 5)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        return {name: draw(nearly_right(value[name])) for name in value if name == "text" or draw(st.integers(0, 9))}
    return [draw(nearly_right(part)) for part in value] if isinstance(value, list) else value


def shown(record: Any) -> dict[str, Any]:
    """A record as the AppView shows it."""
    author = {"did": "did:plc:ada", "handle": "ada.test"}
    uri = "at://did:plc:ada/app.bsky.feed.post/3k4duaz5vfs2b"
    return {"uri": uri, "cid": "bafyrei", "author": author, "record": record, "indexedAt": "2026-11-23T10:00:00.000Z"}


async def events(record: Any, stream: str) -> list[sdk.Event]:
    """What a stream makes of it, and of a good one after it."""
    good = shown(RECORD) | {"uri": "at://did:plc:ada/app.bsky.feed.post/3k4duaz5vfs2z"}
    told = [shown(record), good]

    def platform(request: httpx.Request) -> httpx.Response:
        own = shown({"text": "News"}) | {"author": {"did": "account-1"}}
        answers = {
            "listNotifications": {"notifications": [{**each, "reason": "reply"} for each in told]},
            "getAuthorFeed": {"feed": [{"post": own}]},
            "getPostThread": {"thread": {"post": own, "replies": [{"post": each} for each in told]}},
        }
        return httpx.Response(200, content=json.dumps(answers[request.url.path.rpartition(".")[2]]))

    pages = await pulled(connect(Bluesky, platform).pull(stream, None, None))
    return [event for page in pages for event in page.events]


@given(record=nearly_right())
@example(record={"text": None, "createdAt": "9999-12-31T23:59:59-23:59"})
@example(record={"text": "x", "createdAt": "0001-01-01T00:00:00+23:59", "embed": [], "langs": "it", "facets": {}})
async def test_an_odd_record_is_a_message_all_the_same(record: dict[str, Any]) -> None:
    """By notification and by thread the same one, and what follows it comes too."""
    told = [e for e in await events(record, "notifications") if isinstance(e, sdk.Message)]
    read = [e for e in await events(record, "threads") if isinstance(e, sdk.Message)]

    assert len(told) == 2
    assert told == read
    assert told[0].body == (record["text"] if isinstance(record["text"], str) else "")
    assert sdk.Message.model_validate_json(told[0].model_dump_json()) == told[0]
