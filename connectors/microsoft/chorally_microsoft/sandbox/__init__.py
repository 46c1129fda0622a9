"""Microsoft in memory: a mailbox of Outlook over Graph, and a bot in Teams over the Bot Framework.

``chorally-connector sandbox microsoft`` serves it to people; the conformance kit pulls its levers.
"""

from chorally_microsoft.sandbox.outlook import Outlook
from chorally_microsoft.sandbox.teams import TeamsBot

__all__ = ["Outlook", "TeamsBot"]
