"""When a safe call is repeated at once, and after how long."""

from datetime import timedelta

import tenacity

from chorally_sdk.errors import RateLimited, RetryLater

_LONGEST = timedelta(seconds=2)
_back_off = tenacity.wait_random_exponential(multiplier=0.2, max=_LONGEST)


def is_brief(error: BaseException) -> bool:
    """Whether a safe call may be repeated at once: a lost answer or a 5xx that asks for no long wait."""
    if not isinstance(error, RetryLater) or isinstance(error, RateLimited):
        return False
    return error.wait is None or error.wait <= _LONGEST


def pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds until the next attempt: a little longer each time, never less than what was asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, RetryLater) else None
    return max(_back_off(state), (asked or timedelta(0)).total_seconds())
