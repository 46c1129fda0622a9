"""``python -m chorally_sdk.cli`` is ``chorally-connector``."""

from chorally_sdk.cli import main

main()
