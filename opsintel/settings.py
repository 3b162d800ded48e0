"""All settings of the back end, read from the environment once and passed on as one typed object.

The names without the prefix `OPSINTEL_` are fixed: people have them in their deployments. `docs/settings.md` is
generated from this class (`opsintel settings`). A wrong value is one line: the variable, what was wrong, an example.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_serializer, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from opsintel.errors import SettingError
from opsintel.setting_values import (
    check_bucket,
    check_domain,
    check_host_and_port,
    check_issuer,
    check_key,
    check_listen_address,
    check_mail_address,
    check_network,
    check_origin,
    check_url,
    split_at_commas,
    without_password,
)
from opsintel.signing_secrets import check_signing_secret


def _empty_is_absent(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _split(value: Any) -> Any:
    return split_at_commas(value) if isinstance(value, str) else value


OptionalText = Annotated[str | None, BeforeValidator(_empty_is_absent)]
Listed = Annotated[tuple[str, ...], BeforeValidator(_split)]
OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_absent)]


def default_data_dir() -> Path:
    """Return the platform's data folder for this user; for root one that an unprivileged server can reach."""
    if os.name == "posix" and os.geteuid() == 0:
        return Path("/var/lib/opsintel")
    return Path(platformdirs.user_data_dir("opsintel", appauthor=False))


