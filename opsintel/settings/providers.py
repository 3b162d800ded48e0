"""Providers that the installation has apps with, and servers of its own."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from opsintel.settings.declaration import HostsAndPorts, OptionalSecret, OptionalText, OptionalWebUrl, setting


class ProviderSettings(BaseModel):
    """Providers that the installation has apps with, and servers of its own."""

    local_servers: HostsAndPorts = setting(
        "OPSINTEL_LOCAL_SERVERS",
        default=(),
        meaning="Servers on private addresses that addresses given by users may name, each exactly as host:port,"
        " with commas between: a local model server, say",
        example="localhost:11434,llm.example.com:8000",
        absent="none",
    )
    google_client_id: OptionalText = setting(
        "GOOGLE_CLIENT_ID",
        default=None,
        meaning="OAuth client for Gmail and Sheets",
        example="1234.apps.googleusercontent.com",
        absent="connections by OAuth are shown as unavailable; a service account still works",
    )
    google_client_secret: OptionalSecret = setting(
        "GOOGLE_CLIENT_SECRET",
        default=None,
        meaning="Secret of that OAuth client",
        example="GOCSPX-...",
        absent="as above",
    )
    microsoft_client_id: OptionalText = setting(
        "OPSINTEL_MICROSOFT_CLIENT_ID",
        default=None,
        meaning="OAuth client for Outlook",
        example="the id of the app as registered there",
        absent="Outlook is connected by a token or an app of the tenant's own",
    )
    microsoft_client_secret: OptionalSecret = setting(
        "OPSINTEL_MICROSOFT_CLIENT_SECRET",
        default=None,
        meaning="Secret of that OAuth client",
        example="a secret",
        absent="as above",
    )
    slack_client_id: OptionalText = setting(
        "OPSINTEL_SLACK_CLIENT_ID",
        default=None,
        meaning="OAuth client for Slack",
        example="the id of the app as registered there",
        absent="Slack is connected by a token or an app of the tenant's own",
    )
    slack_client_secret: OptionalSecret = setting(
        "OPSINTEL_SLACK_CLIENT_SECRET",
        default=None,
        meaning="Secret of that OAuth client",
        example="a secret",
        absent="as above",
    )
    zendesk_client_id: OptionalText = setting(
        "OPSINTEL_ZENDESK_CLIENT_ID",
        default=None,
        meaning="OAuth client for Zendesk",
        example="the id of the app as registered there",
        absent="Zendesk is connected by a token or an app of the tenant's own",
    )
    zendesk_client_secret: OptionalSecret = setting(
        "OPSINTEL_ZENDESK_CLIENT_SECRET",
        default=None,
        meaning="Secret of that OAuth client",
        example="a secret",
        absent="as above",
    )
    atlassian_client_id: OptionalText = setting(
        "OPSINTEL_ATLASSIAN_CLIENT_ID",
        default=None,
        meaning="OAuth client for Jira",
        example="the id of the app as registered there",
        absent="Jira is connected by a token or an app of the tenant's own",
    )
    atlassian_client_secret: OptionalSecret = setting(
        "OPSINTEL_ATLASSIAN_CLIENT_SECRET",
        default=None,
        meaning="Secret of that OAuth client",
        example="a secret",
        absent="as above",
    )
    google_service_account_file: Path | None = setting(
        "OPSINTEL_GOOGLE_SERVICE_ACCOUNT_FILE",
        default=None,
        meaning="JSON key of a Google service account for Sheets exports",
        example="/srv/secrets/sheets.json",
        absent="each target brings its own",
    )
    google_sheets_endpoint: OptionalWebUrl = setting(
        "OPSINTEL_GOOGLE_SHEETS_ENDPOINT",
        default=None,
        meaning="Another address of the Google Sheets API (tests, proxies)",
        example="http://127.0.0.1:9000",
        absent="Google's own",
    )
