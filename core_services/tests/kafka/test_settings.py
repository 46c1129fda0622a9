"""The URL of a Kafka bus: read in full, refused in full, silent about secrets."""

from pathlib import Path

import pytest
from chorally_core.adapters.kafka import InvalidBus, KafkaSettings, parse
from hypothesis import given
from hypothesis import strategies as st

SECRET = "s3cret-p4ss"


def mistakes_of(url: str) -> list[str]:
    """Return what is wrong with a URL."""
    with pytest.raises(InvalidBus) as refused:
        parse(url)
    return list(refused.value.mistakes)


def test_a_full_url_is_read_in_every_part(tmp_path: Path) -> None:
    """Servers, user, TLS and what topics are made with all come from one setting."""
    ca = tmp_path / "ca.pem"
    ca.write_text("x")
    found = parse(
        f"kafka://ann:p%40ss%2Fword@one:9093,[::1],three/?sasl=PLAIN&tls=true&ca_file={ca}&partitions=24&replication=2"
        "&retention_hours=0.5&compression=none&prefix=acme.&session_s=20"
    )
    assert found.password.get_secret_value() == "p@ss/word"
    assert found == KafkaSettings(
        servers=("one:9093", "[::1]:9092", "three:9092"),
        user="ann",
        password=found.password,
        sasl="PLAIN",
        tls=True,
        ca_file=ca,
        partitions=24,
        replication=2,
        retention_hours=0.5,
        compression="none",
        prefix="acme.",
        session_s=20,
    )


def test_a_short_url_leaves_the_defaults() -> None:
    """One server is enough."""
    assert parse("kafka://kafka") == KafkaSettings(servers=("kafka:9092",))


def test_a_user_without_a_mechanism_is_authenticated_by_scram() -> None:
    """The password itself is not sent unless that is asked for."""
    assert parse("kafka://ann:x@kafka/").sasl == "SCRAM-SHA-256"


def test_all_mistakes_are_told_at_once() -> None:
    """An operator corrects the setting once."""
    url = (
        "http://ann@one:99999,two words/topics?sasl=NTLM&tls=yes&ca_file=/nowhere/ca.pem&partitions=0&replication=x"
        "&retention_hours=-1&compression=rar&prefix=a b&session_s=0&partition=3&tls=true#here"
    )
    found = "\n".join(mistakes_of(url))
    for told in (
        "must begin with kafka://", "port of server 1 must be from 1 to 65535", "server 2 is not of the form",
        "nothing to be named between", "a user needs a password", "sasl must be one of SCRAM-SHA-256, SCRAM-SHA-512",
        "tls must be true or false", "ca_file must be the path", "partitions must be a whole number from 1 to 1000",
        "replication must be a whole number from 1 to 9", "retention_hours must be a number from",
        "compression must be one of lz4", "prefix must be at most 100 letters", "session_s must be a number from",
        "there is no option 'partition'; there are sasl, tls,", "tls is given twice", "no # in the URL",
    ):  # fmt: skip
        assert told in found


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("kafka://kafka/?sasl=PLAIN", "sasl needs a user"),
        ("kafka://ann:x@kafka/?ca_file=/etc/hosts", "ca_file needs tls=true"),
        ("kafka://ann:x@kafka/?tls=false&ca_file=/etc/hosts", "ca_file needs tls=true"),
        ("kafka://", "server 1 is not of the form"),
        ("kafka://one,,two/", "server 2 is not of the form"),
        ("kafka://kafka:0/", "from 1 to 65535"),
        ("kafka://:x@kafka/", "a user needs a password"),
    ],
)
def test_what_does_not_go_together_is_told(url: str, told: str) -> None:
    """Each option may be right and the whole wrong."""
    assert told in "\n".join(mistakes_of(url))


@pytest.mark.parametrize("mark", ["/", "@", ":", "?", "#", "[", "%", "/x@", "?a=", "#@"])
def test_a_password_that_is_not_escaped_is_refused_without_being_shown(mark: str) -> None:
    """Whatever part of the URL it falls into, none of it is in the message; the message says how to write it."""
    told = "\n".join(mistakes_of(f"kafka://ann:{SECRET[:5]}{mark}{SECRET[5:]}@kafka:9092/?partitions=3"))
    assert SECRET[:5] not in told
    assert SECRET[5:] not in told
    assert "escaped" in told or "IPv6" in told


def test_settings_do_not_show_the_password() -> None:
    """They may be logged."""
    found = parse(f"kafka://ann:{SECRET}@kafka/")
    assert SECRET not in repr(found) + str(found)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Nothing else is ever raised."""
    for url in (text, f"kafka://{text}", f"kafka://kafka/?{text}"):
        try:
            found = parse(url)
        except InvalidBus:
            continue
        assert found.servers
