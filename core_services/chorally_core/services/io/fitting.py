"""Whether settings and credentials fit what a connector declares, and can be kept."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from chorally_core.ports.storable import mistake_in


class Unfit(ValueError):
    """Settings or credentials that do not fit; one entry for each mistake: field and what is wrong."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {why}" for field, why in errors))
        self.errors = errors


def secret_fields(model: type[BaseModel] | None) -> frozenset[str]:
    """Return the names of a settings model's secret fields."""
    if model is None:
        return frozenset()
    return frozenset(name for name, field in model.model_fields.items() if "SecretStr" in repr(field.annotation))


def check_storable(**parts: Any) -> None:
    """Refuse settings or credentials that could not be stored and read again."""
    errors = [(f"/{part}", why) for part, value in parts.items() if (why := mistake_in(value))]
    if errors:
        raise Unfit(errors)


def plain(credentials: Mapping[str, Any]) -> dict[str, Any]:
    """Credentials without their instants, which are no JSON."""
    return {name: value for name, value in credentials.items() if not isinstance(value, datetime)}


def mistakes(error: ValidationError, place: str) -> list[tuple[str, str]]:
    """Return what is wrong, with the field's place below ``place``."""
    return [("/".join((place, *(str(part) for part in e["loc"]))), str(e["msg"])) for e in error.errors()]
