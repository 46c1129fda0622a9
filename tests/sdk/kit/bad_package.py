"""Connectors whose package, manifest or limits are wrong."""

import random
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, Field, SecretStr

import chorally_sdk as sdk
from tests.sdk.kit.bad import bad, declared, packaged
from tests.sdk.kit.guestbook import ACTIONS, Guestbook
from tests.sdk.kit.machine import Machine
from tests.sdk.kit.shapes import NOTE

CHANNELS = Guestbook.manifest.channels


def noted(**changes: Any) -> tuple[sdk.Channel, ...]:
    """The channels, with other limits of a reply."""
    actions = {**ACTIONS, "reply": ACTIONS["reply"].model_copy(update=changes)}
    return (sdk.Channel.model_validate({"name": NOTE, "actions": actions}), CHANNELS[1])


class Untitled(BaseModel):
    """Settings without a title."""

    webhook_secret: SecretStr = Field(SecretStr(""), description="Signs.")


class Undescribed(BaseModel):
    """Settings without a description."""

    webhook_secret: SecretStr = Field(SecretStr(""), title="Secret")


class Plain(BaseModel):
    """A secret in plain text."""

    webhook_secret: str = Field("", title="Secret", description="Signs.")


class Unshown(BaseModel):
    """Settings that no form can show."""

    call: Callable[[], int] = Field(int, title="Call", description="Called.")


packaged("entry-point", entry="visitors")
packaged("entry-point", loads=Machine)
packaged("sdk-range", requires=("chorally-sdk>=0.1",))
packaged("sdk-range", requires=("chorally-sdk<1",))
packaged("sdk-range", requires=("httpx",))
packaged("version", version="one")
packaged("version", version="9.9")
packaged("licence", licence=" ")
packaged("readme", readme="# Guestbook")
packaged("typed", folder=Path(__file__).parent)
packaged("light-import", loaded=("chorally_guestbook", "starlette"))
declared("free-names", platform="search")
declared("free-names", channels=(sdk.Channel(name="logs"), *CHANNELS))
declared("free-names", channels=CHANNELS * 2)
declared("channel-names", channels=(*CHANNELS, sdk.Channel(name="comment")))
declared("abilities-declared", hooks=None)
declared("abilities-declared", channels=CHANNELS[:1])
declared("abilities-declared", Machine, channels=(sdk.Channel(name=NOTE, actions={"reply": sdk.Limits()}),))
declared(
    "lookup-needs-finds", Machine, channels=(sdk.Channel(name=NOTE, actions={"reply": sdk.Limits(dedupe="lookup")}),)
)
declared("lookup-needs-finds", channels=noted(dedupe="lookup", dedupe_for=timedelta(1)))
declared("settings-described", app_settings=Untitled)
declared("settings-described", account_settings=Undescribed)
declared("settings-secret", app_settings=Plain)
declared("manifest-is-data", account_settings=Unshown)
declared("hosts-declared", base_url="http://guestbook.example")
declared("hosts-declared", hosts=("other.example",))
declared("hosts-declared", hosts=())
declared("budgets", budgets=(sdk.Budget.model_construct(limit=1, per=timedelta(0)),))
declared("budgets", budgets=(sdk.Budget.model_construct(limit=1, per=timedelta(1), resets="00:00 Nowhere/Land"),))
declared("budgets", budgets=(sdk.Budget.model_construct(limit=1, per=timedelta(1), resets="midnight"),))
declared("quality-known", quality={"complete": "exempt: it is so hard to do"})
declared("quality-known", quality={"nonsense": "exempt: there is no such thing"})
declared("quality-known", quality={"one-call": "exempt"})
declared("quality-known", quality={"one-call": "exempt: no"})
declared("quality-known", quality={"one-call": "maybe"})
declared("longest-text", channels=noted(unit="code_points"))
declared("longest-text", channels=noted(max_text=51))
declared("longest-text", channels=noted(max_text=None))
declared("no-shorter-than-needed", channels=noted(max_text=49))
declared("window-declared", channels=noted(window=None))
declared("window-declared", channels=noted(window=timedelta(days=7)))


