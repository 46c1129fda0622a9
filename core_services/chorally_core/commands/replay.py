"""``chorally replay``."""

import sys

import httpx

from chorally_core.bootstrap import operator_token
from chorally_core.serving import run
from chorally_core.settings import Settings


def replay_hooks(settings: Settings, url: str, tenant: str, hook_ids: list[str], *, diff: bool = False) -> str:
    """Ask the running system to read hooks again; return what went wrong, or an empty text.

    With ``diff`` nothing is published: it says what would differ from what is stored.
    """
    token = run(operator_token(settings, tenant, "admin"))
    wrong = []
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        for hook_id in hook_ids:
            try:
                place = f"/io/v1/hooks/{hook_id}/replay"
                answer = http.get(f"{place}-diff") if diff else http.post(place)
            except httpx.TransportError as error:
                return f"{url} cannot be reached ({type(error).__name__}); is chorally up?"
            if answer.status_code >= 400:
                wrong.append(f"{hook_id}: {answer.json().get('detail', answer.status_code)}")
            else:
                sys.stdout.write(f"{hook_id}: {answer.text}\n")
    return "\n".join(wrong)
