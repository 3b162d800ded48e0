"""Credentials, permissions, limits."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsintel.clock import now
from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.zendesk.client import EXPORTS
from opsintel.connectors.zendesk.manifest import MANIFEST, ZendeskConfig
from opsintel.errors import CredentialError, InputError, UnavailableError
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.remote import Fault
from tests.connectors.zendesk.account import Account, running_account
from tests.peers.provider import Told
from tests.peers.zendesk import EMAIL, TOKEN


@pytest.fixture
def account() -> Iterator[Account]:
    with running_account() as found:
        yield found


@pytest.fixture
def oauth() -> Iterator[Account]:
    with running_account("oauth") as found:
        yield found


def failed(account: Account, **selection: Any) -> list[Check]:
    """Return the checks that did not pass, all of which failed and say what to do."""
    found = [check for check in account.connector(**selection).check() if check.verdict is not Verdict.PASSED]
    assert all(check.verdict is Verdict.FAILED and check.remedy for check in found)
    return found


class TestCredentials:
    def test_an_api_token_goes_with_the_e_mail_address_and_the_word_token(self, account: Account) -> None:
        list(account.connector().read("messages", None))
        sent = {asked.headers["authorization"] for asked in account.peer.asked}
        assert sent == {"Basic " + base64.b64encode(f"{EMAIL}/token:{TOKEN}".encode()).decode()}

    def test_a_token_that_ended_is_renewed_and_the_rotated_refresh_token_is_kept(self, oauth: Account) -> None:
        oauth.add(range(3))
        oauth.peer.access_token = "ended"
        assert len(upserts(oauth.connector().read("messages", None))) == 3
        assert oauth.connection.held is not None
        assert oauth.connection.held["refresh_token"] == oauth.peer.refresh_token == "refresh-1"

    def test_a_token_whose_end_is_known_is_renewed_before_it_is_used(self, oauth: Account) -> None:
        assert oauth.connection.held is not None
        oauth.connection.held = {**oauth.connection.held, "expires_at": (now() - timedelta(hours=1)).isoformat()}
        list(oauth.connector().read("messages", None))
        assert "Bearer access-0" not in {asked.headers.get("authorization") for asked in oauth.peer.asked}

    def test_a_token_without_an_end_needs_no_renewal_and_one_that_was_revoked_wants_a_person(
        self, oauth: Account
    ) -> None:
        oauth.connection.held = {"access_token": oauth.peer.access_token}
        list(oauth.connector().read("messages", None))
        oauth.revoke()
        with pytest.raises(CredentialError) as caught:
            list(oauth.connector().read("messages", None))
        assert caught.value.remedy

    def test_the_address_is_made_of_the_subdomain_which_holds_no_path(self) -> None:
        assert ZendeskConfig(subdomain="acme").address == "https://acme.zendesk.com"
        for subdomain in ("acme.evil.example/", "", "a/b", "a@b", "-a"):
            with pytest.raises(ValueError, match="subdomain"):
                ZendeskConfig(subdomain=subdomain)
        assert MANIFEST.oauth is not None
        assert MANIFEST.oauth.token_url.format(subdomain="acme") == "https://acme.zendesk.com/oauth/tokens"


class TestChecks:
    def test_a_missing_scope_is_named(self, oauth: Account) -> None:
        oauth.peer.scopes = ["write"]
        (check,) = failed(oauth)
        assert check.name == "scopes"
        assert "scope read" in check.detail

    @pytest.mark.parametrize("scopes", [["read"], ["tickets:read", "users:read"], ["read", "write"]])
    def test_scopes_that_suffice_do(self, oauth: Account, scopes: list[str]) -> None:
        oauth.peer.scopes = scopes
        assert failed(oauth) == []

    def test_a_role_that_may_not_export_is_named(self, account: Account) -> None:
        account.peer.role = "agent"
        role, export = failed(account)
        assert "role agent" in role.detail
        assert "administrator" in role.remedy
        assert export.name == "export"
        with pytest.raises(CredentialError, match="forbids it: Forbidden You do not have access"):
            list(account.connector().read("messages", None))

    def test_a_stranger_that_is_answered_with_200_is_noticed(self, account: Account) -> None:
        account.peer.is_revoked = account.peer.shows_strangers_nobody = True
        (check,) = failed(account)
        assert check.name == "credential"

    def test_a_bad_search_is_told_by_the_check(self, account: Account) -> None:
        (check,) = failed(account, search="((")
        assert (check.name, "Invalid search" in check.detail) == ("search", True)

    def test_an_address_without_account_is_told(self, account: Account) -> None:
        account.peer._answered = lambda asked: Told(404, b"<html>No such help desk</html>")  # type: ignore[method-assign]
        (check,) = failed(account)
        assert "no account of Zendesk" in check.detail
        assert "subdomain" in check.remedy

    def test_a_source_without_credential_says_so(self, account: Account) -> None:
        account.connection.held = None
        assert [check.name for check in failed(account)] == ["credential"]


class TestLimits:
    def test_exports_stay_below_ten_a_minute_in_every_minute(self) -> None:
        apart = EXPORTS.cost(1).total_seconds()
        assert EXPORTS.burst == 1
        assert 0.9 <= 60 / apart / 10 < 1

    def test_each_kind_of_request_has_its_own_budget(self, account: Account) -> None:
        account.add(range(2))
        cursor = last_cursor(account.connector().read("messages", None))
        account.edit(0)
        account.peer.found["x"] = {100}
        list(account.connector(search="x").read("messages", cursor))
        assert account.connection.spent.keys() == {"zendesk-exports", "zendesk-requests", "zendesk-searches"}

    def test_retry_after_holds_back_the_budget_that_was_used(self, account: Account) -> None:
        account.add(range(2))
        account.peer.limited = lambda: {"Retry-After": "37"}  # type: ignore[method-assign]
        account.fail(Fault.LIMITED)
        assert len(upserts(account.connector().read("messages", None))) == 2
        assert account.connection.held_back == [("zendesk-exports", 37.0)]

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [({"X-Rate-Limit-Remaining": "0"}, 60.0), ({"X-Rate-Limit-Remaining": "0", "ratelimit-reset": "12"}, 12.0),
         ({"ratelimit-remaining": "0", "ratelimit-reset": "soon"}, 60.0)],
    )  # fmt: skip
    def test_it_pauses_when_nothing_of_a_limit_is_left(
        self, account: Account, headers: dict[str, str], seconds: float
    ) -> None:
        account.peer.notices = headers
        list(account.connector().read("messages", None))
        assert ("zendesk-exports", seconds) in account.connection.held_back

    def test_a_limit_that_stays_is_a_passing_fault(self, account: Account) -> None:
        account.fail(Fault.LIMITED, times=None)
        with pytest.raises(UnavailableError):
            list(account.connector().read("messages", None))

    def test_a_clock_that_is_ahead_is_a_passing_fault_with_a_remedy(self, account: Account) -> None:
        future = int((account.peer.moment() + timedelta(hours=1)).timestamp())
        with pytest.raises(UnavailableError, match="Too recent start_time") as caught:
            list(account.connector(start_time=future).read("messages", None))
        assert "clock" in caught.value.remedy

    def test_other_refusals_name_what_zendesk_says(self, account: Account) -> None:
        account.peer._answered = lambda asked: Told(418, {"error": "Teapot", "description": "short and stout"})  # type: ignore[method-assign]
        with pytest.raises(InputError, match="short and stout"):
            list(account.connector().read("messages", None))
