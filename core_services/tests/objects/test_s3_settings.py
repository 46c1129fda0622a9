"""The URL of a place on S3 is read strictly, and never shown with what is secret."""

import pytest
from chorally_core.adapters.s3.settings import InvalidObjects, parse

SERVER = "s3://key:a%2Fsecret%2Bx@s3.example:9000/acme-prod?region=eu-south-1&iam=https://iam.example:9001"


def test_a_server_is_named_with_everything_that_is_needed() -> None:
    """Path style, TLS, and users made by its IAM API."""
    found = parse(SERVER)
    assert (found.endpoint, found.region, found.prefix) == ("https://s3.example:9000", "eu-south-1", "acme-prod")
    assert (found.key, found.secret.get_secret_value()) == ("key", "a/secret+x")
    assert (found.iam, found.has_users, found.addressing) == ("https://iam.example:9001", True, "path")
    assert "a/secret" not in repr(found)
    assert parse(f"{SERVER}&tls=no").endpoint == "http://s3.example:9000"
    assert parse(f"{SERVER}&public=https://files.example").public == "https://files.example"


def test_aws_needs_its_region_only() -> None:
    """Its endpoints follow from that; credentials may be those that boto3 finds."""
    found = parse("s3://aws/acme?region=eu-south-1")
    assert (found.endpoint, found.iam, found.has_users, found.addressing) == (None, None, True, "virtual")
    assert (found.key, found.secret.get_secret_value()) == ("", "")


def test_a_server_without_users_says_so() -> None:
    """It is not taken by mistake: each tenant still has a bucket of its own, opened by the same credentials."""
    assert not parse("s3://k:s@r2.example/acme?region=auto&iam=none").has_users


@pytest.mark.parametrize(
    ("url", "mistakes"),
    [
        ("s3://k:s@h/acme", ["iam is missing"]),
        ("s3://k:s@aws/acme", ["region is missing"]),
        ("s3://k:s@/acme?iam=none", ["a host is missing"]),
        ("s3://k@h/acme?iam=none", ["KEY:SECRET"]),
        ("s3://k:s@h/?iam=none", ["prefix"]),
        ("s3://k:s@h/Acme_1?iam=none", ["prefix"]),
        ("s3://k:s@h/a/b?iam=none", ["prefix"]),
        ("s3://k:canary/more@h/acme?iam=none", ["to be escaped"]),
        ("s3://k:s@h:x/acme?iam=none", ["cannot be read"]),
        ("s3://k:s@h/acme?iam=none#x", ["no #"]),
        ("s3://k:s@h/acme?iam=nowhere&canary=1&region=A&tls=perhaps&public=x&addressing=odd",
         ["iam must", "option 2 is unknown", "region must", "tls must", "public must", "addressing must"]),
        ("s3://k:s@h/acme?iam=none&iam=none", ["iam is given twice"]),
    ],
)  # fmt: skip
def test_every_mistake_is_told_and_no_secret(url: str, mistakes: list[str]) -> None:
    """All at once."""
    with pytest.raises(InvalidObjects) as told:
        parse(url)
    for mistake in mistakes:
        assert mistake in str(told.value)
    assert "canary" not in str(told.value)