class Settings(BaseSettings):
    """The typed settings; `example` and `absent` of each field feed the documentation and the error lines."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True, case_sensitive=True)

    api_addr: str = Field(
        ":8080",
        validation_alias="API_ADDR",
        description="Listen address of the API",
        json_schema_extra={"example": "127.0.0.1:8080", "absent": "`:8080`"},
    )
    db_url: OptionalText = Field(
        None,
        validation_alias="DB_URL",
        description="PostgreSQL 16 to 18 with pgvector",
        json_schema_extra={
            "example": "postgresql://opsintel:secret@db:5432/opsintel",
            "absent": "an embedded PostgreSQL with pgvector in the data folder, kept between starts",
        },
    )
    migration_url: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_MIGRATION_URL",
        description="Connection of a login that may create roles and tables, for migrations",
        json_schema_extra={"example": "postgresql://owner:secret@db:5432/opsintel", "absent": "`DB_URL`"},
    )
    dagster_db_url: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_DAGSTER_DB_URL",
        description="Connection to Dagster's own database",
        json_schema_extra={
            "example": "postgresql://dagster:secret@db:5432/opsintel_dagster",
            "absent": "a database with the suffix `_dagster` in the same server",
        },
    )
    amqp_url: OptionalText = Field(
        None,
        validation_alias="AMQP_URL",
        description="RabbitMQ 3.10 to 4.x",
        json_schema_extra={
            "example": "amqp://user:secret@mq:5672/",
            "absent": "a queue in PostgreSQL with the same guarantees",
        },
    )
    redis_addr: OptionalText = Field(
        None,
        validation_alias="REDIS_ADDR",
        description="Redis, for rate limits and locks that processes share",
        json_schema_extra={
            "example": "redis:6379",
            "absent": "PostgreSQL does what it would do, and does so while it is away",
        },
    )
    redis_password: OptionalSecret = Field(
        None,
        validation_alias="OPSINTEL_REDIS_PASSWORD",
        description="Password of Redis",
        json_schema_extra={"example": "a password", "absent": "none"},
    )
    redis_tls: bool = Field(
        False,
        validation_alias="OPSINTEL_REDIS_TLS",
        description="Redis over TLS",
        json_schema_extra={"example": "true", "absent": "plain"},
    )
    s3_bucket: OptionalText = Field(
        None,
        validation_alias="S3_BUCKET",
        description="Bucket for raw payloads, attachments and compute logs",
        json_schema_extra={"example": "opsintel-raw", "absent": "the data folder on local disk, by the same interface"},
    )
    s3_endpoint: OptionalText = Field(
        None,
        validation_alias="S3_ENDPOINT",
        description="Address of an S3-compatible server",
        json_schema_extra={"example": "http://minio:9000", "absent": "Amazon's own"},
    )
    s3_region: str = Field(
        "us-east-1",
        validation_alias="OPSINTEL_S3_REGION",
        description="Region of the bucket",
        json_schema_extra={"example": "eu-central-1", "absent": "`us-east-1`"},
    )
    s3_access_key_id: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_S3_ACCESS_KEY_ID",
        description="Access key of the bucket",
        json_schema_extra={"example": "AKIA...", "absent": "the standard AWS sources (role, profile)"},
    )
    s3_secret_access_key: OptionalSecret = Field(
        None,
        validation_alias="OPSINTEL_S3_SECRET_ACCESS_KEY",
        description="Secret key of the bucket",
        json_schema_extra={"example": "a secret", "absent": "the standard AWS sources"},
    )
    object_grace_days: int = Field(
        7,
        ge=2,
        validation_alias="OPSINTEL_OBJECT_GRACE_DAYS",
        description="Days after which an object that nothing refers to is removed; as far back as backups are restored",
        json_schema_extra={"example": "30", "absent": "`7`"},
    )
    master_encryption_key: OptionalSecret = Field(
        None,
        validation_alias="MASTER_ENCRYPTION_KEY",
        description="Base64 of 32 bytes; wraps every tenant's data key",
        json_schema_extra={
            "example": "the output of: openssl rand -base64 32",
            "absent": "what serves or stores refuses to start; only the demo makes and keeps its own",
        },
    )
    previous_master_keys: OptionalSecret = Field(
        None,
        validation_alias="OPSINTEL_PREVIOUS_MASTER_KEYS",
        description="Further master keys that open, with commas between: the old one during"
        " `opsintel keys rotate-master`, the next one before it where processes restart one by one",
        json_schema_extra={"example": "the MASTER_ENCRYPTION_KEY of before", "absent": "none"},
    )
    jwt_secret: OptionalSecret = Field(
        None,
        validation_alias="JWT_SECRET",
        description="Signs tokens; at least 32 bytes that nobody can think of: known words and repetitions are refused",
        json_schema_extra={"example": "the output of: openssl rand -base64 48", "absent": "as above"},
    )
    openai_api_key: OptionalSecret = Field(
        None,
        validation_alias="OPENAI_API_KEY",
        description="Platform default for OpenAI; a tenant's own key wins",
        json_schema_extra={"example": "sk-...", "absent": "offered only to tenants with a key"},
    )
    anthropic_api_key: OptionalSecret = Field(
        None,
        validation_alias="ANTHROPIC_API_KEY",
        description="Platform default for Anthropic",
        json_schema_extra={"example": "sk-ant-...", "absent": "offered only to tenants with a key"},
    )
    gemini_api_key: OptionalSecret = Field(
        None,
        validation_alias="GEMINI_API_KEY",
        description="Platform default for Google Gemini",
        json_schema_extra={"example": "AIza...", "absent": "offered only to tenants with a key"},
    )
    ollama_base_url: str = Field(
        "http://localhost:11434",
        validation_alias="OLLAMA_BASE_URL",
        description="Local models by Ollama",
        json_schema_extra={"example": "http://localhost:11434", "absent": "`http://localhost:11434`"},
    )
    local_servers: Listed = Field(
        (),
        validation_alias="OPSINTEL_LOCAL_SERVERS",
        description="Servers on private addresses that addresses given by users may name, each exactly as host:port,"
        " with commas between: a local model server, say",
        json_schema_extra={"example": "localhost:11434,llm.example.com:8000", "absent": "none"},
    )
    google_client_id: OptionalText = Field(
        None,
        validation_alias="GOOGLE_CLIENT_ID",
        description="OAuth client for Gmail and Sheets",
        json_schema_extra={
            "example": "1234.apps.googleusercontent.com",
            "absent": "connections by OAuth are shown as unavailable; a service account still works",
        },
    )
    google_client_secret: OptionalSecret = Field(
        None,
        validation_alias="GOOGLE_CLIENT_SECRET",
        description="Secret of that OAuth client",
        json_schema_extra={"example": "GOCSPX-...", "absent": "as above"},
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        validation_alias="OPSINTEL_DATA_DIR",
        description="Data folder: embedded database, objects, weights, Dagster's home",
        json_schema_extra={
            "example": "/srv/opsintel",
            "absent": "the platform's user data folder; `/var/lib/opsintel` for root",
        },
    )
    backup_dir: Path | None = Field(
        None,
        validation_alias="OPSINTEL_BACKUP_DIR",
        description="Folder of back-ups, on another disk; the embedded database and the objects on disk are kept there"
        " as they change, for restores to any moment",
        json_schema_extra={"example": "/mnt/backup/opsintel", "absent": "back-ups only when `opsintel backup` runs"},
    )
    public_url: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_PUBLIC_URL",
        description="Address under which people reach the dashboard (links, OAuth, webhooks)",
        json_schema_extra={"example": "https://ops.example.com", "absent": "`http://localhost` and the API's port"},
    )
    allowed_origins: Listed = Field(
        (),
        validation_alias="OPSINTEL_ALLOWED_ORIGINS",
        description="Origins of other sites whose pages may use the API from a browser, with commas between",
        json_schema_extra={"example": "https://portal.example.com", "absent": "none: the dashboard is of one origin"},
    )
    trusted_proxies: Listed = Field(
        (),
        validation_alias="OPSINTEL_TRUSTED_PROXIES",
        description="Addresses and networks of proxies in front of the API, with commas between: of what comes through"
        " them X-Forwarded-For and X-Forwarded-Proto are believed",
        json_schema_extra={"example": "10.0.0.5,172.18.0.0/16", "absent": "none: the direct peer is the client"},
    )
    dagster_port: int = Field(
        3001,
        ge=1,
        le=65535,
        validation_alias="OPSINTEL_DAGSTER_PORT",
        description="Port of the Dagster UI on 127.0.0.1",
        json_schema_extra={"example": "3001", "absent": "`3001`"},
    )
    smtp_url: OptionalSecret = Field(
        None,
        validation_alias="OPSINTEL_SMTP_URL",
        description="Mail server for invitations and resets: smtp:// with STARTTLS, smtps:// with TLS from the start",
        json_schema_extra={
            "example": "smtp://user:secret@mail.example.com:587",
            "absent": "no mail is sent; the operator prints links with `opsintel account`",
        },
    )
    mail_from: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_MAIL_FROM",
        description="Address that mail is from; needed with OPSINTEL_SMTP_URL",
        json_schema_extra={"example": "opsintel@example.com", "absent": "as above"},
    )
    registration: str = Field(
        "closed",
        pattern="^(closed|open)$",
        validation_alias="OPSINTEL_REGISTRATION",
        description="Whether strangers may make an account and a tenant of their own: closed or open",
        json_schema_extra={"example": "open", "absent": "`closed`: people join by invitation"},
    )
    oidc_issuer: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_OIDC_ISSUER",
        description="Provider of single sign-on by OpenID Connect: its issuer, exactly as it writes it",
        json_schema_extra={"example": "https://accounts.google.com", "absent": "no single sign-on"},
    )
    oidc_client_id: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_OIDC_CLIENT_ID",
        description="Client that this installation is registered as there",
        json_schema_extra={"example": "opsintel", "absent": "as above"},
    )
    oidc_client_secret: OptionalSecret = Field(
        None,
        validation_alias="OPSINTEL_OIDC_CLIENT_SECRET",
        description="Secret of that client",
        json_schema_extra={"example": "a secret", "absent": "as above"},
    )
    oidc_email_domains: Listed = Field(
        (),
        validation_alias="OPSINTEL_OIDC_EMAIL_DOMAINS",
        description="Domains whose people may sign on, with commas between; an account that exists is linked by its"
        " address only within them",
        json_schema_extra={
            "example": "example.com,example.org",
            "absent": "any domain, and no account that exists is linked by its address",
        },
    )
    oidc_label: str = Field(
        "single sign-on",
        pattern=r"^[^\x00-\x1f\x7f]{1,60}$",
        validation_alias="OPSINTEL_OIDC_LABEL",
        description="Name of the provider on the button that says: Log in with ...",
        json_schema_extra={"example": "Example Bank", "absent": "`single sign-on`"},
    )
    passwords: str = Field(
        "on",
        pattern="^(on|off)$",
        validation_alias="OPSINTEL_PASSWORDS",
        description="Whether people may log in with a password: on or off; off needs single sign-on",
        json_schema_extra={"example": "off", "absent": "`on`"},
    )
    api_reads_per_minute: int = Field(
        3000,
        ge=0,
        validation_alias="OPSINTEL_API_READS_PER_MINUTE",
        description="Requests that read, of a tenant in a minute; 0 for no limit",
        json_schema_extra={"example": "6000", "absent": "`3000`"},
    )
    api_searches_per_minute: int = Field(
        600,
        ge=0,
        validation_alias="OPSINTEL_API_SEARCHES_PER_MINUTE",
        description="Searches of a tenant in a minute; 0 for no limit",
        json_schema_extra={"example": "1200", "absent": "`600`"},
    )
    api_writes_per_minute: int = Field(
        600,
        ge=0,
        validation_alias="OPSINTEL_API_WRITES_PER_MINUTE",
        description="Requests that change something, of a tenant in a minute; 0 for no limit",
        json_schema_extra={"example": "1200", "absent": "`600`"},
    )
    embedding_weights: Path | None = Field(
        None,
        validation_alias="OPSINTEL_EMBEDDING_WEIGHTS",
        description="Folder with model.onnx and tokenizer.json of a sentence embedding model",
        json_schema_extra={
            "example": "/srv/models/all-MiniLM-L6-v2",
            "absent": "the local cache, else fetched once from the model's public hub, else the lexical embedder",
        },
    )
    embedding_download: bool = Field(
        True,
        validation_alias="OPSINTEL_EMBEDDING_DOWNLOAD",
        description="Whether set-up may fetch the embedding weights from their public hub",
        json_schema_extra={"example": "false", "absent": "`true`"},
    )
    google_service_account_file: Path | None = Field(
        None,
        validation_alias="OPSINTEL_GOOGLE_SERVICE_ACCOUNT_FILE",
        description="JSON key of a Google service account for Sheets exports",
        json_schema_extra={"example": "/srv/secrets/sheets.json", "absent": "each target brings its own"},
    )
    google_sheets_endpoint: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_GOOGLE_SHEETS_ENDPOINT",
        description="Another address of the Google Sheets API (tests, proxies)",
        json_schema_extra={"example": "http://127.0.0.1:9000", "absent": "Google's own"},
    )
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        validation_alias="OPSINTEL_LOG_LEVEL",
        description="Least level of log lines",
        json_schema_extra={"example": "INFO", "absent": "`INFO`"},
    )
    log_format: str = Field(
        "auto",
        pattern="^(auto|json|text)$",
        validation_alias="OPSINTEL_LOG_FORMAT",
        description="Form of log lines: json or text",
        json_schema_extra={"example": "json", "absent": "`auto`: text on a terminal, else JSON lines"},
    )
    metrics_addr: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_METRICS_ADDR",
        description="Listen address of the API's metrics for Prometheus, apart from its own",
        json_schema_extra={"example": "127.0.0.1:9464", "absent": "no metrics of the API"},
    )
    worker_metrics_addr: OptionalText = Field(
        None,
        validation_alias="OPSINTEL_WORKER_METRICS_ADDR",
        description="Listen address of the worker's metrics for Prometheus: the queue, the ledger, the database",
        json_schema_extra={"example": "127.0.0.1:9465", "absent": "no metrics of the worker"},
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read only what is handed in: `load_settings` decides where values come from."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("api_addr", "metrics_addr", "worker_metrics_addr")
    @classmethod
    def _check_listen_addr(cls, value: str | None) -> str | None:
        if value is not None:
            check_listen_address(value)
        return value

    @field_validator("data_dir", "backup_dir")
    @classmethod
    def _make_absolute(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().absolute()  # the database and Dagster run in folders of their own

    @field_validator("db_url", "migration_url", "dagster_db_url")
    @classmethod
    def _check_db_url(cls, value: str | None) -> str | None:
        if value is not None:
            check_url(value, ("postgresql", "postgres"))
        return value

    @field_serializer("db_url", "migration_url", "dagster_db_url", "amqp_url", when_used="json-unless-none")
    def _hide_password(self, value: str) -> str:
        return without_password(value)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield the fields as a traceback may show them: without the passwords within addresses."""
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) else value

    @field_validator("amqp_url")
    @classmethod
    def _check_amqp_url(cls, value: str | None) -> str | None:
        if value is not None:
            check_url(value, ("amqp", "amqps"))
        return value

    @field_validator("s3_endpoint", "public_url", "google_sheets_endpoint", "ollama_base_url")
    @classmethod
    def _check_http_url(cls, value: str | None) -> str | None:
        if value is not None:
            check_url(value, ("https", "http"))
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _check_issuer(cls, value: str | None) -> str | None:
        if value is not None:
            check_issuer(value)
        return value

    @field_validator("oidc_email_domains")
    @classmethod
    def _check_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for domain in value:
            check_domain(domain)
        return tuple(domain.lower() for domain in value)

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_url(value.get_secret_value(), ("smtp", "smtps"))
        return value

    @field_validator("mail_from")
    @classmethod
    def _check_mail_from(cls, value: str | None) -> str | None:
        if value is not None:
            check_mail_address(value)
        return value

    @field_validator("redis_addr")
    @classmethod
    def _check_redis_addr(cls, value: str | None) -> str | None:
        if value is not None:
            check_host_and_port(value)
        return value

    @field_validator("local_servers")
    @classmethod
    def _check_local_servers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for server in value:
            check_host_and_port(server)
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            check_origin(origin)
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            check_network(network)
        return value

    @field_validator("s3_bucket")
    @classmethod
    def _check_bucket(cls, value: str | None) -> str | None:
        if value is not None:
            check_bucket(value)
        return value

    @field_validator("master_encryption_key", "previous_master_keys")
    @classmethod
    def _check_master_keys(cls, value: SecretStr | None) -> SecretStr | None:
        for key in split_at_commas(value.get_secret_value()) if value is not None else ():
            check_key(key)
        return value

    @field_validator("jwt_secret")
    @classmethod
    def _check_jwt_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_signing_secret(value.get_secret_value())
        return value

    @property
    def api_host(self) -> str:
        """Host to listen on: all interfaces when `API_ADDR` names none."""
        return self.api_addr.rpartition(":")[0].strip("[]") or "0.0.0.0"  # noqa: S104  `:8080` means all of them

    @property
    def api_port(self) -> int:
        """Port to listen on."""
        return int(self.api_addr.rpartition(":")[2])

    @property
    def dashboard_url(self) -> str:
        """Address of the dashboard for links, without a slash at the end."""
        return (self.public_url or f"http://localhost:{self.api_port}").rstrip("/")

    def page(self, name: Literal["login", "invitation", "reset", "register"], token: str = "") -> str:
        """Return the address of a page; a token stands in the fragment, which no server and no Referer gets to see."""
        return f"{self.dashboard_url}/{name}/" + (f"#token={token}" if token else "")

    def master_key(self) -> bytes:
        """Return the 32 bytes of the master key; `SettingError` when absent."""
        if self.master_encryption_key is None:
            raise SettingError(
                "MASTER_ENCRYPTION_KEY is not set", remedy="Make one with: openssl rand -base64 32, and keep it safe"
            )
        return base64.b64decode(self.master_encryption_key.get_secret_value())

    def previous_keys(self) -> list[bytes]:
        """Return the further master keys that open and do not wrap."""
        given = self.previous_master_keys.get_secret_value() if self.previous_master_keys else ""
        return [base64.b64decode(key) for key in split_at_commas(given)]

    def jwt_key(self) -> bytes:
        """Return the key that signs tokens; `SettingError` when absent."""
        if self.jwt_secret is None:
            raise SettingError("JWT_SECRET is not set", remedy="Make one with: openssl rand -base64 48")
        return self.jwt_secret.get_secret_value().encode()

    def require_secrets(self) -> None:
        """Raise `SettingError` unless both secrets are there, each of its own: for processes that serve or store."""
        self.master_key()
        signs = self.jwt_key().decode()
        for wraps in (self.master_encryption_key, self.previous_master_keys):
            if wraps is not None and signs in split_at_commas(wraps.get_secret_value()):
                raise SettingError(
                    "JWT_SECRET is a master key as well", remedy="Make one with: openssl rand -base64 48"
                )


