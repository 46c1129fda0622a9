"""Who a handle is and where an account lives: handle, DID, DID document, server ("DID" and "Handle", atproto.com).

What is told is checked from the other side: a handle is believed only where the account's own document names it too.
Whatever these documents name is called as any other public host is: over TLS, and at public addresses only.
"""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

import chorally_sdk as sdk
from chorally_bluesky.config import PLC, AppSettings
from chorally_bluesky.shapes import DidDocument, Id, Shape, read

_HANDLE = re.compile(r"([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?")
_DID = re.compile(r"did:(plc:[a-z2-7]{24}|web:[A-Za-z0-9.-]+(%3A\d{1,5})?)")


class _Resolved(Shape):
    did: Id


class Home(NamedTuple):
    """An account, and the server where it lives."""

    did: str
    server: str
    handle: str = ""


async def home_of(http: sdk.Http, app: AppSettings, name: str) -> Home:
    """Return where the account of a handle or a DID lives.

    Raises:
        Rejected: There is no such account, or what is told of it does not agree.
        ConnectorError: It could not be asked for.
    """
    name = name.strip().removeprefix("@")
    if name.startswith("did:"):
        return await _of_did(http, app, name)
    handle = name.lower()
    if not _HANDLE.fullmatch(handle):
        raise sdk.Rejected(f"{name[:100]!r} is no handle; write it as alice.bsky.social")
    found = await _of_did(http, app, await did_of(http, handle))
    if handle != found.handle:
        raise sdk.Rejected(f"{handle} leads to {found.did}, whose own document names {found.handle or 'no handle'}")
    return found


async def did_of(http: sdk.Http, handle: str) -> str:
    """Return the DID that a handle leads to, as the server says.

    Raises:
        Rejected: It leads nowhere.
    """
    answer = await http.get("/xrpc/com.atproto.identity.resolveHandle", params={"handle": handle}, auth=None)
    return read(_Resolved, answer.content, "the answer about a handle").did


async def _of_did(http: sdk.Http, app: AppSettings, did: str) -> Home:
    if not _DID.fullmatch(did):
        raise sdk.Rejected(f"{did[:100]!r} is no did:plc or did:web; check it")
    if did.startswith("did:plc:"):
        url = f"{(app.plc or PLC).rstrip('/')}/{quote(did, safe=':')}"
    else:
        url = f"https://{unquote(did.removeprefix('did:web:'))}/.well-known/did.json"
    document = read(DidDocument, (await http.get(url, auth=None)).content, "a DID document")
    if document.id != did:
        raise sdk.Rejected(f"the document of {did} is of another account")
    return home_in(document)


def home_in(document: DidDocument) -> Home:
    """Return what a DID document says of the account.

    Raises:
        Rejected: It names no server.
    """
    handle = next((name.removeprefix("at://") for name in document.names if name.startswith("at://")), "")
    for service in document.services:
        ours = service.id in ("#atproto_pds", f"{document.id}#atproto_pds")
        if ours and isinstance(service.endpoint, str) and service.endpoint:
            return Home(document.id, service.endpoint.rstrip("/"), handle.lower())
    raise sdk.Rejected(f"the document of {document.id} names no server; the account lives nowhere")
