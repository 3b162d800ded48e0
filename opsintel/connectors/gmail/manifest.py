"""What the product needs to know of Gmail."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from opsintel.connectors.contract import Manifest, OAuth

SCOPE = "https://www.googleapis.com/auth/gmail.readonly"
PUBSUB_SCOPE = "https://www.googleapis.com/auth/pubsub"

_SECRET: JsonDict = {"secret": True}


class GmailConfig(BaseModel):
    """Which mailbox is read, and how Google tells of news."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mailbox: str = Field(
        "me",
        min_length=1,
        description="Address of the mailbox; `me` is that of who authorised. A service account needs the address",
    )
    read_spam: bool = Field(False, description="Read what Gmail holds for spam too")
    read_drafts: bool = Field(False, description="Read drafts too")
    topic: str = Field(
        "",
        pattern=r"^(projects/[^/\s]+/topics/[^/\s]+)?$",
        description="Pub/Sub topic that Gmail tells of changes: projects/…/topics/…; empty: the mailbox is polled",
    )
    subscription: str = Field(
        "",
        pattern=r"^(projects/[^/\s]+/subscriptions/[^/\s]+)?$",
        description="Pub/Sub subscription to pull from, where there is no public address: projects/…/subscriptions/…",
    )
    push_account: str = Field("", description="E-mail of the service account that the push subscription signs as")
    push_audience: str = Field("", description="Audience of the push subscription; empty: the address of the pushes")
    base_url: str = Field("https://gmail.googleapis.com", description="Address of the Gmail API")
    pubsub_url: str = Field("https://pubsub.googleapis.com", description="Address of the Pub/Sub API")
    token_url: str = Field("https://oauth2.googleapis.com/token", description="Address that gives tokens")
    keys_url: str = Field(
        "https://www.googleapis.com/oauth2/v3/certs", description="Address of the keys that pushes are signed with"
    )


class GmailCredential(BaseModel):
    """Tokens of a person, or a service account with domain-wide delegation; a service account also pulls news."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: str = Field("", description="Present access token", json_schema_extra=_SECRET)
    expires_at: str = Field("", description="When it ends (ISO 8601)")
    refresh_token: str = Field("", description="Token that gives new ones", json_schema_extra=_SECRET)
    scope: str = Field("", description="What was granted, with spaces between")
    client_id: str = Field("", description="Client id of the app that was authorised")
    client_secret: str = Field("", description="Client secret of that app", json_schema_extra=_SECRET)
    service_account: str = Field("", description="JSON key of a service account", json_schema_extra=_SECRET)
    pubsub_token: str = Field("", description="Present access token for Pub/Sub", json_schema_extra=_SECRET)
    pubsub_expires_at: str = Field("", description="When it ends (ISO 8601)")
    push_trust: str = Field("", description="What pushes are verified by: audience, sender and Google's keys")


MANIFEST = Manifest(
    kind="gmail",
    title="Gmail",
    summary="Mail of Google, one mailbox: by a person's word, or a service account of the domain.",
    config_model=GmailConfig,
    credential_model=GmailCredential,
    oauth=OAuth(
        app="google",
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url="https://oauth2.googleapis.com/token",  # noqa: S106 - an address
        scopes=(SCOPE,),
        # A refresh token comes with consent only; the second authorisation of the same person would bring none.
        parameters={"access_type": "offline", "prompt": "consent"},
    ),
    push_title="Pub/Sub push",
    push_secret="push_trust",  # noqa: S106 - the name of a field
    poll_seconds=300,
)
