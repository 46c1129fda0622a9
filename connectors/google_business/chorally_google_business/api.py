"""Where Google's services are, and how their answers are read."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

import chorally_sdk as sdk

REVIEWS = "mybusiness.googleapis.com"
ACCOUNTS = "mybusinessaccountmanagement.googleapis.com"
LOCATIONS = "mybusinessbusinessinformation.googleapis.com"
NOTIFICATIONS = "mybusinessnotifications.googleapis.com"
OAUTH = "oauth2.googleapis.com"
CONSENT_URL = "https://accounts.google.com/o/oauth2/v2/auth"
CERTS_URL = "https://www.googleapis.com/oauth2/v3/certs"
"""Google's keys, by which the tokens of push subscriptions are signed."""

T = TypeVar("T", bound=BaseModel)


def at(http: sdk.Http, service: str, path: str) -> str:
    """Return the URL of a service's path; where the base URL is not Google's, as a sandbox's, all are there."""
    return f"https://{service}{path}" if http.hosts.is_base(REVIEWS, 443) else path


def read(shape: type[T], raw: bytes, what: str) -> T:
    """Return JSON in its documented shape.

    Raises:
        Malformed: It is not; the message names the first field that is wrong, and quotes nothing.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise _malformed(error, what, raw) from error


def understood(shape: type[T], value: object, what: str, raw: bytes) -> T:
    """Return a part of read JSON in its documented shape; ``raw`` is what it came in.

    Raises:
        Malformed: It is not.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise _malformed(error, what, raw) from error


def _malformed(error: ValidationError, what: str, raw: bytes) -> sdk.Malformed:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the whole"
    return sdk.Malformed(f"{what}: {place}: {first['msg']}", raw)
