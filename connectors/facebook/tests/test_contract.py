from chorally_facebook import Facebook

from chorally_sdk.testing import ConnectorContract


class TestFacebook(ConnectorContract):
    connector = Facebook
