"""What the product needs to know of Outlook."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from opsintel.connectors.contract import Manifest, OAuth

SCOPES = ("Mail.Read", "offline_access")

_SECRET: JsonDict = {"secret": True}


class GraphConfig(BaseModel):
    """Which mailbox is read, and of which cloud."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mailbox: str = Field(
        "me",
        min_length=1,
        pattern=r"^[^/?#\s]+$",
        description="Address of the mailbox; `me` is that of who authorised. An app of its own needs the address",
    )
    read_junk: bool = Field(False, description="Read the folder for junk too")
    read_drafts: bool = Field(False, description="Read drafts too")
    directory: str = Field(
        "common",
        pattern=r"^[0-9A-Za-z.-]+$",
        description="Entra directory (tenant) that gives tokens: its id or domain; an app of its own needs it",
    )
    base_url: str = Field(
        "https://graph.microsoft.com/v1.0",
        description="Address of Microsoft Graph with its version; government clouds have others",
    )
    login_url: str = Field(
        "https://login.microsoftonline.com", description="Address that gives tokens; government clouds have others"
    )


class GraphCredential(BaseModel):
    """Tokens of a person, or the secret of an app that may read mail by itself (application permission)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: str = Field("", description="Present access token", json_schema_extra=_SECRET)
    expires_at: str = Field("", description="When it ends (ISO 8601)")
    refresh_token: str = Field(
        "", description="Token that gives new ones; each use gives another", json_schema_extra=_SECRET
    )
    scope: str = Field("", description="What was granted, with spaces between")
    client_id: str = Field("", description="Client id of the app")
    client_secret: str = Field("", description="Client secret of the app", json_schema_extra=_SECRET)


MANIFEST = Manifest(
    kind="graph",
    title="Outlook",
    summary="Mail of Microsoft 365, one mailbox with all its folders: by a person's word, or an app of the directory.",
    config_model=GraphConfig,
    credential_model=GraphCredential,
    oauth=OAuth(
        app="microsoft",
        authorize_url="{login_url}/{directory}/oauth2/v2.0/authorize",
        token_url="{login_url}/{directory}/oauth2/v2.0/token",  # noqa: S106 - an address
        scopes=SCOPES,
    ),
    push_title="Change notifications",
    poll_seconds=300,
)
