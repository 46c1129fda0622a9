"""Checks of webhooks: who may tell us something, and that all of it is heard."""

import builtins
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NoReturn
from unittest import mock

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import NotApplied, check, ensure, fail, raised
from chorally_sdk.testing.host import a_hook
from chorally_sdk.testing.spy import Spy

NOBODYS = SecretStr("a-secret-nobody-knows")


async def _hook(bench: Bench, body: str = "Hello") -> sdk.RawHook:
    await bench.levers.say(body)
    hooks = bench.levers.hooks()
    ensure(hooks, "something was said, and no hook came")
    return hooks[-1]


def _verdict(bench: Bench, hook: sdk.RawHook, keys: sdk.Keys | None = None) -> sdk.Verdict:
    connector: sdk.Receives = bench.connect(for_app=True)
    return connector.verify(hook, bench.levers.keys() if keys is None else keys)


def _rejected(bench: Bench, hook: sdk.RawHook, when: str, keys: sdk.Keys | None = None) -> None:
    verdict = _verdict(bench, hook, keys)
    ensure(verdict.kind == "reject", f"{when}: the verdict is {verdict.kind}")
    ensure(400 <= verdict.status < 500, f"{when}: it is refused under status {verdict.status}")


def _messages(events: Sequence[sdk.Event]) -> list[sdk.Message]:
    return [event for event in events if isinstance(event, sdk.Message)]


@check("webhook", "A genuine hook is accepted", "Receives", "say", "hooks", "keys", may_be_exempt=False)
async def genuine(bench: Bench) -> None:
    """A platform whose hooks are refused switches them off."""
    verdict = _verdict(bench, await _hook(bench))
    ensure(verdict.kind == "accept", f"the verdict on a genuine hook is {verdict.kind}")
    ensure(200 <= verdict.status < 300, f"it is accepted under status {verdict.status}")


@check("webhook", "A hook without proof is refused", "Receives", may_be_exempt=False)
async def unsigned(bench: Bench) -> None:
    """Anybody can post to the URL; an empty or missing secret must never open it."""
    connector: sdk.Receives = bench.connect(for_app=True)
    models = (bench.connector.manifest.app_settings, bench.connector.manifest.account_settings)
    names = {"subscription", *(name for model in models if model for name in model.model_fields)}
    for live in (None, (), (SecretStr(""),), (NOBODYS,), (NOBODYS, SecretStr("nor-this-one"))):
        keys = sdk.Keys() if live is None else sdk.Keys(secrets=dict.fromkeys(names, live))
        verdict = connector.verify(a_hook('{"hello": 1}'), keys)
        ensure(verdict.kind == "reject", f"accepted with {len(live or ())} secrets")
        ensure(verdict.status >= 400, f"refused under status {verdict.status}")


@check("webhook", "A forged hook is refused", "Receives", "say", "hooks", "keys", may_be_exempt=False)
async def forged(bench: Bench) -> None:
    """A signature of another body, or by another secret, lets anybody speak as a customer."""
    first, second = await _hook(bench, "one"), await _hook(bench, "two")
    if bench.levers.signs_bodies:
        _rejected(bench, first.model_copy(update={"body": second.body}), "the signature of another body")
        _rejected(bench, first.model_copy(update={"body": first.body + b" "}), "a body with a byte more")
    keys = bench.levers.keys()
    if not keys.jwks:  # what tokens prove is checked by itself
        wrong = sdk.Keys(secrets=dict.fromkeys(keys.secrets, (NOBODYS,)))
        _rejected(bench, first, "a signature by another secret", wrong)


@check("webhook", "The signature is of the raw bytes", "Receives", "signed", "keys", may_be_exempt=False)
async def raw_bytes(bench: Bench) -> None:
    """A body that is parsed and written anew loses its spaces, and with them genuine hooks."""
    for body in (b'{ "a" :  1.0,"b":"\\u00e8" }\n', b'{"b": 2, "a": 1, "a": 3}', b'{"x": "\xc3\xa8"}'):
        verdict = _verdict(bench, bench.levers.signed(body))
        ensure(verdict.kind == "accept", f"a genuine hook of the bytes {body!r} is {verdict.kind}")


@check("webhook", "Both live secrets are good", "Receives", "say", "hooks", "keys", may_be_exempt=False)
async def second_secret(bench: Bench) -> None:
    """While a secret is replaced, hooks are signed by the old or the new one."""
    hook, secrets = await _hook(bench), bench.levers.keys().secrets
    for order in ((0, 1), (1, 0)):
        live = {name: tuple((kept[0], NOBODYS)[each] for each in order) for name, kept in secrets.items()}
        verdict = _verdict(bench, hook, sdk.Keys(secrets=live, jwks=bench.levers.keys().jwks))
        ensure(verdict.kind == "accept", f"with the right secret in place {order.index(0) + 1} of two: {verdict.kind}")


