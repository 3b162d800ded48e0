"""What the product needs to know of Slack."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from opsintel.connectors.contract import Manifest, OAuth

_SECRET: JsonDict = {"secret": True}
MINUTES_BETWEEN_RESCANS = 15
"""For apps within the usual limits; those that are held to a request a minute look once a day."""


class AppKind(StrEnum):
    """How the app came to the workspace: Slack's limits go by it."""

    INTERNAL = "internal"
    MARKETPLACE = "marketplace"
    UNLISTED = "unlisted"


class SlackConfig(BaseModel):
    """What is read of a workspace."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: str = Field(
        default="https://slack.com", description="Address of Slack; https://slack-gov.com for GovSlack"
    )
    app: AppKind = Field(
        default=AppKind.INTERNAL,
        description="internal: made for this workspace; marketplace: listed there; unlisted: distributed otherwise,"
        " which Slack holds to one request a minute with 15 messages",
    )
    channels: tuple[str, ...] = Field(
        default=(), description="Names or ids of the channels to read; none: all that the app is a member of"
    )
    direct_messages: bool = Field(
        default=False, description="Also read direct and group messages; needs the scopes im:* and mpim:*"
    )
    bots: Literal["keep", "skip"] = Field(default="keep", description="What becomes of messages that bots write")
    bots_except: tuple[str, ...] = Field(
        default=(), description="Ids of bots, apps or users for which the opposite holds, e.g. B012AB3CD"
    )
    rescan_minutes: int | None = Field(
        default=None,
        ge=0,
        le=60 * 24 * 30,
        description="How often the last 30 days are searched for late replies and edits; without pushes nothing else"
        f" finds them. Default: {MINUTES_BETWEEN_RESCANS}, for unlisted apps a day",
    )


class SlackCredential(BaseModel):
    """A bot's or a person's token, and what renews and proves it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: str = Field(
        description="Token of the bot (xoxb-…) or of a person (xoxp-…)", json_schema_extra=_SECRET
    )
    signing_secret: str = Field(
        default="", description="Signing secret of the app: proves pushes of the Events API", json_schema_extra=_SECRET
    )
    app_token: str = Field(
        default="",
        description="App-level token (xapp-…) with connections:write: Socket Mode, without a public address",
        json_schema_extra=_SECRET,
    )
    refresh_token: str = Field(
        default="", description="Renews the token, where the app rotates its tokens", json_schema_extra=_SECRET
    )
    expires_at: str = Field(default="", description="When the token ends, as ISO 8601; empty: never")
    scope: str = Field(default="", description="What was granted, as Slack told")
    client_id: str = Field(default="", description="Client id of the app, where it rotates its tokens")
    client_secret: str = Field(
        default="", description="Client secret of the app, where it rotates its tokens", json_schema_extra=_SECRET
    )


REQUIRED_SCOPES = ("channels:history", "channels:read", "groups:history", "groups:read", "team:read", "users:read")
DIRECT_SCOPES = ("im:history", "im:read", "mpim:history", "mpim:read")
EMAIL_SCOPE = "users:read.email"

MANIFEST = Manifest(
    kind="slack",
    title="Slack",
    summary="Channels of a workspace with their threads, by the Web API; pushed by the Events API or Socket Mode.",
    config_model=SlackConfig,
    credential_model=SlackCredential,
    oauth=OAuth(
        app="slack",
        authorize_url="{base_url}/oauth/v2/authorize",
        token_url="{base_url}/api/oauth.v2.access",  # noqa: S106 — an address
        scopes=(*REQUIRED_SCOPES, EMAIL_SCOPE),
        scope_separator=",",
    ),
    push_title="Events API",
    push_secret="signing_secret",  # noqa: S106 — the name of a field
    poll_seconds=300,
)
