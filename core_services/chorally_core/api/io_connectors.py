"""The route of the connectors: what is installed, what it can do, and why one cannot be used."""

from collections.abc import Iterable
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from chorally_core.api.io_parts import AccountReader, Io
from chorally_core.api.responses import problems
from chorally_core.services.io.fitting import secret_fields
from chorally_sdk import Channel, Connector, Limits
from chorally_sdk.plugins import Plugin


class LimitsView(BaseModel):
    """What one action on one channel allows; what exceeds it is refused before the platform is asked."""

    max_text: int | None = Field(title="Longest text", description="In `unit`; null where the platform states none.")
    unit: str = Field(title="Unit", description="What a text's length is counted in.")
    media: dict[str, int] = Field(title="Media", description="Largest size in bytes by media type.")
    max_media: int = Field(title="Most media", description="Most attachments at once.")
    window_s: float | None = Field(title="Window", description="Seconds after the author's last message; null: ever.")
    agent_window_s: float | None = Field(title="Agents' window", description="A longer window, for people only.")
    dedupe: str = Field(title="Duplicates", description="How a second copy is avoided when an outcome is unknown.")

    @classmethod
    def of(cls, limits: Limits) -> "LimitsView":
        """Return what is seen of an action's limits."""
        return cls(
            max_text=limits.max_text,
            unit=limits.unit,
            media=dict(limits.media),
            max_media=limits.max_media,
            window_s=limits.window.total_seconds() if limits.window else None,
            agent_window_s=limits.agent_window.total_seconds() if limits.agent_window else None,
            dedupe=limits.dedupe,
        )


class ChannelView(BaseModel):
    """A kind of place on a platform."""

    name: str = Field(title="Name", description="Name of the channel, which is that of its topic too.")
    id_scope: str = Field(title="Id scope", description="Within what an author's id is unique.")
    actions: dict[str, LimitsView] = Field(title="Actions", description="What can be done there, with its limits.")

    @classmethod
    def of(cls, channel: Channel) -> "ChannelView":
        """Return what is seen of a channel."""
        actions = {str(verb): LimitsView.of(limits) for verb, limits in channel.actions.items()}
        return cls(name=channel.name, id_scope=channel.id_scope, actions=actions)


class ConnectorView(BaseModel):
    """An installed connector."""

    platform: str = Field(title="Platform", description="What accounts name as their `connector`.")
    title: str = Field(title="Title", description="The platform's name as people write it.")
    distribution: str = Field(title="Package", description="Package that it comes from.")
    version: str = Field(title="Version", description="Version of the package.")
    usable: bool = Field(title="Usable", description="Whether accounts can be connected with it.")
    error: str = Field(title="Error", description="Why it cannot be used; empty if it can.")
    abilities: list[str] = Field([], title="Abilities", description="What it can do.")
    channels: list[ChannelView] = Field([], title="Channels", description="Its kinds of places, with their limits.")
    scopes: list[str] = Field([], title="Scopes", description="Permissions that it asks the platform for.")
    webhooks: str | None = Field(
        None, title="Webhooks", description="Whether webhooks come for the `app` or for each `account`; null for none."
    )
    app_settings: dict[str, Any] | None = Field(
        None, title="App settings", description="JSON Schema; secret ones bear `x-secret`. Null where no app is needed."
    )
    account_settings: dict[str, Any] | None = Field(
        None, title="Account settings", description="JSON Schema; secret ones bear `x-secret` and go in `credentials`."
    )
    quality: dict[str, str] = Field({}, title="Quality", description="Rules of quality, and what is done of them.")

    @classmethod
    def of(cls, plugin: Plugin, reason: str = "") -> "ConnectorView":
        """Return what is seen of a plugin, or why it cannot be used."""
        loaded = reason or plugin.loaded
        if isinstance(loaded, str):
            return cls(
                platform=plugin.name,
                title=plugin.name,
                distribution=plugin.distribution,
                version=plugin.version,
                usable=False,
                error=loaded,
            )
        return cls(
            platform=plugin.name,
            distribution=plugin.distribution,
            version=plugin.version,
            usable=True,
            error="",
            abilities=list(plugin.abilities),
            **_declared(loaded),
        )


class ConnectorList(BaseModel):
    """All installed connectors."""

    items: list[ConnectorView] = Field(title="Items", description="By platform.")


def connectors_router(io: Io) -> APIRouter:
    """Return the routes of connectors."""
    router = APIRouter(prefix="/connectors", tags=["connectors"], responses=problems(401, 403))

    @router.get("", summary="List the connectors")
    async def list_connectors(caller: AccountReader) -> ConnectorList:
        """Return every installed connector, also those that cannot be used, with the reason."""
        return ConnectorList(items=list(_all(io)))

    return router


def _all(io: Io) -> Iterable[ConnectorView]:
    plugins = [(plugin, "") for plugin in io.registry]
    plugins += [(plugin, "another package has this name already") for plugin in io.registry.duplicates]
    for plugin, reason in sorted(plugins, key=lambda pair: (pair[0].name, pair[0].distribution)):
        yield ConnectorView.of(plugin, reason)


def _declared(connector: type[Connector]) -> dict[str, Any]:
    manifest = connector.manifest
    return {
        "title": manifest.title or manifest.platform,
        "channels": [ChannelView.of(channel) for channel in manifest.channels],
        "scopes": list(manifest.scopes),
        "webhooks": manifest.hooks.scope if manifest.hooks else None,
        "app_settings": settings_schema(manifest.app_settings),
        "account_settings": settings_schema(manifest.account_settings),
        "quality": dict(manifest.quality),
    }


def settings_schema(model: type[BaseModel] | None) -> dict[str, Any] | None:
    """Return the JSON Schema of settings, its secret ones marked with ``x-secret``."""
    if model is None:
        return None
    schema = model.model_json_schema()
    for name in secret_fields(model):
        field = schema["properties"][model.model_fields[name].alias or name]
        field["x-secret"] = True
        field.pop("default", None)
    return schema