def variable_of(field: str) -> str:
    """Return the environment variable of a field of `Settings`."""
    return str(Settings.model_fields[field].validation_alias)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of an environment (default: this process's).

    Raises `SettingError` with one line for the first wrong value; secrets never appear in it.
    """
    source = os.environ if environment is None else environment
    known = {variable_of(name) for name in Settings.model_fields}
    values = {name: value for name, value in source.items() if name in known and value.strip()}
    unknown = sorted(n for n in source if n.startswith("OPSINTEL_") and n not in known | PROCESS_VARIABLES)
    if unknown:
        raise SettingError(f"{unknown[0]} is not a setting", remedy="`opsintel settings` lists them all")
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        variable = str(first["loc"][0])
        field = next(name for name in Settings.model_fields if variable in (name, variable_of(name)))
        reason = first["msg"].removeprefix("Value error, ")
        example = (Settings.model_fields[field].json_schema_extra or {}).get("example", "")  # type: ignore[union-attr]
        hint = "" if "make one" in reason else f", example: {example}"
        raise SettingError(f"{variable} {reason[:1].lower()}{reason[1:]}{hint}") from None
    _check_sign_on(settings)
    return settings


def _check_sign_on(settings: Settings) -> None:
    """Raise `SettingError` where single sign-on is set by half, or could be read on its way."""
    needed = ("oidc_issuer", "oidc_client_id", "oidc_client_secret")
    missing = [variable_of(name) for name in needed if getattr(settings, name) is None]
    if 0 < len(missing) < len(needed):
        raise SettingError(
            f"{missing[0]} is not set", remedy=f"Single sign-on needs {', '.join(map(variable_of, needed))}"
        )
    if settings.oidc_issuer is None:
        if settings.passwords == "off":
            raise SettingError(
                "OPSINTEL_PASSWORDS is off and nobody could log in",
                remedy=f"Set single sign-on up first, by {', '.join(map(variable_of, needed))}",
            )
        return
    issuer = urlsplit(settings.oidc_issuer)
    if issuer.scheme != "https" and f"{issuer.hostname}:{issuer.port or 80}" not in settings.local_servers:
        raise SettingError(
            "OPSINTEL_OIDC_ISSUER must begin with https://",
            remedy="Only a server that OPSINTEL_LOCAL_SERVERS names as host:port may do without",
        )


PROCESS_VARIABLES = frozenset({"OPSINTEL_TEST_DATA", "OPSINTEL_TEST_REQUIRE", "OPSINTEL_SUPERVISED"})
"""Variables with our prefix that are not settings: of the tests, and between `up` and its own children."""
