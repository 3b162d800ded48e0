"""What the product needs to know of Zendesk: its configuration, its credentials, how a person lets us in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from opsintel.connectors.contract import Manifest, OAuth

READ_SCOPE = "read"
_OWN_ADDRESS = "https://{subdomain}.zendesk.com"


class ZendeskConfig(BaseModel):
    """Which account."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subdomain: str = Field(
        description="The first part of the account's address: example, for example.zendesk.com",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,62}$",
    )
    base_url: str = Field(
        _OWN_ADDRESS,
        description="Address of the account; another one only for tests and proxies",
        pattern=r"^https?://",
    )

    @property
    def address(self) -> str:
        """The address of the account."""
        return self.base_url.replace("{subdomain}", self.subdomain).rstrip("/")


class ZendeskCredential(BaseModel):
    """One of two: e-mail and API token, or the tokens of OAuth. Webhooks have a secret of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: str = Field("", description="E-mail address of the administrator whose name the API token is used in")
    api_token: str = Field("", description="API token", json_schema_extra={"secret": True})
    access_token: str = Field("", description="Access token of OAuth", json_schema_extra={"secret": True})
    refresh_token: str = Field(
        "", description="Refresh token of OAuth, new after each use", json_schema_extra={"secret": True}
    )
    expires_at: str = Field("", description="When the access token ends, ISO 8601")
    scope: str = Field("", description="What the tokens allow")
    client_id: str = Field("", description="Unique identifier of the OAuth client")
    client_secret: str = Field("", description="Secret of the OAuth client", json_schema_extra={"secret": True})
    webhook_secret: str = Field(
        "", description="Signing secret of the webhook, as Zendesk shows it", json_schema_extra={"secret": True}
    )


MANIFEST = Manifest(
    kind="zendesk",
    title="Zendesk",
    summary="Tickets with their public comments and internal notes",
    config_model=ZendeskConfig,
    credential_model=ZendeskCredential,
    oauth=OAuth(
        app="zendesk",
        authorize_url=f"{_OWN_ADDRESS}/oauth/authorizations/new",
        token_url=f"{_OWN_ADDRESS}/oauth/tokens",
        scopes=(READ_SCOPE,),
    ),
    push_title="Zendesk webhooks",
    push_secret="webhook_secret",  # noqa: S106 — the name of a field
    poll_seconds=300,
    has_parts=True,
)
