"""What connector authors test with: a host in miniature, builders, and the checks every connector inherits."""

from chorally_sdk.testing.contract import ConnectorContract
from chorally_sdk.testing.host import a_hook, connect, pulled

__all__ = ["ConnectorContract", "a_hook", "connect", "pulled"]
