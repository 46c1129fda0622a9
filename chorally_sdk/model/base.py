"""What all models share: frozen, no unknown fields, empty by default."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

Json = Mapping[str, Any]
"""A JSON object."""

Cursor = Json
"""An opaque place to resume a pull; only its connector reads it."""


class Model(BaseModel):
    """A value of the contract."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Secretive(Model):
    """A value that holds secrets: an error about one of its fields shows none of them."""

    model_config = ConfigDict(hide_input_in_errors=True)
