import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from chorally_facebook import Facebook
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

BODY = b'{"object":"page","entry":[]}'


def keys(*app_secrets: str, verify_token: tuple[str, ...] = ("open sesame",)) -> sdk.Keys:
    """Live secrets."""
    return sdk.Keys(
        secrets={
            "app_secret": tuple(map(SecretStr, app_secrets)),
            "verify_token": tuple(map(SecretStr, verify_token)),
        }
    )


def signature(secret: str, body: bytes = BODY) -> Mapping[str, str]:
    """The header that Meta would send."""
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def judged(hook: sdk.RawHook, known: sdk.Keys) -> sdk.Verdict:
    """The verdict on a hook."""
    return connect(Facebook).verify(hook, known)


@pytest.mark.parametrize("secret", ["old", "new"])
def test_either_live_secret_proves_a_hook(secret: str) -> None:
    """While a secret is being replaced, the old and the new one both count."""
    assert judged(a_hook(BODY, headers=signature(secret)), keys("old", "new")).kind == "accept"


def test_a_changed_body_is_rejected() -> None:
    """The signature is of the raw bytes: even a space more is another body."""
    assert judged(a_hook(BODY + b" ", headers=signature("s")), keys("s")).kind == "reject"


@pytest.mark.parametrize("known", [keys(""), keys(), sdk.Keys()])
def test_an_empty_secret_never_matches(known: sdk.Keys) -> None:
    """Who signs with nothing is refused, also where nothing is set."""
    assert judged(a_hook(BODY, headers=signature("")), known).kind == "reject"


@pytest.mark.parametrize("value", ["", "sha256=", "sha256=zz", "sha1=" + "0" * 40, "é", "sha256"])
def test_a_signature_in_another_form_is_rejected(value: str) -> None:
    """Anything but ``sha256=`` and the right digits is refused without an exception."""
    assert judged(a_hook(BODY, headers={"X-Hub-Signature-256": value}), keys("s")).kind == "reject"


def test_the_right_digits_under_another_name_are_rejected() -> None:
    """The scheme is a part of the proof."""
    value = signature("s")["X-Hub-Signature-256"].replace("sha256", "sha1")
    assert judged(a_hook(BODY, headers={"X-Hub-Signature-256": value}), keys("s")).kind == "reject"


def test_the_older_signature_counts_for_nothing() -> None:
    """A right SHA-1 in ``X-Hub-Signature`` is no proof."""
    digest = hmac.new(b"s", BODY, hashlib.sha1).hexdigest()
    assert judged(a_hook(BODY, headers={"X-Hub-Signature": f"sha1={digest}"}), keys("s")).kind == "reject"


def test_the_handshake_is_answered_with_the_bare_challenge() -> None:
    """Meta tests the URL with our verify token."""
    query = {"hub.mode": "subscribe", "hub.verify_token": "open sesame", "hub.challenge": "1158201444"}
    verdict = judged(a_hook(method="GET", query=query), keys("s"))

    assert (verdict.kind, verdict.status, verdict.body) == ("handshake", 200, b"1158201444")


@pytest.mark.parametrize(
    ("query", "token"),
    [
        ({}, "open sesame"),
        ({"hub.mode": "subscribe", "hub.challenge": "1"}, "open sesame"),
        ({"hub.mode": "subscribe", "hub.verify_token": "open sesame"}, "open sesame"),
        ({"hub.challenge": "1", "hub.verify_token": "open sesame"}, "open sesame"),
        ({"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "wrong"}, "open sesame"),
        ({"hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": ""}, ""),
    ],
)
def test_a_handshake_that_lacks_something_is_refused(query: dict[str, str], token: str) -> None:
    """A missing field, a wrong token and an empty token on our side all answer 403."""
    verdict = judged(a_hook(method="GET", query=query), keys("s", verify_token=(token,)))

    assert (verdict.kind, verdict.status) == ("reject", 403)


def test_the_computed_vector_of_meta_is_accepted(specs: Path) -> None:
    """The vector of the platform facts, with escaped text in its body, has our signature."""
    vectors = json.loads((specs / "payloads" / "signatures.json").read_text("utf-8"))["vectors"]
    vector = next(vector for vector in vectors if vector["platform"] == "meta")
    hook = a_hook(vector["body"], headers={vector["header"]: vector["expected"]})

    assert judged(hook, keys(vector["secret"])).kind == "accept"


def test_our_own_vector_is_accepted() -> None:
    """A fixed body and secret keep their signature."""
    body = b'{"object":"page","entry":[{"id":"1","time":1,"changes":[]}],"note":"caff\\u00e8"}'
    digest = "sha256=39ecd826286bcaf7b0af1bd1303cba4f75b2c3a826e327b1f557be39b6a77514"

    assert judged(a_hook(body, headers={"X-Hub-Signature-256": digest}), keys("made-up-secret")).kind == "accept"


COMMENT = {
    "item": "comment",
    "verb": "add",
    "post_id": "1_2",
    "comment_id": "2_3",
    "created_time": 1795424400,
    "from": {"id": "9", "name": "Ada"},
}


def body(**changed: object) -> str:
    """A hook about one comment; ``...`` leaves a field out."""
    value = {name: part for name, part in {**COMMENT, **changed}.items() if part is not ...}
    return json.dumps({"object": "page", "entry": [{"id": "1", "changes": [{"field": "feed", "value": value}]}]})


def test_comments_of_another_object_are_let_pass() -> None:
    """Only what happens on pages is ours."""
    facebook = connect(Facebook)

    assert len(facebook.parse(a_hook(body()))) == 1
    assert facebook.parse(a_hook(body().replace('"page"', '"instagram"'))) == []


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ("", "Invalid JSON"),
        ("[]", "the whole"),
        ('{"object": "page"}', "entry"),
        ('{"object": "page", "entry": {}}', "entry"),
        ('{"object": "page", "entry": [{"changes": []}]}', "entry.0.id"),
        ('{"object": "page", "entry": [{"id": "1", "changes": [{"value": {}}]}]}', "entry.0.changes.0.field"),
        ('{"object": "page", "entry": [{"id": "1", "changes": [{"field": "feed", "value": 3}]}]}', "the whole"),
        (body(comment_id=...), "comment_id"),
        (body(comment_id=""), "comment_id"),
        (body(post_id=None), "post_id"),
        (body(created_time=...), "created_time"),
        (body(created_time="yesterday"), "created_time"),
        (body(message=["a"]), "message"),
        (body(**{"from": {"name": "nobody"}}), "from.id"),
        (body(verb="remove", created_time=...), "created_time"),
    ],
)
def test_a_broken_body_is_malformed_and_named(raw: str, named: str) -> None:
    """The error names what is wrong and keeps the body; it never quotes it."""
    with pytest.raises(sdk.Malformed, match=named) as caught:
        connect(Facebook).parse(a_hook(raw))

    assert caught.value.payload == raw.encode()
    assert "yesterday" not in str(caught.value)
