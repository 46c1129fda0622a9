"""What any object store, coordination and vault do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from chorally_core.ports.secrets import Unopenable

from tests.contract.conftest import Monotonic


async def test_objects_come_back_as_they_were(objects: Any) -> None:
    """Bytes of any kind, under any name; the same name again replaces."""
    body = bytes(range(256)) * 5000
    await objects.put("acme", "../../etc/passwd", body)
    assert await objects.get("acme", "../../etc/passwd") == body
    await objects.put("acme", "../../etc/passwd", b"new")
    assert await objects.get("acme", "../../etc/passwd") == b"new"


async def test_objects_of_tenants_are_apart(objects: Any) -> None:
    """The same name of another tenant is another object (G7)."""
    await objects.put("acme", "logo", b"1")
    with pytest.raises(LookupError):
        await objects.get("other", "logo")


async def test_a_removed_object_is_gone_and_may_be_removed_again(objects: Any) -> None:
    """Removing twice is no error; reading what is not there is."""
    await objects.put("acme", "logo", b"1")
    await objects.delete("acme", "logo")
    await objects.delete("acme", "logo")
    with pytest.raises(LookupError, match="logo"):
        await objects.get("acme", "logo")


async def _in_pieces(*pieces: bytes, then: Exception | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if then is not None:
        raise then


async def test_an_object_is_kept_and_read_in_pieces(objects: Any) -> None:
    """However large it is; the same name again replaces it as a whole."""
    await objects.put("acme", "files/film", b"old")
    parts = [bytes([number]) * 100_000 for number in range(7)]
    await objects.keep("acme", "files/film", _in_pieces(*parts))
    read = [piece async for piece in objects.pieces("acme", "files/film")]
    assert b"".join(read) == b"".join(parts)
    assert len(read) > 1
    assert await objects.get("acme", "files/film") == b"".join(parts)


async def test_of_an_object_that_breaks_off_nothing_is_kept(objects: Any) -> None:
    """What was there before stays, and the reason is told."""
    with pytest.raises(OSError, match="left"):
        await objects.keep("acme", "files/film", _in_pieces(b"half", then=OSError("left")))
    with pytest.raises(LookupError):
        await objects.get("acme", "files/film")
    await objects.put("acme", "files/film", b"old")
    with pytest.raises(OSError, match="left"):
        await objects.keep("acme", "files/film", _in_pieces(b"half", then=OSError("left")))
    assert await objects.get("acme", "files/film") == b"old"


async def test_what_is_not_there_has_no_pieces(objects: Any) -> None:
    """The reason comes before any piece."""
    with pytest.raises(LookupError, match="film"):
        await anext(objects.pieces("acme", "files/film"))


async def test_notes_last_as_long_as_they_are_said_to(coordination: Any, monotonic: Monotonic) -> None:
    """A note is seen until it ends, is replaced by its name, and can be taken back."""
    await coordination.note("place", "ada", "viewing", 60)
    await coordination.note("place", "bob", "viewing", 30)
    await coordination.note("place", "bob", "answering", 30)
    assert await coordination.notes("place") == {"ada": "viewing", "bob": "answering"}
    monotonic.at += 31
    assert await coordination.notes("place") == {"ada": "viewing"}
    await coordination.note("place", "ada", "", 60)
    assert await coordination.notes("place") == {}
    assert await coordination.notes("elsewhere") == {}


async def test_notes_and_rates_take_any_characters(coordination: Any) -> None:
    """Places, names, values and rates come back as they were, and no two are mixed up."""
    odd = "\0\n\r\n $1 {a}:b*?[c] \ud800 😀 ''\""
    await coordination.note(odd, odd, odd, 60)
    await coordination.note(f"{odd}:", "", " ", 60)
    assert await coordination.notes(odd) == {odd: odd}
    assert await coordination.notes(f"{odd}:") == {"": " "}
    assert (await coordination.take(odd, limit=1, per_s=60)).granted
    assert (await coordination.take(f"{odd}:", limit=1, per_s=60)).granted
    assert not (await coordination.take(odd, limit=1, per_s=60)).granted


async def test_what_is_above_the_limit_is_refused_and_costs_nothing(coordination: Any) -> None:
    """All or nothing: what is left stays for others."""
    assert not (await coordination.take("r", limit=5, per_s=60, amount=6)).granted
    assert (await coordination.take("r", limit=5, per_s=60, amount=3)).granted
    assert not (await coordination.take("r", limit=5, per_s=60, amount=3)).granted
    assert (await coordination.take("r", limit=5, per_s=60, amount=2)).granted


async def test_a_rate_gives_its_limit_and_refills_evenly(coordination: Any, monotonic: Monotonic) -> None:
    """Ten a minute: ten at once, the eleventh after six seconds, and the wait is told."""
    taken = [await coordination.take("r", limit=10, per_s=60) for _ in range(11)]
    assert [t.granted for t in taken] == [True] * 10 + [False]
    assert taken[-1].wait_s == pytest.approx(6.0)
    monotonic.at += 6.01
    assert (await coordination.take("r", limit=10, per_s=60)).granted
    assert not (await coordination.take("r", limit=10, per_s=60)).granted
    assert (await coordination.take("other", limit=10, per_s=60)).granted


def test_a_sealed_value_says_nothing_and_opens_again(vault: Any) -> None:
    """What is sealed is unreadable, opens as it was, and not when it was touched."""
    sealed = vault.seal({"token": "canary-secret"})
    assert "canary" not in sealed
    assert vault.open(sealed) == {"token": "canary-secret"}
    with pytest.raises(Unopenable):
        vault.open(sealed[:-4] + "AAA=")


def test_keys_can_be_rotated() -> None:
    """What an old key sealed opens while that key is kept, and is sealed anew under the first one."""
    from chorally_core.adapters.local import FernetVault
    from cryptography.fernet import Fernet

    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    sealed = FernetVault([old]).seal("x")
    both = FernetVault([new, old])
    assert both.open(sealed) == "x"
    assert FernetVault([new]).open(both.reseal(sealed)) == "x"
    with pytest.raises(Unopenable):
        FernetVault([new]).open(sealed)


async def test_a_place_that_is_woken_wakes_all_who_listen_there(coordination: Any) -> None:
    """Each is called, whoever listens elsewhere is not; whoever has ended it is not called any more."""
    heard: list[str] = []
    end = coordination.listen("jobs", lambda: heard.append("ada"))
    coordination.listen("jobs", lambda: heard.append("bob"))
    coordination.listen("jobs\0{a}:*", lambda: heard.append("elsewhere"))
    await coordination.wake("jobs")
    assert sorted(heard) == ["ada", "bob"]
    end()
    end()
    await coordination.wake("jobs")
    await coordination.wake("nobody listens here")
    assert sorted(heard) == ["ada", "bob", "bob"]


async def test_a_listener_that_fails_disturbs_no_other(coordination: Any) -> None:
    """Nor whoever woke them."""
    heard: list[str] = []

    def fails() -> None:
        raise RuntimeError("not today")

    coordination.listen("jobs", fails)
    coordination.listen("jobs", lambda: heard.append("bob"))
    await coordination.wake("jobs")
    assert heard == ["bob"]


async def test_a_listener_may_end_it_while_it_is_called(coordination: Any) -> None:
    """And another may begin: it is called from the next time on."""
    heard: list[str] = []

    def once() -> None:
        heard.append("once")
        end()
        coordination.listen("jobs", lambda: heard.append("after"))

    end = coordination.listen("jobs", once)
    await coordination.wake("jobs")
    assert heard == ["once"]
    await coordination.wake("jobs")
    assert heard == ["once", "after"]
