"""The command ``chorally-connector``, for those who write connectors; it needs ``chorally-sdk[dev]``."""

import sys


def main() -> None:
    """Run the command."""
    try:
        import typer  # noqa: F401 - whether it is there
    except ImportError:
        sys.exit("chorally-connector needs more than the SDK alone: pip install 'chorally-sdk[dev]'")
    from chorally_sdk.cli.app import app

    app()
