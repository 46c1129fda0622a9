"""What a connector's errors are as problems: each says what happens next, so each has one answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

import structlog

import chorally_sdk as sdk
from chorally_core.api.problem import Problem
from chorally_core.services.io.fitting import Unfit

log = structlog.get_logger(__name__)

_WAIT_S = 10  # seconds to wait where the platform says nothing


@contextmanager
def told() -> Iterator[None]:
    """Turn what a connector raises, and settings that do not fit, into problems."""
    try:
        yield
    except Unfit as error:
        errors = [{"field": f"/body{field}", "message": why} for field, why in error.errors]
        why = "settings or credentials do not fit; see errors"
        raise Problem(422, why, code="invalid", errors=errors) from None
    except sdk.ConnectorError as error:
        raise problem_of(error) from error


def problem_of(error: sdk.ConnectorError) -> Problem:
    """Return the problem that a connector's error is."""
    why = str(error)
    match error:
        case sdk.Reauthorize():
            return Problem(422, why, code="reauthorization-required")
        case sdk.RetryLater(wait=wait):
            seconds = _WAIT_S if wait is None else max(1, ceil(wait.total_seconds()))
            code = "platform-rate-limited" if isinstance(error, sdk.RateLimited) else "platform-unavailable"
            return Problem(503, why, code=code, headers={"Retry-After": str(seconds)})
        case sdk.Rejected():
            return Problem(422, why, code="platform-refused")
        case sdk.Unsupported():
            return Problem(422, why, code="unsupported")
    log.warning("platform answered what its documentation forbids", error=why)
    return Problem(503, why, code="platform-malformed", headers={"Retry-After": str(_WAIT_S)})
