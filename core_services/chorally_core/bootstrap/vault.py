"""The vault, by the settings."""

from chorally_core.adapters.local import FernetVault, key_file
from chorally_core.settings import InvalidSettings, Settings


def open_vault(settings: Settings) -> FernetVault:
    """Return the vault with the keys of the settings, or of the data folder.

    Raises:
        InvalidSettings: A key cannot be used.
    """
    keys = [key.get_secret_value() for key in settings.secret_keys]
    if not keys:
        try:
            return FernetVault(key_file(settings.data / "secret-keys"))
        except ValueError as error:
            raise InvalidSettings(str(error)) from None
    try:
        return FernetVault(keys)
    except ValueError:
        raise InvalidSettings("CHORALLY_SECRET_KEYS: each key must be 32 bytes in URL-safe base64") from None
