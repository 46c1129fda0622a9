"""Writing and reading the account's own records, at its own server."""

from typing import Any

import chorally_sdk as sdk
from chorally_bluesky.faults import InvalidSwap, NoRecord
from chorally_bluesky.names import POST, Place, key_of, page_of
from chorally_bluesky.shapes import Stored, Written, read

PUT = "/xrpc/com.atproto.repo.putRecord"
DELETE = "/xrpc/com.atproto.repo.deleteRecord"
GET = "/xrpc/com.atproto.repo.getRecord"


async def put(http: sdk.Http, at: Place, record: dict[str, Any], **swap: str | None) -> Written:
    """Write a record; ``swapRecord`` names the one that it takes the place of, None for none.

    Raises:
        InvalidSwap: There is another one.
    """
    asked = {"repo": at.repo, "collection": at.collection, "rkey": at.key, "record": record, **swap}
    return read(Written, (await http.post(PUT, json=asked)).content, "the answer to a write")


async def stored(http: sdk.Http, at: Place) -> Stored | None:
    """Return a record of the account; None where there is none."""
    asked = {"repo": at.repo, "collection": at.collection, "rkey": at.key}
    try:
        answer = await http.get(GET, params=asked)
    except NoRecord:
        return None
    return read(Stored, answer.content, "a record")


async def delete(http: sdk.Http, at: Place) -> None:
    """Delete a record; one that is gone is no error."""
    await http.post(DELETE, json={"repo": at.repo, "collection": at.collection, "rkey": at.key})


async def posted(http: sdk.Http, account: str, outgoing: sdk.Outgoing) -> sdk.Receipt:
    """Make the visible call: put the drafted record under the key of our reference, and after it what follows.

    The same call again changes nothing, for the records are the same, and makes what is lacking of a thread.
    Nothing else is ever written over.

    Raises:
        OutcomeUnknown: An answer does not say whether the post was made; the same call again does.
        Rejected: Nothing was drafted, or Bluesky refuses it.
    """
    record = outgoing.prepared.get("record")
    if not isinstance(record, dict):
        raise sdk.Rejected("nothing was prepared to be posted; prepare it first")
    first, *places = places_of(account, outgoing)
    made = await _made(http, first, record)
    parent = {"uri": first.uri, "cid": made.cid or ""}
    root = record.get("reply", {}).get("root", parent)
    for at, following in zip(places, outgoing.prepared.get("following", ()), strict=True):
        answering = {**following, "reply": {"root": root, "parent": parent}}
        parent = {"uri": at.uri, "cid": (await _made(http, at, answering)).cid or ""}
    return receipt(first, dict(made.value), made.cid)


def places_of(account: str, outgoing: sdk.Outgoing) -> list[Place]:
    """Return where a post and those that follow it are, made or not."""
    following = outgoing.options.get("thread") or ()
    references = [outgoing.client_ref, *(f"{outgoing.client_ref}/{number}" for number in range(1, len(following) + 1))]
    return [Place(account, POST, key_of(each)) for each in references]


async def _made(http: sdk.Http, at: Place, record: dict[str, Any]) -> Stored:
    """Make a post, or return the one that an earlier call made of a draft that was lost: it has another time."""
    try:
        written = await put(http, at, record, swapRecord=None)
        return Stored(uri=written.uri, cid=written.cid, value=record)
    except InvalidSwap:
        found = await stored(http, at)
    except sdk.Malformed as error:
        raise sdk.OutcomeUnknown(f"whether the post was made is not known: {error}") from error
    if found is None or found.value.get("text") != record["text"]:
        raise sdk.Rejected(f"there is another post under {at.uri}; nothing was written over it")
    return found


async def found(http: sdk.Http, account: str, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
    """Return the receipt of a post that is there whole, with all that follows it; None where something lacks."""
    first, *places = places_of(account, outgoing)
    known = await stored(http, first)
    if known is None or (places and await stored(http, places[-1]) is None):
        return None  # of a thread the last is made last; the same call again makes what lacks
    return receipt(first, dict(known.value), known.cid)


def receipt(at: Place, record: dict[str, Any], cid: str | None) -> sdk.Receipt:
    """Return the receipt of a post that is there."""
    root = record.get("reply", {}).get("root", {}).get("uri")
    return sdk.Receipt(
        external_id=at.uri,
        conversation_id=root or at.uri,
        url=page_of(at.uri),
        data={"cid": cid} if cid else {},
    )
