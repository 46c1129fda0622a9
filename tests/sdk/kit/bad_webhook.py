"""Connectors that believe, lose or misread webhooks."""

import json
import socket
from collections.abc import Sequence
from typing import Any

from pydantic import SecretStr

import chorally_sdk as sdk
from tests.sdk.kit.bad import bad
from tests.sdk.kit.guestbook import AGE_S, Guestbook
from tests.sdk.kit.shapes import Delivery, Hook
from tests.sdk.kit.word import UrlWord, UrlWordTwin


def judged(hook: sdk.RawHook, keys: sdk.Keys) -> bool:
    """Whether the signature is right, whatever its age."""
    secrets = (*keys.secrets.get("webhook_secret", ()), *keys.secrets.get("subscription", ()))
    return _fits(hook, hook.body, secrets)


def _fits(hook: sdk.RawHook, body: bytes, secrets: Sequence[SecretStr]) -> bool:
    at, signature = hook.headers.get("x-guestbook-time", ""), hook.headers.get("x-guestbook-signature", "")
    return sdk.signed(at.encode() + b"." + body, signature.removeprefix("v1="), secrets)


def _is_fresh(hook: sdk.RawHook) -> bool:
    at = hook.headers.get("x-guestbook-time", "")
    return at.isdecimal() and abs(hook.received_at.timestamp() - int(at)) <= AGE_S


@bad("genuine", is_whole=False)
class RefusesAll(Guestbook):
    """Is careful."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Refuse."""
        return sdk.reject()


@bad("unsigned", "forged", is_whole=False)
class AcceptsAll(Guestbook):
    """Is trusting."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Accept."""
        return sdk.accept()


@bad("unsigned")
class RefusesByTwoHundred(Guestbook):
    """Says that all is well, and drops it."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Refuse quietly."""
        good = super().verify(hook, keys)
        return sdk.reject(200) if good.kind == "reject" else good


@bad("unsigned")
class NoSecretNoCheck(Guestbook):
    """Where no secret is set, everything is genuine."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Trust."""
        return super().verify(hook, keys) if any(keys.secrets.values()) else sdk.accept()


@bad("forged")
class AnySignature(Guestbook):
    """Looks whether there is a signature, and not whose."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Look."""
        if hook.method == "GET" or not hook.headers.get("x-guestbook-signature"):
            return super().verify(hook, keys)
        return sdk.accept()


@bad("raw-bytes")
class SignsWhatItRead(Guestbook):
    """Judges the body as it would write it itself."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Write it anew."""
        if hook.method == "GET":
            return super().verify(hook, keys)
        secrets = (*keys.secrets.get("webhook_secret", ()), *keys.secrets.get("subscription", ()))
        is_right = _fits(hook, json.dumps(json.loads(hook.body)).encode(), secrets) and _is_fresh(hook)
        return sdk.accept() if is_right else sdk.reject()


def keyed(name: str, first: slice) -> None:
    """Add a connector that knows some of the live secrets."""

    class Keyed(Guestbook):
        def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
            return super().verify(hook, sdk.Keys(secrets={n: s[first] for n, s in keys.secrets.items()}))

    Keyed.__name__ = name
    bad("second-secret")(Keyed)


keyed("FirstSecretOnly", slice(0, 1))
keyed("LastSecretOnly", slice(-1, None))


@bad("constant-time")
class ComparesByLetters(Guestbook):
    """Ends at the first wrong letter."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Compare."""
        import hashlib
        import hmac

        at = hook.headers.get("x-guestbook-time", "")
        secret = keys.secrets["webhook_secret"][0].get_secret_value().encode()
        wanted = hmac.digest(secret, at.encode() + b"." + hook.body, hashlib.sha256).hex()
        is_right = hook.headers.get("x-guestbook-signature", "").removeprefix("v1=") == wanted and _is_fresh(hook)
        return sdk.accept() if is_right else sdk.reject()


@bad("constant-time", "second-secret", twin=UrlWordTwin)
class ComparesTheUrlByLetters(UrlWord):
    """Ends at the first wrong letter of the word in the URL, which is one of those that live."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Compare."""
        wanted = keys.secrets["webhook_secret"][0].get_secret_value()
        return sdk.accept() if hook.query.get("word") == wanted else sdk.reject()


@bad("verify-never-fails", twin=UrlWordTwin)
class AnyWordInTheUrl(UrlWord):
    """Takes a URL with any word for proof."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Look whether there is one."""
        return sdk.accept() if hook.query.get("word") else sdk.reject()


@bad("replayed")
class AnyAge(Guestbook):
    """Does not look how old it is."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge the signature."""
        return sdk.accept() if judged(hook, keys) else sdk.reject()


@bad("replayed")
class OnlyOld(Guestbook):
    """A signature of the future is good."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge one side."""
        at = hook.headers.get("x-guestbook-time", "0")
        is_old = hook.received_at.timestamp() - int(at) > AGE_S
        return sdk.accept() if judged(hook, keys) and not is_old else sdk.reject()


