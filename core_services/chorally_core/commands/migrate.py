"""``chorally migrate``."""

import sys

from chorally_core import logs
from chorally_core.bootstrap.migrating import migrate
from chorally_core.ports.schemas import CannotMigrate, InvalidKind, TooNew
from chorally_core.serving import run
from chorally_core.settings import InvalidSettings, Settings


class Lacking(Exception):
    """The check found something missing, which was told."""


def migrate_back_ends(settings: Settings, *, only_check: bool) -> str:
    """Make the back ends ready and say what was done; return what went wrong, or an empty text.

    Raises:
        Lacking: With ``only_check``, something is missing.
    """
    logs.configure("WARNING", settings.log_format)
    try:
        shared, told = run(migrate(settings, only_check=only_check))
    except (CannotMigrate, InvalidKind, InvalidSettings, TooNew) as error:
        return str(error)
    except Exception as error:  # whatever a driver raises when its servers are away
        return f"a back end cannot be used now: {type(error).__name__}: {error}"
    if not shared:
        told = ["CHORALLY_DOCUMENTS and CHORALLY_BUS are not set; a data folder is brought up to date at start"]
    sys.stdout.write("\n".join(told or ["nothing is missing" if only_check else "nothing was to do"]) + "\n")
    if shared and told and only_check:
        raise Lacking
    return ""
