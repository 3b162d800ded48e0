"""What the product needs to know of a mailbox that is read by IMAP."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from opsintel.connectors.contract import Manifest

_SECRET: JsonDict = {"secret": True}


class ImapConfig(BaseModel):
    """Where the account is, and which of its mailboxes are read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(min_length=1, max_length=253, description="Host of the server, e.g. imap.gmail.com")
    port: int = Field(default=993, ge=1, le=65535, description="993 with TLS, 143 with STARTTLS")
    security: Literal["tls", "starttls"] = Field(
        default="tls", description="TLS from the start, or STARTTLS; nothing is sent in clear"
    )
    mailboxes: tuple[str, ...] = Field(
        default=(), description="Names of the mailboxes to read; empty: all but drafts, junk and trash"
    )
    token_url: str = Field(
        default="", description="Token endpoint that renews an OAuth token, e.g. https://oauth2.googleapis.com/token"
    )


class ImapCredential(BaseModel):
    """A password (where there are two factors, an app password), or a token of OAuth 2."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: str = Field(min_length=1, max_length=320, description="Log-in name, usually the mail address")
    password: str = Field(default="", description="Password or app password", json_schema_extra=_SECRET)
    access_token: str = Field(default="", description="OAuth access token (XOAUTH2)", json_schema_extra=_SECRET)
    refresh_token: str = Field(default="", description="OAuth refresh token", json_schema_extra=_SECRET)
    expires_at: str = Field(default="", description="When the access token ends, ISO 8601")
    scope: str = Field(default="", description="What the token is for")
    client_id: str = Field(default="", description="Client id of the OAuth app")
    client_secret: str = Field(default="", description="Client secret of the OAuth app", json_schema_extra=_SECRET)

    @field_validator("username", "password")
    @classmethod
    def _is_printable(cls, value: str) -> str:
        if any(ord(character) < 0x20 or character == "\x7f" for character in value):
            raise ValueError("holds control characters")
        return value

    @model_validator(mode="after")
    def _has_a_secret(self) -> ImapCredential:
        if not (self.password or self.access_token or self.refresh_token):
            raise ValueError("needs a password or a token")
        return self


MANIFEST = Manifest(
    kind="imap",
    title="IMAP",
    summary="A mailbox on any mail server: hosted, Exchange, Dovecot, or Gmail with an app password.",
    config_model=ImapConfig,
    credential_model=ImapCredential,
    poll_seconds=300,
)
