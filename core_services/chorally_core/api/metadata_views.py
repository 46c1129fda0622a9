"""What the metadata API takes and gives about tags and fields."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chorally_core.ports.custom_fields import LONGEST, CustomField, Entity, FieldType, Identifies, Option
from chorally_core.ports.storable import mistake_in
from chorally_core.ports.tags import Tag


def _storable(value: Any) -> Any:
    if why := mistake_in(value):
        raise ValueError(why)
    return value


def _named(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return " ".join(value.split())


Line = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_storable), AfterValidator(_named)]
Words = Annotated[str, Field(max_length=500), AfterValidator(_storable)]
Colour = Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$")]
Group = Annotated[str, Field(max_length=100), AfterValidator(_storable)]
Reach = Annotated[float, Field(ge=-1e15, le=1e15)]


_EMPTIED = ("default", "minimum", "maximum", "identifies")


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def changes(self) -> dict[str, Any]:
        """Return what was given, and only that; null empties what may be empty."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: value for name, value in given.items() if value is not None or name in _EMPTIED}


class TagAdd(_In):
    """A tag."""

    name: Line = Field(title="Name", description="One of its kind, whatever its case.")
    colour: Colour = Field("", title="Colour", description="As `#rrggbb`.")
    description: Words = Field("", title="Description")
    group: Group = Field("", title="Group", description="Under which it is offered.")


class TagChange(_In):
    """What of a tag is to change; what is left out stays."""

    name: Line | None = Field(None, title="Name", description="A new name reaches all that is tagged by a job.")
    colour: Colour | None = Field(None, title="Colour", description="As `#rrggbb`; empty for none.")
    description: Words | None = Field(None, title="Description")
    group: Group | None = Field(None, title="Group")
    archived: bool | None = Field(
        None, title="Archived", description="It stays on what has it, and is put on nothing else."
    )


class TagMerge(_In):
    """Into which tag another one is merged."""

    into: str = Field(title="Into", min_length=1, max_length=64, description="Id of the tag that stays.")


class Policy(_In):
    """What may be written that nobody has declared."""

    free: bool = Field(title="Free", description="Whether what nobody has declared may be used.")


class TagView(BaseModel):
    """A tag as it is."""

    id: str = Field(title="Id")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")
    name: str = Field(title="Name")
    colour: str = Field(title="Colour")
    description: str = Field(title="Description")
    group: str = Field(title="Group")
    archived: bool = Field(title="Archived")
    job_id: str | None = Field(None, title="Job", description="What brings a new name to all that is tagged.")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def of(cls, tag: Tag, job_id: str | None = None) -> "TagView":
        """Return a tag as the API shows it."""
        same = {name: getattr(tag, name) for name in cls.model_fields if name not in ("version", "job_id")}
        return cls(version=tag.number, job_id=job_id, **same)


class OptionView(_In):
    """One of the values of a selection."""

    value: Line = Field(title="Value", description="What is stored.")
    title: Group = Field("", title="Title", description="What people see; the value where empty.")
    archived: bool = Field(False, title="Archived", description="It stays where it was chosen, and is offered no more.")


_Options = Annotated[list[OptionView], Field(max_length=200)]


class FieldAdd(_In):
    """A field of the tenant's own."""

    key: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")] = Field(
        title="Key", description="Under which values are stored; never changes."
    )
    of: Entity = Field(title="Of", description="What has it; never changes.")
    type: FieldType = Field(title="Type", description="Never changes.")
    title: Line = Field(title="Title")
    description: Words = Field("", title="Description")
    required: bool = Field(
        False, title="Required", description="It cannot be emptied, and a ticket is not resolved without it."
    )
    default: Any = Field(None, title="Default", description="What it has from the first change of the fields on.")
    options: _Options = Field([], title="Options", description="Of a `select` or `multi_select`.")
    minimum: Reach | None = Field(None, title="Minimum", description="Of a number.")
    maximum: Reach | None = Field(None, title="Maximum", description="Of a number.")
    max_length: int = Field(LONGEST, title="Longest", ge=1, le=LONGEST, description="Characters of a text or link.")
    identifies: Identifies | None = Field(
        None, title="Identifies", description="What it says of who an author is, by which others are suggested."
    )


class FieldChange(_In):
    """What of a field is to change; what is left out stays."""

    title: Line | None = Field(None, title="Title")
    description: Words | None = Field(None, title="Description")
    required: bool | None = Field(None, title="Required")
    default: Any = Field(None, title="Default")
    options: _Options | None = Field(
        None, title="Options", description="Replace all; what was chosen before stays good."
    )
    minimum: Reach | None = Field(None, title="Minimum")
    maximum: Reach | None = Field(None, title="Maximum")
    max_length: int | None = Field(None, title="Longest", ge=1, le=LONGEST)
    identifies: Identifies | None = Field(None, title="Identifies")
    archived: bool | None = Field(
        None, title="Archived", description="What it has stays to be seen; it cannot be written."
    )

    def changes(self) -> dict[str, Any]:
        """Return what was given, and only that."""
        given = super().changes()
        return given if self.options is None else {**given, "options": options_of(self.options)}


class FieldView(BaseModel):
    """A field as it is."""

    id: str = Field(title="Id")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")
    key: str = Field(title="Key")
    of: Entity = Field(title="Of")
    type: FieldType = Field(title="Type")
    title: str = Field(title="Title")
    description: str = Field(title="Description")
    required: bool = Field(title="Required")
    default: Any = Field(title="Default")
    options: list[OptionView] = Field(title="Options")
    minimum: float | None = Field(title="Minimum")
    maximum: float | None = Field(title="Maximum")
    max_length: int = Field(title="Longest")
    identifies: Identifies | None = Field(title="Identifies")
    archived: bool = Field(title="Archived")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def shown(cls, field: CustomField) -> "FieldView":
        """Return a field as the API shows it."""
        same = {name: getattr(field, name) for name in cls.model_fields if name not in ("version", "options")}
        options = [OptionView(value=each.value, title=each.title, archived=each.archived) for each in field.options]
        return cls(version=field.number, options=options, **same)


def options_of(options: list[OptionView]) -> tuple[Option, ...]:
    """Return options as they are stored."""
    return tuple(Option(each.value, each.title, each.archived) for each in options)
