"""What every connector must do."""

from chorally_matrix import Matrix
from chorally_matrix.sandbox import Homeserver

from chorally_sdk.testing import ConnectorContract


class TestMatrix(ConnectorContract):
    connector = Matrix
    platform = Homeserver
