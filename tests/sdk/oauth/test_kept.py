"""When a grant is renewed, and when a person is asked for another one."""

from datetime import timedelta

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.oauth.kept import WARNED, Kept
from chorally_sdk.testing.host import NOW

ENDS = NOW + timedelta(days=60)


def test_a_consent_that_ends_with_its_token_is_used_to_its_end_and_told_of_in_time() -> None:
    """Renewed early it would be refused, and the account disconnected days before its token ends."""
    grant = sdk.Grant(access=SecretStr("a"), expires_at=ENDS, refresh_expires_at=ENDS)
    kept = Kept(grant=grant, generation=1, stored_at=NOW)

    assert [kept.due_at(jitter) for jitter in (0.0, 1.0)] == [ENDS, ENDS]
    assert kept.warns_at() == ENDS - WARNED


def test_a_token_that_something_renews_is_renewed_early() -> None:
    """By its refresh token, or without one by whatever its platform has instead."""
    by_token = sdk.Grant(access=SecretStr("a"), refresh=SecretStr("r"), expires_at=ENDS, refresh_expires_at=ENDS)
    otherwise = sdk.Grant(access=SecretStr("a"), expires_at=ENDS)

    for grant in (by_token, otherwise):
        assert Kept(grant=grant, generation=1, stored_at=NOW).due_at(0.0) == ENDS - timedelta(days=6)
