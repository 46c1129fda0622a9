"""What an operator sets for the app in Google's console, and for one location."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class AppSettings(BaseModel):
    """The OAuth client and the Pub/Sub topic of one Google Cloud project."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        title="Client id",
        description="Of the OAuth client (type Web application), from the Google Cloud console, Credentials.",
    )
    client_secret: SecretStr = Field(
        title="Client secret", description="Of the same OAuth client; beside its id in the console."
    )
    pubsub_topic: str = Field(
        default="",
        pattern=r"^(projects/[^/\s]+/topics/[^/\s]+)?$",
        title="Pub/Sub topic",
        description="Where Google tells of new and changed reviews, as projects/PROJECT/topics/TOPIC. "
        "Empty: nothing is subscribed to, and reviews are only polled.",
    )
    push_audience: str = Field(
        default="",
        title="Audience of the push subscription",
        description="The audience set for the push subscription of that topic; Google takes its URL where none was "
        "set. While it is empty every notification is refused.",
    )
    push_account: str = Field(
        default="",
        title="Service account of the push subscription",
        description="E-mail of the service account in whose name the push subscription authenticates. "
        "While it is empty every notification is refused.",
    )
    gives_consent_back: bool = Field(
        default=False,
        title="Give the consent back",
        description="Whether a consent that no account uses any more is revoked at Google. Google then ends every "
        "consent of that person to this OAuth client, also those that serve other accounts: switch it on only where "
        "nobody connects twice.",
    )


class AccountSettings(BaseModel):
    """One connected location."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    location: str = Field(
        default="",
        pattern=r"^(accounts/[^/\s]+/locations/[^/\s]+)?$",
        title="Location",
        description="Only where a token was pasted: the location as accounts/ACCOUNT/locations/LOCATION. "
        "A consent lists the locations, and this stays empty.",
    )
    without_text: bool = Field(
        default=True,
        title="Ratings without text",
        description="Whether reviews that are stars alone are polled too.",
    )
    looked_at_again: int = Field(
        default=200,
        ge=0,
        le=1000,
        title="Reviews looked at again",
        description="How many of the newest reviews are looked at every six hours for replies that were written, "
        "changed or deleted elsewhere, and for reviews that were taken down; 0 for none.",
    )
