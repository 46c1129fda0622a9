"""What every connector must do."""

from chorally_facebook import Facebook
from chorally_facebook.sandbox.levers import Page

from chorally_sdk.testing import ConnectorContract


class TestFacebook(ConnectorContract):
    connector = Facebook
    platform = Page
