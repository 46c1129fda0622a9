"""The URL of OpenSearch: what it may hold, and what is said of one that cannot be used."""

from pathlib import Path

import pytest
from chorally_core.adapters.opensearch import OpenSearchSettings, parse
from chorally_core.bootstrap.back_ends import BackEnds
from chorally_core.settings import Settings
from pydantic import SecretStr


def mistakes(url: str) -> str:
    """What is said of a URL."""
    with pytest.raises(ValueError) as caught:
        parse(url)
    return str(caught.value)


def test_a_bare_url_is_enough() -> None:
    """All else has a default."""
    assert parse("opensearch://search.example") == OpenSearchSettings(servers=(("search.example", 9200),))


def test_everything_can_be_said_at_once(tmp_path: Path) -> None:
    """Servers, a user, TLS and all options."""
    ca = tmp_path / "ca.pem"
    ca.write_text("a certificate")
    url = f"opensearchs://chorally:p%40ss%2F@[::1]:7000,b/?prefix=eu_1&shards=3&replicas=2&refresh=now&timeout_s=2.5&ca={ca}"
    assert parse(url) == OpenSearchSettings(
        servers=(("::1", 7000), ("b", 9200)), user="chorally", password=SecretStr("p@ss/"), tls=True, ca=ca,
        prefix="eu_1", shards=3, replicas=2, refresh="now", timeout_s=2.5,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://a", "must begin"), ("opensearch://a:0", "port"), ("opensearch://a/x", "only be /"),
     ("opensearch://user@a", "user:password"), ("opensearch://a/?colour=red", "unknown"),
     ("opensearch://a/?prefix=A-b", "prefix must be"), ("opensearch://a/?shards=0", "shards must be"),
     ("opensearch://a/?ca=/nowhere", "ca must be"), ("opensearch://a/?prefix=a&prefix=b", "twice"),
     ("opensearch://u:canary%zz@a", "hexadecimal"), ("opensearch://u:can@ry@a", "escaped"),
     ("opensearch://[a", "brackets")],
)  # fmt: skip
def test_what_is_wrong_is_said_and_never_the_secret(url: str, said: str) -> None:
    """With what to write instead."""
    found = mistakes(url)
    assert said in found
    assert "can" not in found.replace("cannot", "")


def test_several_mistakes_are_told_at_once() -> None:
    """With the name of the setting, at the start of a process."""
    back_ends = BackEnds(Settings(search=SecretStr("opensearch://u:canary@a:0/?shards=x")))
    assert len(back_ends.mistakes) == 1
    assert back_ends.mistakes[0].startswith("CHORALLY_SEARCH: ")
    assert "port" in back_ends.mistakes[0]
    assert "shards" in back_ends.mistakes[0]
    assert "canary" not in repr(back_ends.mistakes)
