"""{{ cookiecutter.title }} for Chorally."""

import chorally_sdk as sdk

from {{ cookiecutter.__package }}.connector import {{ cookiecutter.__class }}

__all__ = ["{{ cookiecutter.__class }}", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return {{ cookiecutter.__class }}
