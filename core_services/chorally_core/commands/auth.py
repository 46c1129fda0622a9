"""``chorally auth``: a person consents in the browser, and the accounts that gives are connected."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx

from chorally_core.bootstrap import operator_token
from chorally_core.serving import run
from chorally_core.settings import Settings

WAITS_S = 15 * 60.0
"""How long the person may take; after that the consent works no more."""

_DONE = b"<!doctype html><title>Chorally</title><p>Go back to the terminal; you can close this window.</p>"


class _Back:
    """Hears on this machine that the person has come back."""

    def __init__(self) -> None:
        self.came = threading.Event()
        came = self.came

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(_DONE)))
                self.end_headers()
                self.wfile.write(_DONE)
                came.set()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
                """Say nothing: the terminal is for the person."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/done"

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen, in a thread of its own."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def authorize_with(
    settings: Settings, url: str, tenant: str, connector: str, again: str | None, hint: str, wanted: tuple[str, ...]
) -> str:
    """Lead a person through a consent at a running system, as whoever owns it; return what went wrong."""
    token = run(operator_token(settings, tenant, "admin"))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        return authorize(http, connector, account_id=again, hint=hint, wanted=wanted)


def authorize(
    http: httpx.Client,
    connector: str,
    *,
    account_id: str | None = None,
    hint: str = "",
    wanted: tuple[str, ...] = (),
    tell: Callable[[str], object] = lambda text: sys.stdout.write(f"{text}\n"),
    waits_s: float = WAITS_S,
) -> str:
    """Lead a person through a consent; return what went wrong, or an empty text.

    Args:
        http: A client of the running system, with a token that may change accounts.
        connector: Platform to connect.
        account_id: An account that is to be connected again.
        hint: The handle or server that the platform wants to know.
        wanted: External ids to connect; without any, those found are only listed.
        tell: Prints a line.
        waits_s: Seconds until the person must be back.
    """
    back = _Back()
    body = {"connector": connector, "account_id": account_id, "hint": hint, "return_url": back.url}
    try:
        with back.listening():
            asked = _told(http.post("/io/v1/authorizations", json=body))
            tell(f"Open this page in your browser, on this machine, and agree:\n\n  {asked['url']}\n")
            if not back.came.wait(waits_s):
                return "nobody came back from the platform in time; start again"
        place = f"/io/v1/authorizations/{asked['id']}"
        shown = _told(http.get(place))
        if shown["state"] != "done" or shown["reason"]:
            return str(shown["reason"] or "the consent was not given; start again")
        if account_id is not None:
            tell(f"The account {account_id} is connected again.")
            return ""
        found = _told(http.get(f"{place}/accounts"))["items"]
        return _choose(http, place, found, wanted, tell)
    except httpx.TransportError as error:
        return f"{http.base_url} cannot be reached ({type(error).__name__}); is chorally up?"
    except _Refused as error:
        return str(error)


def _choose(
    http: httpx.Client, place: str, found: list[dict[str, Any]], wanted: tuple[str, ...], tell: Callable[[str], object]
) -> str:
    for one in found:
        state = f"connected as {one['account_id']}" if one["account_id"] else "not connected"
        tell(f"  {one['external_id']}  {one['name']}  ({state})")
    if not wanted:
        tell("Connect them with --account ID, once for each, or --account all.")
        return ""
    ids = [one["external_id"] for one in found] if "all" in wanted else list(wanted)
    if not ids:
        return "the consent gives no account"
    chosen = {"accounts": [{"external_id": external_id} for external_id in ids]}
    wrong = []
    for one in _told(http.post(f"{place}/accounts", json=chosen))["items"]:
        if one["error"]:
            wrong.append(f"{one['external_id']}: {one['error']}")
        else:
            tell(f"{one['external_id']} is connected as {one['account_id']}")
    return "\n".join(wrong)


class _Refused(Exception):
    """The system refused; the message says why."""


def _told(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= 400:
        document = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        raise _Refused(str(document.get("detail", f"the system answered {answer.status_code}")))
    return dict(answer.json())
