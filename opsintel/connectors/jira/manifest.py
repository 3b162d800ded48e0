"""What the product needs to know of Jira: its configuration, its credentials, how a person lets us in."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from opsintel.connectors.contract import Manifest, OAuth

GATEWAY = "https://api.atlassian.com"
"""Where sites of Jira Cloud are reached with OAuth."""

READ_SCOPES = ("read:jira-work", "read:jira-user")
WEBHOOK_SCOPE = "manage:jira-webhook"

_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'")
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


class JiraConfig(BaseModel):
    """Which site, and which of its issues."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(
        GATEWAY,
        description="Address of the site, e.g. https://example.atlassian.net, or of your own server with its path. "
        "With OAuth leave it as it is",
        pattern=r"^https?://",
    )
    deployment: Literal["cloud", "data_center"] = Field(
        "cloud", description="Jira Cloud, or Jira Data Center on a server of your own"
    )
    site: str = Field(
        "",
        description="With OAuth: name of the site, e.g. example.atlassian.net, where the account has more than one",
        pattern=r"^[A-Za-z0-9.-]*$",
    )
    projects: tuple[str, ...] = Field((), description="Keys of the projects to read; none: all that the account sees")
    jql: str = Field("", description="Further condition in JQL, without ORDER BY", max_length=5_000)
    token_url: str = Field(
        "https://auth.atlassian.com/oauth/token",
        description="Where tokens of OAuth are renewed; another address only for government clouds",
        pattern=r"^https?://",
    )

    @field_validator("jql")
    @classmethod
    def _is_a_condition(cls, value: str) -> str:
        if _ORDER.search(_QUOTED.sub("", value)):
            raise ValueError("ORDER BY is ours: issues are read in the order of their updates")
        return value.strip()


class JiraCredential(BaseModel):
    """One of three: e-mail and API token, a personal access token of Data Center, or the tokens of OAuth."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: str = Field("", description="E-mail address of the account that the API token is of")
    api_token: str = Field("", description="API token of Jira Cloud", json_schema_extra={"secret": True})
    personal_access_token: str = Field(
        "", description="Personal access token of Jira Data Center", json_schema_extra={"secret": True}
    )
    access_token: str = Field("", description="Access token of OAuth", json_schema_extra={"secret": True})
    refresh_token: str = Field(
        "", description="Refresh token of OAuth, new after each use", json_schema_extra={"secret": True}
    )
    expires_at: str = Field("", description="When the access token ends, ISO 8601")
    scope: str = Field("", description="What the tokens allow")
    client_id: str = Field("", description="Client id of the OAuth app")
    client_secret: str = Field("", description="Client secret of the OAuth app", json_schema_extra={"secret": True})


MANIFEST = Manifest(
    kind="jira",
    title="Jira",
    summary="Issues and their comments, of Jira Cloud and Jira Data Center",
    config_model=JiraConfig,
    credential_model=JiraCredential,
    oauth=OAuth(
        app="atlassian",
        authorize_url="https://auth.atlassian.com/authorize",
        token_url="{token_url}",  # noqa: S106 — an address
        scopes=(*READ_SCOPES, WEBHOOK_SCOPE, "offline_access"),
        parameters={"audience": "api.atlassian.com", "prompt": "consent"},
    ),
    push_title="Jira webhooks",
    push_secret="client_secret",  # noqa: S106 — the name of a field; by hand made webhooks have the secret of the push
    poll_seconds=300,
    has_parts=True,
)
