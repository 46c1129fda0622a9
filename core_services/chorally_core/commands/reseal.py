"""``chorally reseal``."""

import sys

from chorally_core.adapters.identity.keyring import InvalidKeyring
from chorally_core.bootstrap import InUse
from chorally_core.bootstrap.resealing import reseal
from chorally_core.ports.secrets import Unopenable
from chorally_core.serving import run
from chorally_core.settings import InvalidSettings, Settings


def reseal_folder(settings: Settings) -> str:
    """Seal the data folder anew; return what went wrong, or an empty text."""
    try:
        count = run(reseal(settings))
    except (InUse, InvalidKeyring, InvalidSettings, Unopenable) as error:
        return str(error)
    sys.stdout.write(f"{count} records are sealed under the first key; the others are not needed any more\n")
    return ""
