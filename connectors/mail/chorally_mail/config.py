"""What a person fills in to connect a mailbox."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:\-\[\]]{1,253}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, StringConstraints(pattern=r"^[^\s<>@,;:\"]+@[^\s<>@,;:\"]+$", max_length=320)]


class Tls(StrEnum):
    """How a connection is encrypted."""

    IMPLICIT = "implicit"
    """From the first byte."""
    STARTTLS = "starttls"
    """After a first exchange in the clear; refused where the server does not offer it."""
    NONE = "none"
    """Not at all: for servers on the same machine only, since the password travels readably."""


class SaveSent(StrEnum):
    """Who puts a copy of what we send into the sent folder."""

    AUTO = "auto"
    """We do, unless the server is known to, or already has."""
    NEVER = "never"
    """We never do."""
    ALWAYS = "always"
    """We always do; a missing folder is created."""


class Provider(StrEnum):
    """Who asks people for their consent to a mailbox."""

    GOOGLE = "google"
    """Gmail and Google Workspace."""
    MICROSOFT = "microsoft"
    """Microsoft 365 and Outlook.com."""
    OTHER = "other"
    """Another one, whose addresses the settings say."""


class MailApp(BaseModel):
    """The app by which people consent to their mailboxes; mailboxes with a password need none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider = Field(
        Provider.GOOGLE, title="Provider", description="google, microsoft, or other with the addresses below."
    )
    client_id: str = Field("", title="Client id", description="Of the app, from the provider's console.")
    client_secret: SecretStr | None = Field(
        None, title="Client secret", description="Of the app; none where it is a public client."
    )
    directory: str = Field(
        "common",
        title="Directory",
        description="Microsoft's tenant: common, organizations, consumers, or a directory's id.",
        pattern=r"^[A-Za-z0-9.-]{1,100}$",
    )
    authorize_url: str = Field(
        "", title="Page of consent", description="Of another provider.", pattern="^(https://.*)?$"
    )
    token_url: str = Field("", title="Token endpoint", description="Of another provider.", pattern="^(https://.*)?$")
    revocation_url: str = Field(
        "", title="Revocation endpoint", description="Of another provider (RFC 7009).", pattern="^(https://.*)?$"
    )
    scopes: tuple[str, ...] = Field((), title="Scopes", description="That another provider wants to be asked for.")


class MailSettings(BaseModel):
    """Settings of one mailbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Address = Field(title="Address", description="The mailbox's e-mail address, such as help@shop.example.")
    name: str = Field("", title="Name", description="The name people see as the sender.", max_length=200)

    imap_host: Host = Field(title="IMAP server", description="Host name of the server that mail is read from.")
    imap_port: Port = Field(993, title="IMAP port", description="Usually 993, or 143 with STARTTLS.")
    imap_tls: Tls = Field(
        Tls.IMPLICIT, title="IMAP encryption", description="implicit, starttls, or none (same machine only)."
    )
    smtp_host: Host = Field(title="SMTP server", description="Host name of the server that mail is sent through.")
    smtp_port: Port = Field(465, title="SMTP port", description="Usually 465, or 587 with STARTTLS.")
    smtp_tls: Tls = Field(
        Tls.IMPLICIT, title="SMTP encryption", description="implicit, starttls, or none (same machine only)."
    )

    username: str = Field("", title="User name", description="Name to sign in with; the address where empty.")
    password: SecretStr | None = Field(
        None,
        title="Password",
        description="Password, or app password; without one the account's OAuth grant is used (XOAUTH2, OAUTHBEARER).",
    )
    ca_file: str | None = Field(
        None,
        title="CA file",
        description="Path of a PEM file with further certificate authorities, for servers with a private one.",
    )

    inbox: str = Field("INBOX", title="Inbox", description="The folder that mail arrives in.", min_length=1)
    sent: str = Field(
        "", title="Sent folder", description="Where sent mail is kept; found by its special use where empty."
    )
    save_sent: SaveSent = Field(
        SaveSent.AUTO,
        title="Save sent mail",
        description="auto: put a copy into the sent folder unless the server does; never; always.",
    )

    timeout: timedelta = Field(
        timedelta(seconds=60),
        title="Timeout",
        description="Longest wait for an answer of either server.",
        gt=timedelta(0),
    )
    send_timeout: timedelta = Field(
        timedelta(minutes=10),
        title="Sending timeout",
        description="Longest wait until the server has taken a mail over (RFC 5321 asks for 10 minutes).",
        gt=timedelta(0),
    )
    idle_renewal: timedelta = Field(
        timedelta(minutes=9),
        title="IDLE renewal",
        description="How long one IDLE lasts; under 29 minutes, and under what routers on the way forget.",
        gt=timedelta(0),
        lt=timedelta(minutes=29),
    )
    poll_every: timedelta = Field(
        timedelta(minutes=1),
        title="Polling interval",
        description="Time between looks at the inbox where the server has no IDLE.",
        gt=timedelta(0),
    )
    max_mail_bytes: int = Field(
        20 * 1024 * 1024,
        title="Largest mail",
        description="Bytes up to which a mail is read whole; of a larger one only the beginning is.",
        ge=0,
    )

    max_sent_bytes: int = Field(
        25_000_000,
        title="Largest mail sent",
        description="Bytes that a mail of ours may have with its files as they are sent, a third more than they have.",
        ge=1024,
    )

    @property
    def login(self) -> str:
        """The name to sign in with."""
        return self.username or self.address