@bad("verify-never-fails")
class TrustsTheTime(Guestbook):
    """Reads the header before it is known to be genuine."""

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Read it."""
        int(hook.headers.get("x-guestbook-time", "0"))
        return super().verify(hook, keys)


@bad("no-io")
class LooksNamesUp(Guestbook):
    """Asks the network who is there."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Ask."""
        socket.getaddrinfo("localhost", 80)
        return super().parse(hook)


@bad("parse-is-pure")
class TellsTheTime(Guestbook):
    """Says when it was read."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Say it."""
        return [e.model_copy(update={"extra": {"at": self.now().isoformat()}}) for e in super().parse(hook)]


@bad("parse-is-pure")
class NumbersByArrival(Guestbook):
    """Ids depend on when it came: a redelivery is another message."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Number it."""
        return [e.model_copy(update={"external_id": hook.received_at.isoformat()}) for e in super().parse(hook)]


@bad("parse-needs-nothing")
class NeedsItsSettings(Guestbook):
    """Reads the app's settings."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Read them."""
        assert self.settings.client_id
        return super().parse(hook)


def told(name: str, *checks: str, **wrong: Any) -> None:
    """Add a connector that reads hooks in another way; a callable is given the delivery."""

    class Told(Guestbook):
        def events(self, told: Delivery) -> Sequence[sdk.Event]:
            changes = {key: value(told) if callable(value) else value for key, value in wrong.items()}
            return [e.model_copy(update=changes) for e in super().events(told)]

    Told.__name__ = name
    bad(*checks)(Told)


told("OtherIds", "same-as-pulled", external_id=lambda told: f"hook-{told.note.id}")
told("OtherThreads", "same-as-pulled", conversation_id=lambda told: told.wall)
told("OtherAuthors", "same-as-pulled", author=lambda told: sdk.Author(external_id=told.note.signer.name))
told("NoAccounts", "all-accounts", account=None)
told("OtherEchoes", "echoes", external_id=lambda told: f"hook-{told.note.id}")


def parsing(name: str, check: str, pick: Any) -> None:
    """Add a connector that reads some of a hook's deliveries."""

    class Parsing(Guestbook):
        def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
            read: Hook = self.read(Hook, hook.body)
            return [event for each in pick(read.deliveries) for event in self.events(each)]

    Parsing.__name__ = name
    bad(check)(Parsing)


def _as_the_first(deliveries: list[Delivery]) -> list[Delivery]:
    return [each.model_copy(update={"wall": deliveries[0].wall}) for each in deliveries]


parsing("FirstOnly", "whole-batch", lambda deliveries: deliveries[:1])
parsing("FirstAccountOnly", "all-accounts", lambda d: [each for each in d if each.wall == d[0].wall])
parsing("AllOfTheFirst", "all-accounts", _as_the_first)
parsing("NoEdits", "hears-edits", lambda deliveries: [each for each in deliveries if each.kind != "changed"])
parsing("NoRemovals", "hears-removals", lambda deliveries: [each for each in deliveries if each.kind != "removed"])


def tested(name: str, check: str, answer: Any) -> None:
    """Add a connector that answers the test of its URL in another way."""

    class Tested(Guestbook):
        def tested(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
            verdict: sdk.Verdict = answer(hook, super().tested(hook, keys))
            return verdict

    Tested.__name__ = name
    bad(check)(Tested)


tested("NoHandshake", "answers-handshake", lambda hook, good: sdk.reject())
tested("WrongAnswer", "answers-handshake", lambda hook, good: sdk.handshake("ok"))
tested("KeptHandshake", "answers-handshake", lambda hook, good: sdk.accept(body=good.body))
tested("EchoesAll", "forged-handshake", lambda hook, good: sdk.handshake(hook.query["challenge"]))
tested("EchoesAPage", "challenge-is-no-page", lambda hook, good: sdk.handshake(good.body, "text/html"))


@bad("delivery-ids")
class OneDelivery(Guestbook):
    """Every delivery is the first."""

    def delivery_id(self, hook: sdk.RawHook) -> str | None:
        """Say so."""
        return "delivery"


@bad("unknown-kinds")
class KnowsAllKinds(Guestbook):
    """A kind that it does not know is an error."""

    def events(self, told: Delivery) -> Sequence[sdk.Event]:
        """Look it up."""
        if told.kind not in {"signed", "changed", "removed"}:
            raise sdk.Malformed(f"there is no kind {told.kind}")
        return super().events(told)


@bad("unreadable")
class ReadsByItself(Guestbook):
    """What cannot be read ends in whatever error it ends in."""

    def read(self, shape: type[Any], raw: bytes) -> Any:
        """Read it."""
        return shape.model_validate(json.loads(raw))


@bad("unreadable")
class DropsThePayload(Guestbook):
    """Says that it cannot be read, and not what."""

    def read(self, shape: type[Any], raw: bytes) -> Any:
        """Read it."""
        try:
            return super().read(shape, raw)
        except sdk.Malformed as error:
            raise sdk.Malformed(str(error)) from error
