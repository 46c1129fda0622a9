"""What a post may have besides its text: the ``options`` of what goes out."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import chorally_sdk as sdk


class Card(BaseModel):
    """A link shown as a card; the attachment, where there is one, is its picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    uri: str = Field(pattern=r"^https?://\S+$")
    title: str
    description: str = ""


class Options(BaseModel):
    """Everything but the text and the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    alts: tuple[str, ...] = ()
    """Descriptions of the pictures, in their order; an attachment's name where there is none."""
    langs: tuple[str, ...] = Field(default=(), max_length=3)
    """Languages of the text, as ``en`` or ``pt-BR``."""
    card: Card | None = None
    quote: str = ""
    """The post that is quoted: its at-uri, or its page's address with a DID."""
    labels: tuple[str, ...] = Field(default=(), max_length=10)
    """Warnings about the content, as ``graphic-media``."""
    thread: tuple[str, ...] = Field(default=(), max_length=24)
    """Texts of the posts that follow, each answering the one before it."""


def options_of(outgoing: sdk.Outgoing) -> Options:
    """Return the options of what goes out.

    Raises:
        Rejected: They are not what a post can have.
    """
    try:
        return Options.model_validate(dict(outgoing.options))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise sdk.Rejected(f"options.{where}: {first['msg']}; known are {', '.join(Options.model_fields)}") from error
