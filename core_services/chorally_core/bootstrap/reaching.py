"""How accounts reach people, by what the installed connectors declare."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import chorally_sdk as sdk
from chorally_core.events.ids import author_id
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.reaching import NotReached, Reached
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.inbound import scope_of
from chorally_core.services.io.model import Account
from chorally_core.services.message.model import Ticket

_MOST = 200


@dataclass(frozen=True)
class AccountWay:
    """One channel of one account."""

    account: Account
    channel: sdk.Channel
    connector: sdk.Connector

    @property
    def name(self) -> str:
        """The channel's name."""
        return self.channel.name

    @property
    def platform(self) -> str:
        """The account's platform."""
        return self.account.platform

    def to(self, address: str) -> Reached | NotReached:
        """Return who an address leads to."""
        try:
            external_id = self.connector.addressed(address)
        except sdk.Rejected as error:
            return NotReached(str(error))
        if not external_id:
            return NotReached("the address is empty; name one")
        account, limits = self.account, self.channel.actions["send"]
        person = author_id(account.tenant, account.platform, scope_of(account, self.channel.id_scope), external_id)
        window = limits.window.total_seconds() if limits.window is not None else None
        return Reached(account.platform, external_id, person, account.ticket_per == "thread", window)


class AccountReaching:
    """Knows all accounts."""

    def __init__(self, documents: Documents, directory: Directory) -> None:
        self._documents = documents
        self._directory = directory

    async def way(self, tenant: str, account_id: str, channel: str) -> AccountWay | NotReached:
        """Return a channel of an account on which conversations can be begun."""
        account = await self._documents.get(Account, account_id)
        if account is None or account.tenant != tenant or account.state == "disconnected":
            return NotReached("there is no such account; name one that is connected", "account_id")
        connector = self._directory.connectors.get(account.platform)
        if connector is None:
            return NotReached(f"no connector for {account.platform} is installed; install it again", "account_id")
        able = {each.name: each for each in connector.manifest.channels if "send" in each.actions}
        if not able:
            return NotReached(f"{account.platform} begins no conversations; answer one that is there", "account_id")
        if not channel and len(able) == 1:
            channel = next(iter(able))
        if channel not in able:
            return NotReached(f"name a channel that begins conversations: {', '.join(sorted(able))}", "channel")
        return AccountWay(account, able[channel], self._directory.bare(account.platform))

    async def last_said(self, tenant: str, author_id: str) -> datetime | None:
        """Return when a person last wrote to us."""
        where = (Condition("author_id", "is", author_id),)
        tickets: list[Ticket] = await self._documents.find(Query(Ticket, tenant, where, limit=_MOST, descending=True))
        return max((t.last_author_message_at for t in tickets if t.last_author_message_at is not None), default=None)


def answers_for(directory: Directory, channel: str) -> timedelta | None:
    """Return how long after a message people may answer it on a channel; None where always, or not known."""
    for connector in directory.connectors.values():
        for each in connector.manifest.channels:
            if each.name == channel:
                limits = each.actions.get("reply", sdk.Limits())
                return None if limits.window is None else max(limits.window, limits.agent_window or limits.window)
    return None
