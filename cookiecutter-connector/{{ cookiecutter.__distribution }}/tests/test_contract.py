"""What must hold for any connector."""

from chorally_sdk.testing import ConnectorContract

from {{ cookiecutter.__package }} import {{ cookiecutter.__class }}


class Test{{ cookiecutter.__class }}(ConnectorContract):
    """The checks of the kit, on the connector's own sandbox."""

    connector = {{ cookiecutter.__class }}
