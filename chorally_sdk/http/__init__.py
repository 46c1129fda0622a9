"""The HTTP client of connectors, and how answers are read."""

from chorally_sdk.http.auth import Bearer
from chorally_sdk.http.client import Http, visible_call
from chorally_sdk.http.faults import Usage, by_status, quota_headers, retry_after

__all__ = ["Bearer", "Http", "Usage", "by_status", "quota_headers", "retry_after", "visible_call"]