@check("webhook", "Signatures are compared in constant time", "Receives", "say", "hooks", "keys", may_be_exempt=False)
async def constant_time(bench: Bench) -> None:
    """A comparison that ends at the first wrong letter tells the right signature, letter by letter."""
    hook = await _hook(bench)
    compared: list[str] = []
    proofs = {
        part: {name: Spy(value, compared) for name, value in getattr(hook, part).items()}
        for part in ("headers", "query")
    }
    spied = sdk.RawHook.model_construct(**{**dict(hook), **proofs})
    _verdict(bench, spied)
    ensure(not compared, "a value of a header or of the query is compared by ==; use sdk.signed or sdk.same")


@check(
    "webhook", "An old signature is refused", "Receives", "say", "hooks", "keys", "signature_age", may_be_exempt=False
)
async def replayed(bench: Bench) -> None:
    """A hook that somebody kept is told again at will, where the platform's age window is not applied."""
    hook, most = await _hook(bench), bench.levers.signature_age()
    late = hook.model_copy(update={"received_at": hook.received_at + timedelta(seconds=most + 60)})
    _rejected(bench, late, f"a signature of {most + 60:.0f} s ago")
    early = hook.model_copy(update={"received_at": hook.received_at - timedelta(seconds=most + 60)})
    _rejected(bench, early, "a signature of the future")
    fresh = hook.model_copy(update={"received_at": hook.received_at + timedelta(seconds=most / 2)})
    ensure(_verdict(bench, fresh).kind == "accept", f"a signature of {most / 2:.0f} s ago is refused")


@check("webhook", "Whatever is sent, there is a verdict", "Receives", "say", "hooks", "keys", may_be_exempt=False)
async def verify_never_fails(bench: Bench) -> None:
    """A header with odd letters must be refused, not end in an error that the platform takes for an outage."""
    hook = await _hook(bench)
    odd = ("", "=", "sha256=", "v0=zz", "caf\u00e9", "t=,v1=", "\x00", "a" * 10_000, "Bearer x.y.z", "Bearer")
    for value in odd:
        changes = {part: dict.fromkeys(getattr(hook, part), value) for part in ("headers", "query")}
        if not bench.levers.proves_in_body:
            _rejected(bench, hook.model_copy(update=changes), f"headers and query {value[:9]!r}")
        for part in changes:  # one by one, no value may make it fail; not all of them are proof
            for name in getattr(hook, part):
                _verdict(bench, hook.model_copy(update={part: {**getattr(hook, part), name: value}}))
    for body in (b"", b"\xff\xfe", b"[]", b"null"):
        changed = hook.model_copy(update={"body": body})
        if bench.levers.signs_bodies:
            _rejected(bench, changed, f"the body {body!r}")
        else:
            _verdict(bench, changed)
        if bench.levers.proves_in_body:
            _rejected(bench, changed, f"the body {body!r}, which has no proof")
    if not bench.levers.proves_in_body:
        _rejected(bench, hook.model_copy(update={"headers": {}, "query": {}}), "neither headers nor query at all")


@check(
    "webhook", "Judging and reading use no network and no file", "Receives", "say", "hooks", "keys", may_be_exempt=False
)
async def no_io(bench: Bench) -> None:
    """Hooks are answered within milliseconds, and read again years later, when the platform may be gone."""
    hook = await _hook(bench)
    for name in sdk.__all__:  # the SDK imports its own when first used, which is no file that the connector opens
        getattr(sdk, name)
    with _nothing_outside():
        _verdict(bench, hook)
        bench.connect(for_app=True).parse(hook)


@check("webhook", "A hook reads the same for ever", "Receives", "say", "hooks", may_be_exempt=False)
async def parse_is_pure(bench: Bench) -> None:
    """A stored hook is read again after a crash: a clock or chance in it makes other messages of it."""
    hook = await _hook(bench)
    told = []
    for year in (2026, 2031, 2036):
        connector = bench.connect(for_app=True, now=partial(datetime, year, 1, 1, tzinfo=UTC))
        later = hook.model_copy(update={"received_at": datetime(year, 1, 1, tzinfo=UTC)})
        told.append([connector.parse(each) for each in (hook, hook, later)])
    ensure(told[0][0] == told[0][1] == told[1][0] == told[2][0], "the same hook reads differently at another time")
    ids = [[getattr(event, "external_id", None) for event in parsed] for parsed in (told[0][0], told[2][2])]
    ensure(ids[0] == ids[1], "the ids of a hook depend on when it is received")


