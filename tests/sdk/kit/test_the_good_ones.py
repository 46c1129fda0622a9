"""Connectors that do everything right, inheriting the kit as any connector does."""

from pathlib import Path
from typing import ClassVar

import pytest

from chorally_sdk.connector.base import Connector
from chorally_sdk.testing import ConnectorContract
from chorally_sdk.testing.checks import GROUPS, Group
from chorally_sdk.testing.package import Package
from tests.sdk.kit.files import Files, FilesTwin
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.live import AppWide, Live
from tests.sdk.kit.machine import Machine, MachineTwin
from tests.sdk.kit.package import a_package
from tests.sdk.kit.tokens import Tokens, TokenTwin
from tests.sdk.kit.twin import GuestbookTwin
from tests.sdk.kit.word import UrlWord, UrlWordTwin, Word, WordTwin


class OfTheKit(ConnectorContract):
    """The package is made up."""

    groups: ClassVar[frozenset[Group]] = frozenset(GROUPS)
    """What is tried: a variant of Guestbook differs from it in these only."""

    @pytest.fixture(autouse=True)
    def of_the_groups(self, request: pytest.FixtureRequest) -> None:
        """Leave out what another connector here has shown."""
        if request.node.callspec.params["check"].group not in type(self).groups:
            pytest.skip("as Guestbook")

    @classmethod
    def package(cls, connector: type[Connector]) -> Package:
        """Return what was made up."""
        return a_package(connector)

    @pytest.fixture(autouse=True)
    def specs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The made-up platform's description."""
        monkeypatch.setenv("CHORALLY_SPECS", str(Path(__file__).parent / "specs"))


class TestGuestbook(OfTheKit):
    connector = Guestbook
    platform = GuestbookTwin


class TestWord(OfTheKit):
    connector = Word
    groups = frozenset({"webhook", "subscription"})
    platform = WordTwin


class TestUrlWord(OfTheKit):
    connector = UrlWord
    groups = frozenset({"webhook", "subscription"})
    platform = UrlWordTwin


class TestMachine(OfTheKit):
    connector = Machine
    platform = MachineTwin


class TestTokens(OfTheKit):
    connector = Tokens
    groups = frozenset({"webhook", "subscription"})
    platform = TokenTwin


class TestFiles(OfTheKit):
    connector = Files
    groups = frozenset({"push", "limits"})
    platform = FilesTwin


class TestLive(OfTheKit):
    connector = Live
    groups = frozenset({"pull"})
    platform = GuestbookTwin


class TestAppWide(OfTheKit):
    connector = AppWide
    groups = frozenset({"pull"})
    platform = GuestbookTwin
