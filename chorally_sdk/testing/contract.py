"""The checks that every connector inherits: ``class TestMine(ConnectorContract): connector = Mine``."""

import json
from typing import ClassVar

import pytest
from pydantic import SecretStr

from chorally_sdk.connector.abilities import Finds, Pulls, Receives, Replies
from chorally_sdk.connector.base import Connector
from chorally_sdk.model.hooks import Keys
from chorally_sdk.plugins import RESERVED, TOPICS, discover
from chorally_sdk.testing.host import a_hook, connect


class ConnectorContract:
    """What must hold for any connector, whatever its platform."""

    connector: ClassVar[type[Connector]]

    def test_it_is_found_through_its_entry_point(self) -> None:
        """The installed package names this very class."""
        assert discover().get(self.connector.manifest.platform) is self.connector

    def test_its_names_are_free(self) -> None:
        """Neither the platform nor a channel takes the name of a service or a topic of the core, or another's."""
        manifest = self.connector.manifest
        channels = [channel.name for channel in manifest.channels]
        assert not {manifest.platform, *channels} & (RESERVED | TOPICS)
        assert len(channels) == len(set(channels)), "a channel's name is used once"

    def test_what_it_declares_it_can_do(self) -> None:
        """Actions and abilities agree: who declares a reply can push, who can push declares a reply."""
        verbs = {verb for channel in self.connector.manifest.channels for verb in channel.actions}
        assert ("reply" in verbs or "send" in verbs) == issubclass(self.connector, Replies)
        assert (self.connector.manifest.hooks is not None) == issubclass(self.connector, Receives)
        looked_up = any(
            limits.dedupe == "lookup"
            for channel in self.connector.manifest.channels
            for limits in channel.actions.values()
        )
        assert not looked_up or issubclass(self.connector, Finds), "dedupe by lookup needs the ability Finds"

    def test_settings_are_described(self) -> None:
        """Every setting has a title and a description that a form can show."""
        manifest = self.connector.manifest
        for model in (manifest.account_settings, manifest.app_settings):
            for name, field in (model.model_fields if model else {}).items():
                assert field.title, name
                assert field.description, name

    def test_an_unsigned_hook_is_rejected(self) -> None:
        """A hook without proof is refused, whatever secrets are live, without any I/O."""
        if not issubclass(self.connector, Receives):
            pytest.skip("the connector takes no webhooks")
        connector = connect(self.connector)
        assert isinstance(connector, Receives)
        models = (self.connector.manifest.app_settings, self.connector.manifest.account_settings)
        names = {name for model in models if model for name in model.model_fields}
        nobody_knows = SecretStr("a-secret-nobody-knows")
        for live in (None, (), (SecretStr(""),), (nobody_knows,), (nobody_knows, SecretStr("nor-this-one"))):
            keys = Keys() if live is None else Keys(secrets=dict.fromkeys(names, live))
            verdict = connector.verify(a_hook(json.dumps({"hello": 1})), keys)
            assert verdict.kind == "reject", f"accepted with {len(live or ())} secrets"
            assert verdict.status >= 400

    def test_it_needs_no_state_between_calls(self) -> None:
        """Two connectors for two accounts share nothing but their class."""
        first, second = connect(self.connector, external_id="one"), connect(self.connector, external_id="two")
        assert (first.account.external_id, second.account.external_id) == ("one", "two")

    def test_streams_have_names_of_their_own(self) -> None:
        """Cursors are kept by stream name, so a name is used once."""
        if not issubclass(self.connector, Pulls):
            pytest.skip("the connector does not pull")
        settings = self.connector.manifest.account_settings
        connector = connect(self.connector, settings=settings.model_construct() if settings else None)
        assert isinstance(connector, Pulls)
        names = [stream.name for stream in connector.streams()]
        assert names
        assert len(names) == len(set(names))
