"""``chorally search``."""

import sys
import time
from collections.abc import Callable

import httpx

from chorally_core.bootstrap import operator_token
from chorally_core.ports.permissions import INSTALLER
from chorally_core.serving import run
from chorally_core.settings import Settings

_TENANT = "installation"  # whoever runs it belongs to none
_EVERY_S = 1.0


def reindex(settings: Settings, url: str, *, wait: bool) -> str:
    """Have the running system make its index anew, and tell how far it is; return what went wrong, or an empty text."""
    token = run(operator_token(settings, _TENANT, INSTALLER))
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        try:
            return followed(http, wait=wait)
        except httpx.TransportError as error:
            return f"{url} cannot be reached ({type(error).__name__}); is chorally up?"


def followed(http: httpx.Client, *, wait: bool, sleep: Callable[[float], None] = time.sleep) -> str:
    """Ask for it, and tell how far it is until it is over; return what went wrong, or an empty text."""
    answer = http.post("/search/v1/rebuilds")
    told = ""
    while answer.status_code < 400:
        job = answer.json()
        line = f"{job['state']}: {job['done']:,} of {job['total'] or 0:,} {job['note']}".rstrip()
        if line != told:
            sys.stdout.write(f"{line}\n")
            told = line
        if job["state"] in ("dead", "cancelled"):
            return f"the index was not made anew: {job['error'] or job['state']}"
        if job["state"] == "done" or not wait:
            return ""
        sleep(_EVERY_S)
        answer = http.get(f"/search/v1/rebuilds/{job['id']}")
    return str(answer.json().get("detail", answer.status_code))
