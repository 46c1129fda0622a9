"""What an operator sets: the app registration, and what one account is."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from chorally_microsoft.names import LOGIN, TEAMS_SERVICE


class AppSettings(BaseModel):
    """An app registration of Microsoft Entra, which may be a bot too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_id: str = Field(
        title="Application (client) id", description="Of the app registration; also the bot's id.", min_length=1
    )
    client_secret: SecretStr = Field(
        title="Client secret", description="A secret's value, not its id; made under Certificates & secrets."
    )
    tenant: str = Field(
        default="common",
        title="Who may sign in",
        description="`common`, `organizations`, `consumers`, or the id of one directory (tenant).",
        pattern=r"^[A-Za-z0-9.\-]{1,100}$",
    )
    bot_tenant: str = Field(
        default="botframework.com",
        title="Directory of the bot",
        description="Where the bot gets its tokens: the directory's id for a single-tenant bot, which new ones are; "
        "`botframework.com` for an older multi-tenant one.",
        pattern=r"^[A-Za-z0-9.\-]{1,100}$",
    )
    bot_directories: tuple[str, ...] = Field(
        default=(),
        title="Directories of the bot's accounts",
        description="Ids of the directories (tenants) that accounts of Teams may name; empty: any. Set it where "
        "several customers share the app, for whoever names a directory hears what its people say to the bot.",
    )
    shared_mailboxes: tuple[str, ...] = Field(
        default=(),
        title="Shared mailboxes",
        description="Addresses that are offered beside the person's own mailbox, where the person may open them.",
    )
    login_url: str = Field(
        default=LOGIN,
        title="Sign-in address",
        description="Another one for national clouds, or for a sandbox.",
        pattern=r"^https?://[^\s/]+$",
    )


class AccountSettings(BaseModel):
    """One mailbox, or one organisation whose people talk to the bot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["outlook", "teams"] = Field(
        default="outlook", title="Kind", description="`outlook` for a mailbox, `teams` for the bot in one directory."
    )
    mailbox: str = Field(
        default="",
        title="Shared mailbox",
        description="Outlook: address of a shared mailbox. Empty: the mailbox of the person who consented.",
        max_length=320,
    )
    tenant_id: str = Field(
        default="",
        title="Directory (tenant) id",
        description="Teams: the Microsoft 365 directory whose people talk to the bot.",
        pattern=r"^[A-Za-z0-9\-]{0,64}$",
    )
    service_url: str = Field(
        default=TEAMS_SERVICE,
        title="Service address",
        description="Teams: where messages go that begin a conversation. Answers go where the question came from.",
        pattern=r"^https?://\S+$",
    )
