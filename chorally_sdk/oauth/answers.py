"""What a token endpoint gives: read as platforms really write it, and completed from the grant before."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from pydantic import SecretStr

from chorally_sdk.errors import Malformed
from chorally_sdk.model.accounts import Grant

REFRESH_LIVES = ("refresh_token_expires_in", "refresh_expires_in")
"""What platforms call the seconds that a refresh token lives; no standard names it."""

LONGEST_LIFE = timedelta(days=3650)
"""A life beyond this is taken as this, so that nonsense makes no date that cannot be written."""


def grant_of(said: Mapping[str, Any], now: datetime, *, asked: Collection[str] = ()) -> Grant:
    """Return the grant of a token endpoint's answer.

    Args:
        said: The answer's object.
        now: When the request began.
        asked: Scopes that were asked for; they hold where the answer names none (RFC 6749, section 5.1).

    Raises:
        Malformed: There is no access token in it. The answer itself is not kept: it may hold the other one.
    """
    access = said.get("access_token")
    if not isinstance(access, str) or not access.strip():
        raise Malformed("the platform's token endpoint gave no access token")
    refresh = said.get("refresh_token")
    life = life_of(said.get("expires_in"))
    lives = (life_of(said.get(name)) for name in REFRESH_LIVES)
    refresh_life = next((each for each in lives if each is not None), None)
    return Grant(
        access=SecretStr(access),
        refresh=SecretStr(refresh) if isinstance(refresh, str) and refresh else None,
        expires_at=now + life if life else None,
        refresh_expires_at=now + refresh_life if refresh_life else None,
        scopes=scopes_of(said.get("scope")) or frozenset(asked),
    )


def life_of(value: Any) -> timedelta | None:
    """Return how long a token lives, from a number or a text of one; None where that is not said."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if not isfinite(seconds) or seconds <= 0:
        return None
    return min(timedelta(seconds=min(seconds, LONGEST_LIFE.total_seconds())), LONGEST_LIFE)


def scopes_of(value: Any) -> frozenset[str]:
    """Return scopes from a list, or from a text with spaces or commas between them."""
    if isinstance(value, str):
        return frozenset(value.replace(",", " ").split())
    if isinstance(value, list | tuple | set | frozenset):
        return frozenset(each for each in value if isinstance(each, str) and each)
    return frozenset()


def carried(before: Grant | None, after: Grant) -> Grant:
    """Return a renewed grant with what its answer left out: the refresh token, the scopes, the place and the keys."""
    if before is None:
        return after
    is_rotated = after.refresh is not None and after.refresh != before.refresh
    kept_until = None if is_rotated else before.refresh_expires_at  # of another refresh token nothing is known
    return after.model_copy(
        update={
            "refresh": after.refresh or before.refresh,
            "refresh_expires_at": after.refresh_expires_at or kept_until,
            "scopes": after.scopes or before.scopes,
            "base_url": after.base_url or before.base_url,
            "keep": {**before.keep, **after.keep},
        }
    )
