"""The signatures of the platforms' documentation are taken, and none that differs by a little."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.host import a_hook

Vector = Mapping[str, Any]
PLATFORMS = {"slack", "line", "meta", "linkedin", "x", "tiktok", "discord"}
CHALLENGES = {
    "linkedin": ("challengeCode", "challengeResponse", "hex", ""),
    "x": ("crc_token", "response_token", "base64", "sha256="),
}


def _hook(vector: Vector, body: bytes) -> sdk.RawHook:
    stamp = vector.get("timestamp") or vector.get("headers", {}).get("X-Signature-Timestamp") or "1700000000"
    return a_hook(body, received_at=datetime.fromtimestamp(int(stamp), UTC) + timedelta(seconds=9))


def _slack(vector: Vector, hook: sdk.RawHook, got: str, secret: SecretStr) -> bool:
    return sdk.stamped(hook, vector["timestamp"], got, (secret,), form="v0:{timestamp}:{body}", prefix="v0=")


def _tiktok(vector: Vector, hook: sdk.RawHook, got: str, secret: SecretStr) -> bool:
    sent = sdk.fields(got)
    return sdk.stamped(hook, sent["t"], sent.get("s", ""), (secret,))


def _linkedin(vector: Vector, hook: sdk.RawHook, got: str, secret: SecretStr) -> bool:
    if vector["case"] == "event-doc":
        return sdk.signed(b"hmacsha256=" + hook.body, got, (secret,))
    return sdk.signed(hook.body, got, (secret,), prefix="hmacsha256=")


JUDGES: Mapping[str, Callable[[Vector, sdk.RawHook, str, SecretStr], bool]] = {
    "slack": _slack,
    "tiktok": _tiktok,
    "linkedin": _linkedin,
    "meta": lambda vector, hook, got, secret: sdk.signed(hook.body, got, (secret,), prefix="sha256="),
    "line": lambda vector, hook, got, secret: sdk.signed(hook.body, got, (secret,), "base64"),
    "x": lambda vector, hook, got, secret: sdk.signed(hook.body, got, (secret,), "base64", prefix="sha256="),
}


@pytest.fixture(scope="module")
def vectors(specs: Path) -> list[Vector]:
    """All vectors there are."""
    found: list[Vector] = json.loads((specs / "payloads" / "signatures.json").read_text("utf-8"))["vectors"]
    assert {vector["platform"] for vector in found} == PLATFORMS
    return found


def test_signatures_by_a_shared_secret_are_those_of_the_vectors(vectors: list[Vector]) -> None:
    """With another body, secret or signature they are refused."""
    tried = 0
    for vector in vectors:
        if "header" not in vector:
            continue
        tried += 1
        judge, secret, got = JUDGES[vector["platform"]], SecretStr(vector["secret"]), vector["expected"]
        body = vector["body"].encode()
        assert judge(vector, _hook(vector, body), got, secret), vector
        assert not judge(vector, _hook(vector, body + b" "), got, secret)
        assert not judge(vector, _hook(vector, body), got, SecretStr(vector["secret"] + "x"))
        assert not judge(vector, _hook(vector, body), got[:-2] + ("00" if not got.endswith("00") else "11"), secret)
    assert tried == 9


def test_signatures_by_a_key_pair_are_those_of_the_vectors(vectors: list[Vector]) -> None:
    """The one that fits is taken; that of another moment is not."""
    tried = [vector for vector in vectors if vector["platform"] == "discord"]
    for vector in tried:
        stamp, got = vector["headers"]["X-Signature-Timestamp"], vector["headers"]["X-Signature-Ed25519"]
        genuine = sdk.signed_by((stamp + vector["body"]).encode(), got, (SecretStr(vector["public_key"]),))
        assert genuine == (vector["expected"] == "valid")
    assert {vector["expected"] for vector in tried} == {"valid", "invalid"}


def test_challenges_are_answered_as_in_the_vectors(vectors: list[Vector]) -> None:
    """With the very JSON that the platform expects."""
    tried = [vector for vector in vectors if "expected_json" in vector]
    for vector in tried:
        name, answer, encoding, prefix = CHALLENGES[vector["platform"]]
        hook = a_hook(method="GET", query={name: vector[name]})
        verdict = sdk.proven(hook, name, (SecretStr(vector["secret"]),), answer, encoding=encoding, prefix=prefix)  # type: ignore[arg-type]
        assert verdict is not None
        assert (verdict.kind, verdict.media_type) == ("handshake", "application/json")
        assert vector["expected_json"].items() <= json.loads(verdict.body).items()
    assert len(tried) == 2
