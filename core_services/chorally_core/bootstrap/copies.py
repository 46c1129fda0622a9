"""What reads files that people send, by the settings."""

import shutil
from collections.abc import Callable
from datetime import datetime
from functools import partial

from chorally_core.ports.ledger import Ledger
from chorally_core.ports.objects import Objects
from chorally_core.services.io.downloading import Downloading
from chorally_core.services.io.service import IoService
from chorally_core.settings import Settings, days, objects_folder

MIB = 1024 * 1024


def downloading(
    settings: Settings, ledger: Ledger, objects: Objects, io: IoService, *, now: Callable[[], datetime]
) -> Downloading:
    """Return what reads files that people send, and keeps copies."""
    return Downloading(
        ledger, io.directory, objects, now=now, copies=settings.attachments,
        most_bytes=settings.attachment_mib * MIB, keeps=partial(days, settings, what="attachments"),
        has_room=partial(has_room, settings), piece_s=settings.call_s,
    )  # fmt: skip


def has_room(settings: Settings) -> bool:
    """Whether the file system of the objects has more free than is to be left; S3 always has."""
    folder = objects_folder(settings)
    if folder is None:
        return True
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(there).free > settings.disk_reserve_mib * MIB
