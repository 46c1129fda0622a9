"""The same account by Facebook Login: the kit again, but for consents, and those by tests of their own."""

import pytest
from chorally_instagram import Instagram
from chorally_instagram.sandbox import AccountOfPage

from chorally_sdk.testing import ConnectorContract


class TestByFacebook(ConnectorContract):
    connector = Instagram
    platform = AccountOfPage

    @pytest.fixture(autouse=True)
    def but_for_consents(self, request: pytest.FixtureRequest) -> None:
        """The manifest says the scopes of Instagram Login; what a person gives here are pages."""
        callspec = getattr(request.node, "callspec", None)
        if callspec is not None and callspec.params["check"].group == "auth":
            pytest.skip("consents by Facebook Login are tests of their own")
