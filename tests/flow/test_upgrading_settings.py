"""Settings that an older connector stored are read as today's declares them, and stored so when they are changed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from chorally_core.services.io.model import Account, App
from pydantic import BaseModel, Field, SecretStr

import chorally_sdk as sdk
from tests.support.hooks import SECRET, a_hook
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


class OldSettings(BaseModel):
    """As the first version had them."""

    page: str = Field(title="Page")
    key: SecretStr = Field(title="Key")


class Settings(BaseModel, extra="forbid"):
    """As the third version has them."""

    pages: list[str] = Field(title="Pages")
    password: SecretStr = Field(title="Password")
    loud: bool = Field(title="Loud")


class AppOf3(BaseModel):
    """The app's in the third version: its secret has another name."""

    signing: SecretStr = Field(title="Signing secret")


class First(Wall):
    """The wall, when it began."""

    manifest = Wall.manifest.model_copy(update={"account_settings": OldSettings})


class Third(Wall):
    """The wall of today."""

    manifest = Wall.manifest.model_copy(
        update={"account_settings": Settings, "app_settings": AppOf3, "settings_version": 3}
    )

    @classmethod
    def upgrade_settings(cls, settings: sdk.Json, version: int) -> sdk.Json:
        """One version at a time: first several pages and another name of the key, then loudness."""
        if version == 1:
            return {"pages": [settings["page"]], "password": settings["key"]}
        return {**settings, "loud": settings["pages"] != []}

    @classmethod
    def upgrade_app_settings(cls, settings: sdk.Json, version: int) -> sdk.Json:
        """The secret has another name since the second version."""
        return {"signing": settings["secret"]} if version == 1 else settings

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Compare the signature."""
        known = {"secret": keys.secrets.get("signing", ())}
        return super().verify(hook, sdk.Keys(secrets=known))


def _world(folder: Path, connector: type[sdk.Connector]) -> Any:
    connectors: Mapping[str, type[sdk.Connector]] = {"wall": connector}
    return a_world(folder, connectors, transports={"wall": WallPlatform().transport()})


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """What the first version left behind."""
    async with _world(tmp_path, First) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall", settings={"page": "p1"}, credentials={"key": "k", "access_token": "token"})
    return tmp_path


async def _stored(world: World) -> Account:
    found: Account = await world.get(Account, "account-wall-acme")
    return found


async def test_older_settings_are_read_step_by_step(folder: Path) -> None:
    """Plain and secret ones, whichever they are by now; what is stored stays until something is changed."""
    async with _world(folder, Third) as world:
        account = await _stored(world)
        settings = world.io.directory.connector(account).account.settings
        assert (settings.pages, settings.password.get_secret_value(), settings.loud) == (["p1"], "k", True)
        assert (account.settings_version, account.settings) == (1, {"page": "p1"})
        await world.io.directory.connector(account).check()


async def test_a_change_stores_them_as_they_are_today(folder: Path) -> None:
    """Beside what was changed; the secret stays secret."""
    async with _world(folder, Third) as world:
        await world.io.accounts.change(await _stored(world), settings={"loud": False})
        account = await _stored(world)
        assert (account.settings_version, account.settings) == (3, {"pages": ["p1"], "loud": False})
        settings = world.io.directory.connector(account).account.settings
        assert (settings.password.get_secret_value(), settings.loud) == ("k", False)


async def test_an_apps_secret_that_was_renamed_still_proves_webhooks(folder: Path) -> None:
    """Before and after the app is changed."""
    async with _world(folder, Third) as world:
        for _ in range(2):
            verdict = await world.io.journal.receive("wall", "", a_hook(world))
            assert verdict.kind == "accept"
            app: App = await world.get(App, "app-wall-")
            await world.io.accounts.change_app(app, name="mine")
        assert (await world.get(App, "app-wall-")).settings_version == 3


async def test_settings_of_a_newer_connector_are_refused_with_what_to_do(folder: Path) -> None:
    """Installed again, the older connector does not misread them; the newer one still does."""
    async with _world(folder, Third) as world:
        await world.io.accounts.change(await _stored(world), settings={"loud": False})
    async with _world(folder, First) as world:
        with pytest.raises(sdk.Unsupported, match="upgrade it"):
            world.io.directory.connector(await _stored(world))
    async with _world(folder, Third) as world:
        assert world.io.directory.connector(await _stored(world)).account.settings.loud is False
