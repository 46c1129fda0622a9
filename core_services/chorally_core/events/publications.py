"""What posts of our own tell among themselves."""

from datetime import datetime
from typing import Any

from chorally_core.events.event import Data
from chorally_core.events.records import Attached


class PublicationTarget(Data, frozen=True, kw_only=True):
    """One account and channel that a post goes to."""

    account_id: str
    platform: str
    channel: str
    body: str
    attachments: tuple[Attached, ...] = ()
    options: dict[str, Any] = {}


class PublicationAdd(Data, frozen=True, kw_only=True):
    """The time of an occurrence of a series has come: publish it, as it was approved with the series."""

    id: str
    series_id: str
    occurrence: str
    """Its time by the clock of the series' time zone."""
    publish_at: datetime
    time_zone: str
    targets: tuple[PublicationTarget, ...]
    title: str = ""
    labels: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    created_by: str = ""
