"""An application service's side: who calls, and what a transaction tells (Matrix 1.16, application service API)."""

import json
from collections.abc import Sequence
from urllib.parse import unquote

import chorally_sdk as sdk
from chorally_matrix.shapes import Transaction, read
from chorally_matrix.translate import ROOMS, Scene, names_in, read_up_to, to_events

_TRANSACTIONS = "/_matrix/app/v1/transactions/"
_PING = "/_matrix/app/v1/ping"
_QUERIES = ("/_matrix/app/v1/users/", "/_matrix/app/v1/rooms/", "/_matrix/app/v1/thirdparty/")
_JSON = "application/json"


def judge(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Return the verdict on a homeserver's request, which proves itself by the ``hs_token``.

    A transaction is archived and answered ``{}``; its id is the delivery's. A ping is answered. Users and rooms that a
    homeserver asks for are not made on demand: it is told that there is none.
    """
    scheme, _, token = hook.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not sdk.same(token, keys.secrets.get("hs_token", ())):
        return sdk.reject(403)
    if hook.method == "POST" and hook.path.endswith(_PING):
        return sdk.handshake("{}", _JSON)
    if hook.method == "GET" and any(query in hook.path for query in _QUERIES):
        told = json.dumps({"errcode": "M_NOT_FOUND", "error": "not made on demand"})
        return sdk.Verdict(kind="handshake", status=404, body=told.encode(), media_type=_JSON)
    _, found, transaction = hook.path.partition(_TRANSACTIONS)
    if hook.method != "PUT" or not found or not transaction:
        return sdk.reject(404)
    return sdk.accept(body=b"{}", media_type=_JSON, delivery_id=unquote(transaction))


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a transaction tells, every event of it, for the user that the URL belongs to.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    told = read(Transaction, hook.body, "a transaction")
    us = hook.account or ""
    found: list[sdk.Event] = []
    plain = [event.model_dump() for event in told.events]
    for event in told.events:
        room = event.room_id or ""
        if not room:
            found.append(sdk.Ping(stream=ROOMS))  # which room it was in is not said: all are looked at
            continue
        in_room = [each for each in plain if each["room_id"] == room]
        found += to_events(event, Scene(room, us, names_in(in_room), is_told=True))
    for ephemeral in told.ephemeral:
        where = ephemeral.get("room_id")
        if isinstance(where, str) and where:
            found += read_up_to([ephemeral], Scene(where, us, is_told=True))
    return found
