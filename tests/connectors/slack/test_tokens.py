"""Tokens: from OAuth, renewed where they rotate, and never lost."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsintel.connectors.oauth import credential_of
from opsintel.connectors.slack.manifest import MANIFEST, SlackConfig, SlackCredential
from opsintel.errors import CredentialError, UnavailableError
from tests.connectors.memory import MemoryConnection
from tests.connectors.slack.reading import CREDENTIAL, connection_to, connector_to, told
from tests.peers.slack import SlackPeer, refusal

ROTATED = {**CREDENTIAL, "refresh_token": "xoxe-first", "client_id": "c", "client_secret": "s"}


@pytest.fixture
def rotating(slack: SlackPeer) -> MemoryConnection:
    slack.tokens["xoxe-first"] = "xoxb-second"
    return connection_to(slack, held={**ROTATED, "expires_at": "2999-01-01T00:00:00+00:00"})


class TestRotation:
    @pytest.mark.parametrize("reason", ["token_expired", "invalid_auth"])
    def test_a_token_that_ended_is_renewed_and_the_request_goes_on(
        self, slack: SlackPeer, rotating: MemoryConnection, reason: str
    ) -> None:
        ts = slack.post("x")["ts"]
        slack.spoil = iter([None, None, refusal(reason)])
        assert told(list(connector_to(slack, rotating).read("messages", None))) == [ts]
        assert rotating.renewals == 1
        assert rotating.held is not None
        assert rotating.held["access_token"] == slack.token == "xoxb-second"
        assert rotating.held["refresh_token"] in slack.tokens, "the new refresh token is kept"
        assert rotating.held["signing_secret"] == CREDENTIAL["signing_secret"]

    def test_a_token_about_to_end_is_renewed_before_it_is_used(
        self, slack: SlackPeer, rotating: MemoryConnection
    ) -> None:
        assert rotating.held is not None
        rotating.held = {**rotating.held, "expires_at": "2020-01-01T00:00:00+00:00"}
        slack.post("x")
        assert len(told(list(connector_to(slack, rotating).read("messages", None)))) == 1
        assert slack.calls[0][0] == "oauth.v2.access"

    def test_a_token_without_an_end_is_not_renewed(self, slack: SlackPeer) -> None:
        connection = connection_to(slack)
        list(connector_to(slack, connection).read("messages", None))
        assert connection.renewals == slack.count("oauth.v2.access") == 0

    def test_a_refresh_token_that_is_refused_needs_a_person(self, slack: SlackPeer, rotating: MemoryConnection) -> None:
        slack.tokens.clear()
        slack.refusal = "token_expired"
        with pytest.raises(CredentialError, match="invalid_refresh_token"):
            list(connector_to(slack, rotating).read("messages", None))

    @pytest.mark.parametrize("reason", ["internal_error", "fatal_error", "ratelimited", "service_unavailable"])
    def test_a_refresh_that_fails_for_now_needs_nobody(
        self, slack: SlackPeer, rotating: MemoryConnection, reason: str
    ) -> None:
        slack.spoil = iter([refusal("token_expired"), refusal(reason)])
        with pytest.raises(UnavailableError):
            list(connector_to(slack, rotating).read("messages", None))
        assert rotating.held is not None
        assert rotating.held["refresh_token"] == "xoxe-first"

    def test_a_token_that_is_refused_after_its_renewal_needs_a_person(
        self, slack: SlackPeer, rotating: MemoryConnection
    ) -> None:
        slack.refusal = "invalid_auth"
        with pytest.raises(CredentialError):
            list(connector_to(slack, rotating).read("messages", None))
        assert rotating.renewals == 1


class TestManifest:
    def test_asks_for_what_reading_needs(self) -> None:
        assert MANIFEST.oauth is not None
        assert set(MANIFEST.oauth.scopes) == {
            "channels:history", "channels:read", "groups:history", "groups:read", "users:read", "users:read.email",
            "team:read"}  # fmt: skip
        assert MANIFEST.oauth.scope_separator == ","

    def test_leads_to_slack_or_to_the_address_of_the_configuration(self) -> None:
        assert MANIFEST.oauth is not None
        fields = SlackConfig().model_dump()
        assert MANIFEST.oauth.authorize_url.format(**fields) == "https://slack.com/oauth/v2/authorize"
        assert MANIFEST.oauth.token_url.format(**fields) == "https://slack.com/api/oauth.v2.access"
        government = SlackConfig(base_url="https://slack-gov.com").model_dump()
        assert MANIFEST.oauth.token_url.format(**government) == "https://slack-gov.com/api/oauth.v2.access"

    def test_takes_the_answer_of_oauth_as_a_credential(self) -> None:
        answer = {"ok": True, "access_token": "xoxb-1", "token_type": "bot", "scope": "channels:read,users:read",
                  "bot_user_id": "U1", "app_id": "A1", "team": {"id": "T1", "name": "Acme"}, "enterprise": None,
                  "authed_user": {"id": "U2"}, "refresh_token": "xoxe-1", "expires_in": 43200}  # fmt: skip
        held = SlackCredential.model_validate(credential_of(answer, datetime(2026, 1, 1, tzinfo=UTC)))
        assert (held.access_token, held.refresh_token) == ("xoxb-1", "xoxe-1")
        assert held.expires_at == "2026-01-01T12:00:00+00:00"

    def test_names_the_secret_that_proves_pushes(self) -> None:
        assert MANIFEST.push_secret in SlackCredential.model_fields
        secret = {name for name, field in SlackCredential.model_fields.items()
                  if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("secret")}  # fmt: skip
        assert secret == {"access_token", "signing_secret", "app_token", "refresh_token", "client_secret"}