@bad("made-without-calls", is_whole=False)
class AsksForItsAccount(Guestbook):
    """Needs an account to be made."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.wall = self.account.external_id


@bad("stateless")
class Shared(Guestbook):
    """Keeps its account where all of its class see it."""

    kept: ClassVar[dict[str, sdk.Account]] = {}

    def __init__(self, app: sdk.App, http: sdk.Http, account: sdk.Account | None, **options: Any) -> None:
        super().__init__(app, http, account, **options)
        if account:
            self.kept["account"] = account

    @property
    def account(self) -> sdk.Account:
        """That of whoever came last."""
        return self.kept["account"]


@bad("stream-names")
class TwoOfOneName(Guestbook):
    """Two streams share a cursor."""

    def streams(self) -> list[sdk.Stream]:
        """Two."""
        return [sdk.Stream(name="notes"), sdk.Stream(name="notes")]


@bad("stream-names")
class NoStreams(Guestbook):
    """Pulls, and says not what."""

    def streams(self) -> list[sdk.Stream]:
        """None."""
        return []


Fault = Callable[[httpx.Response], sdk.ConnectorError | None]


def judging(name: str, check: str, judge: Callable[[httpx.Response, Fault], Any], *, is_whole: bool = True) -> None:
    """Add a connector that judges answers in another way."""

    class Judging(Guestbook):
        def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
            found: sdk.ConnectorError | None = judge(answer, super().fault)
            return found

    Judging.__name__ = name
    bad(check, is_whole=is_whole)(Judging)


def _of(status: int, error: sdk.ConnectorError) -> Callable[[httpx.Response, Fault], Any]:
    return lambda answer, good: error if answer.status_code == status else good(answer)


judging("ForbiddenIsLost", "error-table", _of(403, sdk.Reauthorize()))
judging("ForbiddenIsDown", "permission", _of(403, sdk.RetryLater()))
judging("GoneIsInvalid", "error-table", _of(404, sdk.Rejected()))
judging("ClosedIsInvalid", "error-table", lambda answer, good: sdk.by_status(answer))
judging("ClosedIsInvalid", "after-window", lambda answer, good: sdk.by_status(answer))
judging("ThrottledIsDown", "error-table", _of(429, sdk.RetryLater()))
judging("NothingIsWrong", "success-is-no-fault", _of(204, sdk.Malformed("empty")), is_whole=False)
judging("ReadsTheBody", "fault-never-fails", lambda a, good: sdk.Rejected(a.json()["error"]) if a.is_error else None)
judging(
    "LetsPass",
    "fault-never-fails",
    lambda a, good: good(a) if a.status_code in (400, 401, 403, 404, 422, 429, 503) else None,
)
judging("DownIsLost", "down-is-not-refused", _of(502, sdk.Reauthorize()))
judging("NoWait", "wait-in-seconds", _of(429, sdk.RateLimited()))
judging("NoWait", "throttled-pull", _of(429, sdk.RateLimited()))
judging("NoWait", "throttled-push", _of(429, sdk.RateLimited()))
judging("ThrottledIsRefused", "throttled-push", _of(429, sdk.Rejected()))
judging(
    "WaitsInSecondsOnly",
    "wait-as-date",
    lambda answer, good: (
        sdk.RateLimited(wait=timedelta(seconds=_int(answer.headers.get("Retry-After"))))
        if answer.status_code == 429
        else good(answer)
    ),
)
judging("LostIsDown", "revoked", _of(401, sdk.RetryLater()))
judging("LostIsRefused", "push-unauthorised", _of(401, sdk.Rejected()))
judging("ForbiddenIsDown", "push-forbidden", _of(403, sdk.RetryLater()))
judging("InvalidIsDown", "push-invalid", _of(400, sdk.RetryLater()))
judging("GoneIsInvalid", "target-gone", _of(404, sdk.Rejected()))
judging("UnknownClientIsLost", "wrong-client", lambda answer, good: sdk.by_status(answer))


def _int(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0


@bad("usage-never-fails")
class TrustsHeaders(Guestbook):
    """Reads numbers where there may be none."""

    def usage(self, answer: httpx.Response) -> Iterable[sdk.Usage]:
        """Read them."""
        if left := answer.headers.get("x-ratelimit-remaining"):
            return [sdk.Usage(used=float(left))]
        return []


@bad("measure")
class MeasuresAtRandom(Guestbook):
    """Every length is another."""

    def measure(self, text: str) -> int:
        """Guess."""
        return len(text) + random.SystemRandom().randrange(1000)


@bad("measure")
class MeasuresBackwards(Guestbook):
    """What is left, in place of what is used."""

    def measure(self, text: str) -> int:
        """Say what is left."""
        return 50 - len(text)
