"""``chorally objects``."""

import sys
from pathlib import Path

from chorally_core.bootstrap import InUse
from chorally_core.bootstrap.back_ends import Unreachable
from chorally_core.bootstrap.copying import copy_objects
from chorally_core.ports.objects import Unavailable
from chorally_core.ports.schemas import NotMigrated, TooNew
from chorally_core.serving import run
from chorally_core.settings import InvalidSettings, Settings, objects_folder


def copy_from(settings: Settings, source: Path) -> str:
    """Copy the objects of a folder to where they are now; return what went wrong, or an empty text."""
    folder = objects_folder(settings)
    if folder is not None and folder.resolve() == source.resolve():
        return f"CHORALLY_OBJECTS names no other place than {source}; set it to where the objects shall be"
    if not source.is_dir():
        return f"there is no folder {source}; name the one in which the objects were"
    try:
        done = run(copy_objects(settings, source))
    except (InUse, InvalidSettings, NotMigrated, TooNew, Unreachable) as error:
        return str(error)
    except Unavailable as error:
        return f"{error}; what was copied stays, run it again"
    sys.stdout.write(f"{done.copied} objects are copied, {done.there} were there already\n")
    if done.lost:
        return f"{len(done.lost)} objects are in neither place, such as {', '.join(done.lost[:3])}"
    return ""
