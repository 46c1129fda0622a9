"""What an operator sets: how a password is turned into tokens, and what one account is."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

_HOST = r"([A-Za-z0-9.\-]{1,253}|\[[0-9A-Fa-f:]{2,39}\])(:\d{1,5})?"
Homeserver = Annotated[
    str, StringConstraints(pattern=rf"^((https?://)?{_HOST}(/[A-Za-z0-9._~/\-]*)?)?$", max_length=500)
]
"""An address such as ``https://matrix.shop.example``, or a server's name such as ``shop.example``."""

UserId = Annotated[str, StringConstraints(pattern=r"^(@[^\s:]+:\S+)?$", max_length=255)]

_ADDRESS = (
    "Address such as https://matrix.shop.example, or the server's name (what follows the colon in user ids), whose "
    "address is then looked up (.well-known/matrix/client)."
)


class AppSettings(BaseModel):
    """Where a password is turned into tokens; not needed by accounts whose token is pasted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    homeserver: Homeserver = Field(default="", title="Homeserver", description=_ADDRESS)
    user: str = Field(
        default="", title="User", description="User id or its local part, such as support; signs in by password."
    )
    password: SecretStr = Field(
        default=SecretStr(""),
        title="Password",
        description="Of that user. Tokens are asked for by it, and asked for again when they cannot be renewed.",
    )
    device_id: str = Field(
        default="CHORALLY",
        title="Device id",
        description="Signing in again under the same one replaces the session before, in place of adding another.",
        min_length=1,
        max_length=100,
    )


class AccountSettings(BaseModel):
    """One user of a homeserver: a bot, or the user of an application service."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    homeserver: Homeserver = Field(default="", title="Homeserver", description=f"{_ADDRESS} Empty: the app's.")
    user_id: UserId = Field(
        default="",
        title="User id",
        description="Such as @support:shop.example; any other user's token is refused. Empty: the token's owner.",
    )
    accept_invites: bool = Field(
        default=True,
        title="Accept invitations",
        description="Join every room that the user is invited to; otherwise somebody joins by another client.",
    )
    is_application_service: bool = Field(
        default=False,
        title="Application service",
        description="The token is an as_token: the homeserver tells by transactions what is said, in place of sync.",
    )
    hs_token: SecretStr = Field(
        default=SecretStr(""),
        title="Homeserver token",
        description="hs_token of the application service's registration; the homeserver proves itself by it.",
    )