@check("webhook", "A hook is read without account and secret", "Receives", "say", "hooks", may_be_exempt=False)
async def parse_needs_nothing(bench: Bench) -> None:
    """Replay reads hooks of accounts that were removed, under secrets that were replaced."""
    hook = await _hook(bench)
    first = bench.connect(for_app=True).parse(hook)
    bare = bench.connect(for_app=True, app_settings=None, settings=None, data={}, external_id="")
    ensure(bare.parse(hook) == first, "without settings the hook reads differently")


@check("webhook", "What a hook tells is what a pull tells", "Receives", "Pulls", "say", "hooks", may_be_exempt=False)
async def same_as_pulled(bench: Bench) -> None:
    """Two ids, authors or threads for one thing are two messages and two tickets."""
    asked = await bench.levers.say("Open?", author="ada")
    told = await bench.levers.say("Yes", author="bob", parent=bench.under(asked))
    heard = {message.external_id: message for message in _messages(await bench.told())}
    pulled = await bench.pull()
    for external_id in (asked, told):
        ensure(external_id in heard, f"{external_id!r} came by pull, by hook came {sorted(heard)}")
        for name in ("body", "channel", "conversation_id", "parent_id", "sent_at", "ours"):
            ours, theirs = getattr(heard[external_id], name), getattr(pulled.said(external_id), name)
            ensure(ours == theirs, f"by hook {name} is {ours!r}, by pull {theirs!r}")
        ids = [m.author.external_id if m.author else None for m in (heard[external_id], pulled.said(external_id))]
        ensure(ids[0] == ids[1], f"by hook the author is {ids[0]!r}, by pull {ids[1]!r}")


@check("webhook", "All items of a batch are heard", "Receives", "batch", may_be_exempt=False)
async def whole_batch(bench: Bench) -> None:
    """Platforms put several items into one hook when there is much to tell; who takes the first loses the rest."""
    bodies = ["one", "two", "three"]
    events = await bench.told([bench.levers.batch(*bodies)])
    heard = sorted(message.body for message in _messages(events))
    ensure(heard == sorted(bodies), f"of {bodies} came {heard}")


@check(
    "webhook", "All accounts of a batch are heard, each as itself", "Receives", "batch_of_accounts", may_be_exempt=False
)
async def all_accounts(bench: Bench) -> None:
    """One hook may be about several customers: who takes the first loses, or mixes up, the others."""
    bodies = {bench.levers.connection().external_id: "to one", "another-account": "to another"}
    connector: sdk.Receives = bench.connect(for_app=True)
    events = connector.parse(bench.levers.batch_of_accounts(bodies))
    heard = {event.account: getattr(event, "body", None) for event in events}
    ensure(set(heard) == set(bodies), f"the hook is about {sorted(bodies)}, heard of {sorted(map(str, heard))}")
    wrong = {account for account, body in heard.items() if body is not None and body != bodies[str(account)]}
    ensure(not wrong, f"what was said to one account is told of another: {wrong}")


@check("webhook", "The platform's test of the URL is answered", "Receives", "handshake", "keys", may_be_exempt=False)
async def answers_handshake(bench: Bench) -> None:
    """Without the right answer no webhook can be set up."""
    hook, wanted = bench.levers.handshake()
    verdict = _verdict(bench, hook)
    ensure(verdict.kind == "handshake", f"the verdict is {verdict.kind}")
    ensure(verdict.body == wanted, f"it is answered {verdict.body!r}, wanted is {wanted!r}")


@check(
    "webhook", "A test of the URL without proof is not answered", "Receives", "handshake", "keys", may_be_exempt=False
)
async def forged_handshake(bench: Bench) -> None:
    """An echo without a check lets anybody point their own app at us."""
    hook, _ = bench.levers.handshake(is_forged=True)
    _rejected(bench, hook, "a handshake by another secret")


@check("webhook", "An echoed challenge is no page", "Receives", "handshake", "keys", may_be_exempt=False)
async def challenge_is_no_page(bench: Bench) -> None:
    """What a stranger sends and we return as HTML runs in an administrator's browser."""
    hook, _ = bench.levers.handshake()
    verdict = _verdict(bench, hook)
    ensure("html" not in verdict.media_type, f"the challenge is returned as {verdict.media_type}")


