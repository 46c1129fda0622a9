"""The HTTP client of connectors, and how answers are read."""

from chorally_sdk.http.auth import Bearer
from chorally_sdk.http.client import Http, visible_call
from chorally_sdk.http.faults import by_status
from chorally_sdk.http.quota import Usage, asked_wait, percents, quota_headers, retry_after

__all__ = [
    "Bearer", "Http", "Usage", "asked_wait", "by_status", "percents", "quota_headers", "retry_after", "visible_call",
]  # fmt: skip
