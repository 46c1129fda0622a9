"""Which accounts are connected through an app now, for connections that serve them all."""

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from chorally_core.services.io.model import Account

if TYPE_CHECKING:
    from chorally_core.services.io.directory import Directory


class Connected(Set[str]):
    """What a platform calls the accounts that are connected through an app now: a live view."""

    def __init__(self, directory: "Directory", platform: str, app_id: str) -> None:
        self._directory = directory
        self._platform = platform
        self._app_id = app_id

    def accounts(self, external_id: str) -> list[Account]:
        """Return those that the platform calls so."""
        found = self._directory.called(self._platform, external_id, self._app_id)
        return [account for account in found if self._has(account)]

    def all(self) -> list[Account]:
        """Return every one of them."""
        everyone = list(self._directory.accounts.values())
        return [each for each in everyone if each.platform == self._platform and each.external_id and self._has(each)]

    def _has(self, account: Account) -> bool:
        app = self._directory.app_for(account)
        return account.state != "disconnected" and (app.id if app is not None else "") == self._app_id

    def __contains__(self, external_id: object) -> bool:
        return isinstance(external_id, str) and bool(self.accounts(external_id))

    def __iter__(self) -> Iterator[str]:
        return iter({account.external_id for account in self.all()})

    def __len__(self) -> int:
        return len({account.external_id for account in self.all()})