@check("webhook", "Two deliveries are two", "Receives", "say", "hooks", "keys", may_be_exempt=False)
async def delivery_ids(bench: Bench) -> None:
    """A known delivery is answered and not read: an id that is not the delivery's own loses hooks."""
    first, second = await _hook(bench, "one"), await _hook(bench, "two")
    ids = [_verdict(bench, hook).delivery_id for hook in (first, first, second)]
    ensure(ids[0] == ids[1], f"one delivery has the ids {ids[0]!r} and {ids[1]!r}")
    ensure(ids[0] is None or ids[0] != ids[2], f"two deliveries share the id {ids[0]!r}")


@check("webhook", "An edit is heard", "Receives", "say", "hooks", "edit", may_be_exempt=False)
async def hears_edits(bench: Bench) -> None:
    """A customer who corrects an order number is answered about the wrong one."""
    external_id = await bench.levers.say("No. 17")
    bench.levers.hooks()
    bench.levers.clock.pass_(minutes=1)
    await bench.levers.edit(external_id, "No. 18")
    heard = [m for m in _messages(await bench.told()) if m.external_id == external_id]
    ensure(heard, "an edit came under another id, or not at all")
    ensure(heard[-1].body == "No. 18", f"the edit came as {heard[-1].body!r}")
    ensure(heard[-1].edited_at is not None, "without edited_at the host cannot tell which of two texts is the newer")


@check("webhook", "A removal is heard", "Receives", "say", "hooks", "remove", may_be_exempt=False)
async def hears_removals(bench: Bench) -> None:
    """Who took their words back must not be quoted."""
    if not bench.levers.tells_removals:
        raise NotApplied("the platform's webhooks tell of no removals")
    external_id = await bench.levers.say("Oops")
    bench.levers.hooks()
    await bench.levers.remove(external_id)
    events = bench.connect(for_app=True).parse(bench.levers.hooks()[-1])
    marks = [event for event in events if isinstance(event, sdk.Mark) and event.external_id == external_id]
    pings = [event for event in events if isinstance(event, sdk.Ping) and event.external_id == external_id]
    ensure(pings or any(mark.state == "deleted" for mark in marks), f"a removal came as {events!r}")


@check("webhook", "Our own words come back as ours", "Receives", "Replies", "say", "hooks", "made", may_be_exempt=False)
async def echoes(bench: Bench) -> None:
    """An echo that is read as a customer's message is answered by a rule, whose echo is answered, for ever."""
    message = await bench.a_message()
    bench.levers.hooks()
    outbound = bench.answer(message)
    receipt = await bench.send(outbound)
    for echo in _messages(await bench.told()):
        ensure(echo.ours, f"our own {echo.body!r} is read as somebody else's")
        joined = receipt.external_id == echo.external_id or echo.client_ref == outbound.client_ref
        ensure(joined, "an echo has neither the receipt's id nor our reference: it becomes a second answer")


@check("webhook", "What is not known is let pass", "Receives", "unknown", may_be_exempt=False)
async def unknown_kinds(bench: Bench) -> None:
    """Platforms add kinds of hooks without notice; an error fills the dead letters."""
    try:
        events = bench.connect(for_app=True).parse(bench.levers.unknown())
    except Exception as error:
        fail(f"a hook of an unknown kind raises {type(error).__name__}: {error}")
    ensure(not _messages(events), "a hook of an unknown kind is read as a message")


@check("webhook", "What cannot be read is kept aside", "Receives", "signed", may_be_exempt=False)
async def unreadable(bench: Bench) -> None:
    """Only `Malformed` carries the payload along; a bug's exception loses it from sight."""
    connector: sdk.Receives = bench.connect(for_app=True)

    async def read(hook: sdk.RawHook) -> Sequence[sdk.Event]:
        return connector.parse(hook)

    for body in (b"", b"\xff\xfe{", b"{", b'{"object": '):
        error = await raised(read(bench.levers.signed(body)), sdk.Malformed, f"parsing the body {body!r}")
        ensure(error.payload == body, "the payload is not kept with the error")


@contextmanager
def _nothing_outside() -> Iterator[None]:
    """Let every file and every connection be an error."""

    def refused(*_: Any, **__: Any) -> NoReturn:
        fail("judging or reading a hook opens a file or a connection")

    with (
        mock.patch.object(socket.socket, "connect", refused),
        mock.patch.object(socket, "getaddrinfo", refused),
        mock.patch.object(builtins, "open", refused),
    ):
        yield
