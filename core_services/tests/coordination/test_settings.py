"""The URL of Redis: what it may hold, and what is said of one that cannot be used."""

from pathlib import Path

import pytest
from chorally_core.adapters.redis import InvalidCoordination, RedisSettings, parse
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr


def mistakes(url: str) -> tuple[str, ...]:
    """What is said of a URL."""
    with pytest.raises(InvalidCoordination) as caught:
        parse(url)
    return caught.value.mistakes


def test_a_bare_url_is_enough() -> None:
    """All else has a default."""
    assert parse("redis://cache.example") == RedisSettings(servers=(("cache.example", 6379),))


def test_everything_can_be_said_at_once(tmp_path: Path) -> None:
    """A user, TLS, a database and all options."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("a certificate")
    found = parse(
        f"rediss://chorally:p%40ss%2F@[::1]:7000/3?prefix=eu-1&workers=4&start=wait&timeout_ms=80.5&ca_file={ca_file}"
    )
    assert found == RedisSettings(
        servers=(("::1", 7000),),
        database=3,
        user="chorally",
        password=SecretStr("p@ss/"),
        tls=True,
        ca_file=ca_file,
        prefix="eu-1",
        workers=4,
        start="wait",
        timeout_ms=80.5,
    )


def test_sentinels_are_named_with_their_master() -> None:
    """Their password, if they ask for one, is their own; a plus in it is a plus."""
    found = parse("redis+sentinel://:pw@a:1,b/main-1/2?sentinel_user=s&sentinel_password=x+%26y")
    assert found == RedisSettings(
        servers=(("a", 1), ("b", 26379)),
        master="main-1",
        database=2,
        password=SecretStr("pw"),
        sentinel_user="s",
        sentinel_password=SecretStr("x+&y"),
    )
    assert parse("rediss+sentinel://a/main").tls


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("kafka://a", "must begin with one of redis://"),
        ("redis://", "server 1 is not of the form"),
        ("redis://a:0", "port of server 1 must be from 1"),
        ("redis://a,b", "several are Sentinels"),
        ("redis://[a", "brackets"),
        ("redis://user@a", "user:password"),
        ("redis://a/x", "number of a database"),
        ("redis://a/0#x", "no #"),
        ("redis://:a%zz@a", "two hexadecimal digits"),
        ("redis+sentinel://a", "/master-name"),
        ("redis+sentinel://a/main/x", "/master-name"),
        ("redis://a?colour=red", "option 1 is unknown; there are prefix"),
        ("redis://a?workers=1&workers=2", "workers is given twice"),
        ("redis://a?workers=0", "workers must be a whole number from 1"),
        ("redis://a?timeout_ms=nan", "timeout_ms must be a number from 10"),
        ("redis://a?start=now", "start must be wait or lazy"),
        ("redis://a?prefix=a:b", "prefix must be 1 to 64"),
        ("redis://a?ca_file=/nowhere/at/all", "ca_file must be the path"),
        ("redis://a?ca_file=/etc/passwd", "ca_file needs rediss://"),
        ("redis://a?sentinel_password=x", "need redis+sentinel://"),
        ("redis+sentinel://a/m?sentinel_user=x", "sentinel_user needs sentinel_password"),
    ],
)
def test_each_mistake_is_told(url: str, said: str) -> None:
    """With what would be right."""
    assert any(said in mistake for mistake in mistakes(url)), mistakes(url)


def test_all_mistakes_are_told_at_once() -> None:
    """One round of corrections is enough."""
    assert len(mistakes("http://a:99999,b/x?workers=none&start=&colour=red#end")) == 8


SECRET = st.text("abcXYZ019+/@:?#%&=,;[] é", min_size=1).map(lambda text: f"canary{text}canary")


@given(SECRET, st.sampled_from(["redis://user:{}@a:1/0", "redis+sentinel://:{}@a:1,b/m", "redis://a/0?{}", "{}"]))
def test_no_message_shows_a_secret(secret: str, url: str) -> None:
    """Also of a password whose characters were not escaped, wherever its parts came to lie."""
    shown = ""
    try:
        shown = repr(parse(url.format(secret)))
    except InvalidCoordination as error:
        shown = f"{error!r} {error}"
    assert "canary" not in shown
