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
    """Make the one visible call: put the drafted record under the key of our reference.

    The same call again changes nothing: the record is the same. Nothing else is ever written over.

    Raises:
        OutcomeUnknown: The answer does not say whether the post was made; the same call again does.
        Rejected: Nothing was drafted, or Bluesky refuses it.
    """
    record = outgoing.prepared.get("record")
    if not isinstance(record, dict):
        raise sdk.Rejected("nothing was prepared to be posted; prepare it first")
    at = Place(account, POST, key_of(outgoing.client_ref))
    try:
        made = await put(http, at, record, swapRecord=None)
    except InvalidSwap:
        return await _there_already(http, at, outgoing)
    except sdk.Malformed as error:
        raise sdk.OutcomeUnknown(f"whether the post was made is not known: {error}") from error
    return receipt(at, record, made.cid)


async def _there_already(http: sdk.Http, at: Place, outgoing: sdk.Outgoing) -> sdk.Receipt:
    """Return the receipt of an earlier call, whose draft was lost and made anew with another time."""
    found = await stored(http, at)
    if found is None or found.value.get("text") != outgoing.body:
        raise sdk.Rejected(f"there is another post under {at.uri}; nothing was written over it")
    return receipt(at, dict(found.value), found.cid)


def receipt(at: Place, record: dict[str, Any], cid: str | None) -> sdk.Receipt:
    """Return the receipt of a post that is there."""
    root = record.get("reply", {}).get("root", {}).get("uri")
    return sdk.Receipt(
        external_id=at.uri,
        conversation_id=root or at.uri,
        url=page_of(at.uri),
        data={"cid": cid} if cid else {},
    )
