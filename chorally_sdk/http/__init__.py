"""The HTTP client of connectors, and how answers are read."""

from chorally_sdk.http.auth import Bearer
from chorally_sdk.http.breaker import Breaker
from chorally_sdk.http.budgets import Budgets, Call, Lane, LocalBudgets, lane
from chorally_sdk.http.client import Http, visible_call
from chorally_sdk.http.dpop import DPoP
from chorally_sdk.http.faults import by_status
from chorally_sdk.http.metering import Meter
from chorally_sdk.http.quota import Usage, asked_wait, percents, quota_headers, retry_after

__all__ = [
    "Bearer", "Breaker", "Budgets", "Call", "DPoP", "Http", "Lane", "LocalBudgets", "Meter", "Usage", "asked_wait",
    "by_status", "lane", "percents", "quota_headers", "retry_after", "visible_call",
]  # fmt: skip
