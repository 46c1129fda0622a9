"""``chorally auth``: the person comes back to this machine, and what was found is connected."""

import json
import threading
from typing import Any

import httpx
from chorally_core.commands.auth import authorize


class Api:
    """The running system's side, as the command sees it."""

    def __init__(self, state: str = "done") -> None:
        self.state = state
        self.asked: list[tuple[str, Any]] = []

    def client(self) -> httpx.Client:
        """Return a client of it."""
        return httpx.Client(base_url="http://chorally.test", transport=httpx.MockTransport(self))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer as the API does; the person comes back at once."""
        body: Any = json.loads(request.content) if request.content else None
        self.asked.append((f"{request.method} {request.url.path}", body))
        match request.method, request.url.path:
            case "POST", "/io/v1/authorizations":
                if body["connector"] == "none":
                    return httpx.Response(422, json={"detail": "asks no person"})
                if self.state != "away":
                    threading.Thread(target=httpx.get, args=(body["return_url"],), kwargs={"timeout": 10}).start()
                return httpx.Response(201, json={"id": "a1", "url": "https://platform.example/consent"})
            case "GET", "/io/v1/authorizations/a1":
                return httpx.Response(200, json={"state": self.state, "reason": "no" if self.state == "failed" else ""})
            case "GET", _:
                item = {"external_id": "room-1", "name": "The blue room", "account_id": None}
                return httpx.Response(200, json={"items": [item]})
        items = [{"external_id": one["external_id"], "account_id": "x1", "error": ""} for one in body["accounts"]]
        return httpx.Response(200, json={"items": items})


def test_the_person_is_told_where_to_go_and_what_was_connected() -> None:
    """The page, what was found, and the accounts."""
    told: list[str] = []
    assert authorize(Api().client(), "gallery", wanted=("all",), tell=told.append) == ""
    assert "https://platform.example/consent" in told[0]
    assert told[-1] == "room-1 is connected as x1"


def test_without_a_choice_what_was_found_is_listed() -> None:
    """Nothing is connected unasked."""
    api, told = Api(), list[str]()
    assert authorize(api.client(), "gallery", tell=told.append) == ""
    assert "The blue room" in told[1]
    assert not [place for place, _ in api.asked if place == "POST /io/v1/authorizations/a1/accounts"]


def test_what_goes_wrong_is_told_in_the_systems_own_words() -> None:
    """A refusal, a failed consent, a person who stays away."""
    assert authorize(Api().client(), "none", tell=len) == "asks no person"
    assert authorize(Api("failed").client(), "gallery", tell=len) == "no"
    assert "in time" in authorize(Api("away").client(), "gallery", tell=len, waits_s=0.01)
