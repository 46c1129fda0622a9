"""Settings: environment variables that begin with ``CHORALLY_``, all checked at start."""

import json
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class InvalidSettings(Exception):
    """The environment says something that cannot be; the message lists every mistake."""


def _words(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return _json(value) if value.startswith("[") else value.replace(",", " ").split()


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _json(value: Any) -> Any:
    """Read here, not by the settings' source, so that all mistakes are told at once."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"is no JSON: {error}") from None


class Retention(BaseModel):
    """Days that something is kept."""

    model_config = ConfigDict(extra="forbid")

    hooks: float = Field(30, gt=0)
    logs: float = Field(400, gt=0)
    audit: float = Field(800, gt=0)
    """Who changed what, with before and after."""
    dead_letters: float = Field(90, gt=0)
    deliveries: float = Field(400, gt=0)
    webhooks: float = Field(30, gt=0)
    """What was told to webhooks, and what they answered."""
    files: float = Field(400, gt=0)
    """Files that went out, after they were used last."""
    unused_files: float = Field(2, gt=0)
    """Files that were uploaded and never used."""
    attachments: float = Field(30, gt=0)
    """Copies of what people sent; the platform's own is had again."""


class Settings(BaseSettings):
    """What an operator sets."""

    model_config = SettingsConfigDict(env_prefix="CHORALLY_", extra="ignore")

    data: Path = Field(Path("data"), title="Data folder", description="Where everything is kept; one process owns it.")
    documents: SecretStr = Field(
        SecretStr(""),
        title="Documents",
        description="`mongodb://…/DATABASE` keeps records there; in the data folder where empty.",
    )
    bus: SecretStr = Field(
        SecretStr(""),
        title="Event bus",
        description="`kafka://host:port,…/` carries events there; in the data folder where empty.",
    )
    coordination: SecretStr = Field(
        SecretStr(""),
        title="Coordination",
        description="`redis://…` or `redis+sentinel://…` shares rates and notes; in this process where empty.",
    )
    objects: Annotated[SecretStr, BeforeValidator(_text)] = Field(
        SecretStr(""),
        title="Objects",
        description="Where files and large webhook bodies are: a folder that all io and media processes share, or "
        "`s3://KEY:SECRET@host:port/PREFIX?region=…&iam=…`; in the data folder where empty.",
    )
    search: SecretStr = Field(
        SecretStr(""),
        title="Search",
        description="`opensearch://user:password@host:9200/` keeps the index there, `opensearchs://` with TLS; where "
        "empty, in the data folder, or looked for in the documents where there is none.",
    )
    host: str = Field("127.0.0.1", title="Host", description="Address that the API listens on.")
    port: int = Field(8080, ge=0, le=65535, title="Port", description="Port of the API; 0 takes a free one.")
    secret_keys: Annotated[list[SecretStr], NoDecode, BeforeValidator(_words)] = Field(
        default=[],
        title="Secret keys",
        description="Fernet keys that seal secrets at rest, newest first; a file in the data folder where empty.",
    )
    service_tokens: SecretStr = Field(
        SecretStr(""),
        title="Service tokens",
        description="JSON list of senders: sender, secrets (one or two), tenants, permissions.",
    )
    issuer: str = Field("chorally", title="Issuer", description="`iss` of access tokens.")
    audience: str = Field("chorally-api", title="Audience", description="`aud` of access tokens.")
    token_minutes: float = Field(60, gt=0, le=1440, title="Token life", description="Minutes.")
    keycloak: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+[^\s]*[^/\s])?$",
        title="Keycloak",
        description="URL of the Keycloak where people sign in, as `iss` of its tokens begins; each tenant has the "
        "realm of its name. The built-in users where empty.",
    )
    keycloak_reached_at: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+[^\s]*[^/\s])?$",
        title="Keycloak's own address",
        description="Where processes reach it, if not under the URL that people do.",
    )
    keycloak_client: str = Field(
        "chorally-api", title="Keycloak client", description="Our confidential client in each realm."
    )
    keycloak_secrets: SecretStr = Field(
        SecretStr(""),
        title="Keycloak secrets",
        description="The client's secret, or JSON of realm to secret. Without it tokens count until they expire, "
        "also after a sign-out.",
    )
    keycloak_check_s: float = Field(
        30, ge=1, title="Keycloak checks", description="Seconds within which sign-outs and disabled users count."
    )
    keycloak_roles_claim: str = Field(
        "realm_access.roles", title="Keycloak's roles", description="Claim, or member of claims, that lists the roles."
    )
    keycloak_roles: Annotated[dict[str, str], NoDecode, BeforeValidator(_json)] = Field(
        default={},
        title="Roles by Keycloak role",
        description="JSON of the realm's role to `viewer`, `agent` …; the same names where empty.",
    )
    base_urls: Annotated[dict[str, str], NoDecode, BeforeValidator(_json)] = Field(
        default={},
        title="Base URLs",
        description="JSON of platform to base URL, to use a sandbox in place of the real one.",
    )
    private_networks: Annotated[list[IPv4Network | IPv6Network], NoDecode, BeforeValidator(_words)] = Field(
        default=[],
        title="Private networks",
        description="Such as `10.1.0.0/16 ::1/128`: where servers that tenants name, of mail for one, may be besides.",
    )
    plain_http: bool = Field(
        False,
        title="Plain HTTP",
        description="Whether URLs that tenants give, of webhooks and files, may be `http`; only https where not.",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+[^\s]*)?$",
        title="Public URL",
        description="Address of the system as browsers and platforms know it; without it, that of each request counts.",
    )
    return_urls: Annotated[list[str], NoDecode, BeforeValidator(_json)] = Field(
        default=[],
        title="Return URLs",
        description="JSON list of beginnings of https URLs to which people may be sent back after a consent.",
    )
    reconnect_url: str = Field(
        "",
        title="Reconnect URL",
        description="Page where people connect an account again, with `{account_id}`; told when it must be done.",
    )
    pull_every_s: float | None = Field(
        None, gt=0, title="Pull interval", description="Seconds between pulls, in place of each connector's own."
    )
    cors_origins: Annotated[list[str], NoDecode, BeforeValidator(_words)] = Field(
        default=[],
        title="Origins",
        description="Such as `https://inbox.example.com`: whose pages may use the API from a browser.",
    )
    proxies: Annotated[list[IPv4Network | IPv6Network], NoDecode, BeforeValidator(_words)] = Field(
        default=[IPv4Network("127.0.0.1/32"), IPv6Network("::1/128")],
        title="Proxies",
        description="Whose `X-Forwarded-For` and `X-Forwarded-Proto` tell who asks, such as `10.0.0.0/8`.",
    )
    connections: int = Field(
        10_000, gt=0, title="Connections", description="To one process; what comes beyond is answered 503."
    )
    address_rate: int = Field(
        6000,
        gt=0,
        title="Rate per address",
        description="Requests a minute from one address, but for this machine's own; behind a proxy set "
        "`CHORALLY_PROXIES`.",
    )
    refused_rate: int = Field(
        60, gt=0, title="Refusals", description="Requests a minute from one address that prove nobody; then 429."
    )
    token_rate: int = Field(
        600, gt=0, title="Rate per token", description="Requests a minute for one token or address."
    )
    tenant_rate: int = Field(6000, gt=0, title="Rate per tenant", description="Requests a minute for one tenant.")
    retention_days: Annotated[Retention, NoDecode, BeforeValidator(_json)] = Field(
        Retention(), title="Retention", description="JSON of days by kind of record."
    )
    tenant_retention_days: Annotated[dict[str, Retention], NoDecode, BeforeValidator(_json)] = Field(
        default={}, title="Retention by tenant", description="JSON of tenant to days by kind of record."
    )
    bus_hours: float = Field(
        72, gt=0, title="Event log", description="Hours that events stay in the log after every service has read them."
    )
    disk_reserve_mib: int = Field(
        256, ge=0, title="Disk reserve", description="MiB below which webhooks are answered 503 and pulls pause."
    )
    max_lag: int = Field(
        100_000, gt=0, title="Highest lag", description="Webhooks that may wait before new ones are answered 503."
    )
    upload_mib: int = Field(100, ge=1, title="Largest file", description="MiB of a file that is uploaded to go out.")
    upload_types: Annotated[list[str], NoDecode, BeforeValidator(_words)] = Field(
        default=[
            "image/*", "video/*", "audio/*", "text/plain", "text/csv", "text/calendar", "text/vcard", "application/pdf",
            "application/zip", "application/json", "application/msword", "application/rtf", "application/vnd.*",
        ],
        title="Types of files",
        description="Patterns of media types that may be uploaded, such as `image/* application/pdf`.",
    )  # fmt: skip
    upload_s: float = Field(900, gt=0, title="Upload", description="Seconds that the upload of a file may take.")
    files_mib: int = Field(
        0,
        ge=0,
        title="Room for files",
        description="MiB that a tenant's files may take together, uploads and copies; 0 for no bound.",
    )
    tenant_files_mib: Annotated[dict[str, int], NoDecode, BeforeValidator(_json)] = Field(
        default={}, title="Room for files by tenant", description="JSON of tenant to MiB, in place of everybody's."
    )
    attachments: Literal["pass", "demand", "arrival"] = Field(
        "demand",
        title="Attachments",
        description="Copies of files that people send: `demand` keeps one when it is first asked for, `arrival` as it "
        "comes (for links that expire), `pass` keeps none and asks the platform each time.",
    )
    attachment_mib: int = Field(100, ge=1, title="Largest attachment", description="MiB of a file that people send.")
    cache_mib: int = Field(64, ge=2, title="Page cache", description="MiB of SQLite's page cache.")
    linger_ms: float = Field(
        5,
        ge=0,
        le=1000,
        title="Linger",
        description="Milliseconds to let more events arrive before a batch is handled.",
    )
    drain_s: float = Field(
        2,
        ge=0,
        le=60,
        title="Drain",
        description="Seconds that a `chorally service` which is told to stop goes on serving, not ready any more.",
    )
    call_s: float = Field(60, gt=0, title="Visible call", description="Seconds that one answer to a platform may take.")
    otlp_endpoint: str = Field(
        "",
        title="Traces",
        description="`http://collector:4318` gets the spans, by OTLP over HTTP; nothing is traced where empty.",
    )
    trace_ratio: float = Field(
        1.0, ge=0, le=1, title="Share of traces", description="Of webhooks, requests and pulls, how many are traced."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", title="Log level")
    log_format: Literal["json", "text"] = Field("json", title="Log format")


def objects_folder(settings: Settings) -> Path | None:
    """Return the folder of the objects; None where they lie on S3."""
    said = settings.objects.get_secret_value()
    if said.startswith("s3:"):
        return None
    return Path(said) if said else settings.data / "objects"


def days(settings: Settings, tenant: str, what: str) -> timedelta:
    """Return how long a tenant's records of a kind are kept: as it says itself, else as everybody's."""
    own = settings.tenant_retention_days.get(tenant)
    said = own if own is not None and what in own.model_fields_set else settings.retention_days
    return timedelta(days=getattr(said, what))


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of the environment.

    Args:
        overrides: What a command's options say; they win.

    Raises:
        InvalidSettings: At least one is wrong; the message lists all, without their values.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        lines = []
        for mistake in error.errors(include_input=False, include_url=False):
            name, *rest = (str(part) for part in mistake["loc"])
            place = f"CHORALLY_{name.upper()}" + "".join(f"/{part}" for part in rest)
            lines.append(f"{place}: {mistake['msg']}")
        raise InvalidSettings("\n".join(lines)) from None
