"""What every connector must do."""

from chorally_google_business import GoogleBusiness

from chorally_sdk.testing import ConnectorContract


class TestGoogleBusiness(ConnectorContract):
    connector = GoogleBusiness
