"""Adapters that need nothing but this process and a folder."""

from chorally_core.adapters.local.coordination import InProcess
from chorally_core.adapters.local.folder import Folder
from chorally_core.adapters.local.vault import FernetVault, key_file

__all__ = ["FernetVault", "Folder", "InProcess", "key_file"]
