"""Signing keys: their file, their rotation, their secrecy."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.identity import Issuer, Keyring, Verifier
from chorally_core.adapters.identity.keyring import InvalidKeyring
from chorally_core.adapters.local.vault import FernetVault
from cryptography.fernet import Fernet
from structlog.testing import capture_logs


def test_the_first_start_makes_a_key_that_only_its_owner_reads(tmp_path: Path, clock: Any) -> None:
    """The folder is made too; a second start finds the same key."""
    path = tmp_path / "data" / "signing-keys.json"
    made = Keyring(path, clock)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["signing-keys.json"]
    assert Keyring(path, clock).public() == made.public()


def test_a_key_is_named_by_its_thumbprint(keyring: Keyring) -> None:
    """RFC 7638: whoever has the key can compute its id."""
    key = keyring.public()["keys"][0]
    assert key["kid"] == keyring.signing.thumbprint() == keyring.signing.kid
    assert (key["use"], key["alg"]) == ("sig", "RS256")


def test_only_public_halves_are_shown(keyring: Keyring) -> None:
    """Neither the key set nor a representation holds anything private."""
    shown = keyring.public()["keys"][0]
    assert set(shown) == {"kty", "n", "e", "kid", "use", "alg", "iat"}
    private = json.loads(keyring._path.read_bytes())["keys"][0]
    for member in ("d", "p", "q", "dp", "dq", "qi"):
        assert private[member] not in json.dumps(keyring.public()) + repr(keyring)


def test_a_file_that_others_may_read_is_closed_with_a_warning(keyring: Keyring, clock: Any) -> None:
    """A volume mounted for a group, say; the key may have been seen, so somebody is told."""
    keyring._path.chmod(0o644)
    with capture_logs() as logs:
        Keyring(keyring._path, clock)
    assert keyring._path.stat().st_mode & 0o777 == 0o600
    assert [entry["log_level"] for entry in logs] == ["warning"]


@pytest.mark.parametrize(
    "content", [b"", b"{}", b'{"keys": []}', b'{"keys": [{"kty": "RSA", "d": "canary"}]}', b"\xff"]
)
def test_a_damaged_file_stops_the_start_and_says_what_to_do(content: bytes, tmp_path: Path, clock: Any) -> None:
    """It is never replaced silently: that would end all sessions. Nothing of it is quoted."""
    path = tmp_path / "signing-keys.json"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(InvalidKeyring, match="restore it from a backup") as invalid:
        Keyring(path, clock)
    assert "canary" not in str(invalid.value)
    assert path.read_bytes() == content


def test_a_file_of_public_keys_does_not_sign(keyring: Keyring, clock: Any) -> None:
    """The key set as published is not the file."""
    keyring._path.write_text(json.dumps(keyring.public()))
    with pytest.raises(InvalidKeyring):
        Keyring(keyring._path, clock)


def test_the_file_is_sealed_by_a_vault(tmp_path: Path, clock: Any) -> None:
    """Nothing of the key is on the disk in clear, and without the vault's key the start stops."""
    path = tmp_path / "signing-keys.json"
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    made = Keyring(path, clock, FernetVault([old]))
    assert b'"kty"' not in path.read_bytes()
    for vault in (None, FernetVault([new])):
        with pytest.raises(InvalidKeyring, match="secret key that sealed it"):
            Keyring(path, clock, vault)
    Keyring(path, clock, FernetVault([new, old])).reseal()
    assert Keyring(path, clock, FernetVault([new])).public() == made.public()


def test_a_file_in_clear_is_sealed_once_there_is_a_vault(keyring: Keyring, clock: Any) -> None:
    """The keys stay, and so do the sessions."""
    sealed = Keyring(keyring._path, clock, FernetVault([Fernet.generate_key().decode()]))
    assert sealed.public() == keyring.public()
    assert b'"kty"' not in keyring._path.read_bytes()
    assert keyring._path.stat().st_mode & 0o777 == 0o600


async def test_after_a_rotation_the_new_key_signs_and_both_verify(keyring: Keyring, issuer: Issuer, clock: Any) -> None:
    """Nobody is signed out; once the old key's tokens have ended the next rotation drops it."""
    verifier = Verifier(keyring, issuer="https://chorally.example", audience="chorally", clock=clock)

    def issue() -> str:
        return issuer.issue(subject="u", tenant="acme", name="", roles=(), generation=1).access_token

    old, first = issue(), keyring.signing.kid
    clock.advance(days=30)
    old = issue()
    second = keyring.rotate(keep=issuer.life)
    assert keyring.signing.kid == second != first
    assert [key["kid"] for key in keyring.public()["keys"]] == [first, second]
    for token in (old, issue()):
        assert (await verifier.verify(token)).subject == "u"
    assert Keyring(keyring._path, clock).signing.kid == second

    clock.advance(hours=2)
    third = keyring.rotate(keep=issuer.life)
    assert [key["kid"] for key in keyring.public()["keys"]] == [second, third]
    assert keyring.revision == 1
    assert await keyring.key(str(first)) is None


def test_all_keys_can_be_withdrawn_at_once(keyring: Keyring) -> None:
    """After a leak only the new key is left, on disk too."""
    new = keyring.rotate(keep=timedelta(0))
    assert [key["kid"] for key in keyring.public()["keys"]] == [new]
    assert [key["kid"] for key in json.loads(keyring._path.read_bytes())["keys"]] == [new]
