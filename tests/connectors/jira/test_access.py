"""Credentials, permissions, limits and the address of a site."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsintel.clock import now
from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.jira.manifest import MANIFEST, JiraConfig
from opsintel.errors import CredentialError, InputError, UnavailableError
from tests.connectors.contract import upserts
from tests.connectors.jira.site import Site, running_site
from tests.connectors.remote import Fault
from tests.peers.jira import CLOUD_ID


@pytest.fixture
def cloud() -> Iterator[Site]:
    with running_site() as found:
        yield found


@pytest.fixture
def oauth() -> Iterator[Site]:
    with running_site("oauth") as found:
        yield found


@pytest.fixture
def data_center() -> Iterator[Site]:
    with running_site("data_center") as found:
        yield found


def failed(site: Site, **config: Any) -> Check:
    """Return the one check that failed."""
    (check,) = [check for check in site.connector(**config).check() if check.verdict is not Verdict.PASSED]
    assert check.verdict is Verdict.FAILED
    assert check.remedy
    return check


class TestCredentials:
    def test_an_api_token_is_basic_for_the_site_itself(self, cloud: Site) -> None:
        cloud.add([1])
        list(cloud.connector().read("messages", None))
        assert {asked.headers["authorization"].split()[0] for asked in cloud.peer.asked} == {"Basic"}
        assert all(asked.path.startswith("/rest/api/3/") for asked in cloud.peer.asked)

    def test_a_personal_access_token_is_a_bearer_for_version_2(self, data_center: Site) -> None:
        data_center.add([1])
        list(data_center.connector().read("messages", None))
        assert {asked.headers["authorization"].split()[0] for asked in data_center.peer.asked} == {"Bearer"}
        assert all(asked.path.startswith("/rest/api/2/") for asked in data_center.peer.asked)

    def test_oauth_goes_through_the_gateway_by_the_cloud_id(self, oauth: Site) -> None:
        oauth.add([1])
        items = upserts(oauth.connector().read("messages", None))
        first, *others = [asked.path for asked in oauth.peer.asked]
        assert first == "/oauth/token/accessible-resources"
        assert all(path.startswith(f"/ex/jira/{CLOUD_ID}/rest/api/3/") for path in others)
        assert b"https://one.example.net/browse/SUP-1" in items[0].payload
        assert f"{CLOUD_ID}/10001".encode() in items[0].payload

    def test_a_token_that_ended_is_renewed_and_the_rotated_refresh_token_is_kept(self, oauth: Site) -> None:
        oauth.add(range(3))
        for turn in (1, 2):
            oauth.peer.access_token = "ended"
            assert len(upserts(oauth.connector().read("messages", None))) == 3
            assert oauth.connection.held is not None
            assert oauth.connection.held["refresh_token"] == oauth.peer.refresh_token == f"refresh-{turn}"
        assert oauth.connection.renewals == 2

    def test_a_token_whose_end_is_known_is_renewed_before_it_is_used(self, oauth: Site) -> None:
        assert oauth.connection.held is not None
        oauth.connection.held = {**oauth.connection.held, "expires_at": (now() - timedelta(hours=1)).isoformat()}
        list(oauth.connector().read("messages", None))
        assert "access-0" not in " ".join(asked.headers.get("authorization", "") for asked in oauth.peer.asked)

    def test_a_refresh_token_that_was_used_before_wants_a_person(self, oauth: Site) -> None:
        oauth.peer.access_token, oauth.peer.refresh_token = "ended", "another"
        with pytest.raises(CredentialError) as caught:
            list(oauth.connector().read("messages", None))
        assert "uthorise" in caught.value.remedy

    def test_of_several_sites_one_is_named(self, oauth: Site) -> None:
        oauth.peer.sites.append({"id": "other", "url": "https://two.example.net", "name": "two"})
        assert failed(oauth).detail.endswith("one.example.net, two.example.net")
        oauth.connector(site="ONE.example.net").check_usable()
        with pytest.raises(ValueError, match="site"):
            oauth.connector(site="https://one.example.net")

    def test_a_site_that_is_listed_for_another_product_too_is_one(self, oauth: Site) -> None:
        oauth.peer.sites.insert(0, oauth.peer.sites[0] | {"scopes": ["read:confluence-content.all"]})
        oauth.connector().check_usable()

    def test_an_account_without_a_site_wants_another_authorization(self, oauth: Site) -> None:
        oauth.peer.sites.clear()
        with pytest.raises(CredentialError, match="no site"):
            list(oauth.connector().read("messages", None))

    def test_a_captcha_is_named(self, cloud: Site) -> None:
        cloud.peer.notices = {"X-Seraph-LoginReason": "AUTHENTICATION_DENIED"}
        with pytest.raises(CredentialError, match="CAPTCHA"):
            list(cloud.connector().read("messages", None))

    def test_no_secret_is_in_an_error(self, oauth: Site) -> None:
        oauth.revoke()
        with pytest.raises(CredentialError) as caught:
            list(oauth.connector().read("messages", None))
        assert not [value for value in (oauth.connection.held or {}).values() if value and value in caught.value.line()]


class TestChecks:
    @pytest.mark.parametrize("scope", ["read:jira-work", "read:jira-user"])
    def test_a_missing_scope_is_named(self, oauth: Site, scope: str) -> None:
        oauth.peer.scopes.remove(scope)
        check = failed(oauth)
        assert check.name == "scopes"
        assert scope in check.detail
        assert scope in check.remedy

    def test_the_scope_of_webhooks_is_wanted_only_where_there_are_pushes(self, oauth: Site) -> None:
        oauth.peer.scopes.remove("manage:jira-webhook")
        assert {check.verdict for check in oauth.connector().check()} == {Verdict.PASSED}
        check = failed(oauth.with_push())
        assert ("manage:jira-webhook" in check.detail, check.required) == (True, False)

    def test_a_missing_permission_is_named(self, cloud: Site) -> None:
        cloud.peer.permissions.clear()
        assert "Browse Projects" in failed(cloud).detail
        assert "of the project SUP" in failed(cloud, projects=["SUP"]).detail

    def test_a_bad_condition_is_told_by_the_check(self, cloud: Site) -> None:
        check = failed(cloud, jql="flavour = sweet")
        assert check.name == "query"
        assert "flavour" in check.detail

    def test_the_wrong_deployment_is_told(self, cloud: Site) -> None:
        cloud.peer.deployment = "Server"
        assert "This is Jira Data Center" in failed(cloud).detail

    def test_a_refused_credential_is_the_credential_s_check(self, cloud: Site) -> None:
        cloud.revoke()
        assert failed(cloud).name == "credential"

    def test_a_source_without_credential_says_so(self, cloud: Site) -> None:
        cloud.connection.held = None
        assert failed(cloud).name == "credential"

    def test_an_address_without_jira_is_told(self, cloud: Site) -> None:
        check = failed(cloud, base_url=f"{cloud.peer.address}/elsewhere")
        assert "no Jira at this address" in check.detail
        cloud.peer.wrong.clear()

    def test_a_path_of_the_base_url_is_kept(self) -> None:
        assert JiraConfig.model_validate({"base_url": "https://own.example/jira"}).base_url.endswith("/jira")
        with pytest.raises(ValueError, match="base_url"):
            JiraConfig.model_validate({"base_url": "own.example"})

    def test_what_is_asked_of_a_person_covers_what_is_checked(self) -> None:
        assert MANIFEST.oauth is not None
        assert {"read:jira-work", "read:jira-user", "manage:jira-webhook", "offline_access"} == set(
            MANIFEST.oauth.scopes
        )


class TestLimits:
    def test_retry_after_holds_back_everybody(self, cloud: Site) -> None:
        cloud.add([1])
        cloud.peer.limited = lambda: {"Retry-After": "37", "RateLimit-Reason": "jira-burst-based"}  # type: ignore[method-assign]
        cloud.fail(Fault.LIMITED)
        assert len(upserts(cloud.connector().read("messages", None))) == 1
        assert cloud.connection.held_back == [("jira", 37.0)]

    def test_without_retry_after_it_waits_until_the_limit_is_reset(self, oauth: Site) -> None:
        oauth.add([1])
        reset = (now() + timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%MZ")
        headers = {"X-RateLimit-Reset": reset, "RateLimit-Reason": "jira-quota-tenant-based"}
        oauth.peer.limited = lambda: headers  # type: ignore[method-assign]
        oauth.fail(Fault.LIMITED)
        list(oauth.connector().read("messages", None))
        ((name, seconds),) = oauth.connection.held_back
        assert name == "jira-points"
        assert 1130 < seconds <= 1200

    def test_a_quota_without_any_time_is_one_of_a_full_hour(self, oauth: Site) -> None:
        oauth.add([1])
        oauth.peer.limited = lambda: {"RateLimit-Reason": "jira-quota-global-based"}  # type: ignore[method-assign]
        oauth.fail(Fault.LIMITED)
        list(oauth.connector().read("messages", None))
        ((_, seconds),) = oauth.connection.held_back
        assert abs((now().timestamp() + seconds) % 3600 - 1800) > 1790

    @pytest.mark.parametrize("header", [{"X-RateLimit-NearLimit": "true"}, {"X-RateLimit-Remaining": "0"}])
    def test_it_slows_down_when_a_limit_is_near(self, cloud: Site, header: dict[str, str]) -> None:
        cloud.peer.notices = header
        list(cloud.connector().read("messages", None))
        assert ("jira", 1.0) in cloud.connection.held_back

    def test_points_of_an_app_are_counted_by_what_a_request_reads(self, oauth: Site) -> None:
        oauth.add(range(3))
        list(oauth.connector().read("messages", None))
        # resources 1, search 101, bulkfetch 1 + 3
        assert oauth.connection.spent == {"jira-points": 1 + 101 + 4}

    def test_a_limit_that_stays_is_a_passing_fault(self, cloud: Site) -> None:
        cloud.fail(Fault.LIMITED, times=None)
        with pytest.raises(UnavailableError):
            list(cloud.connector().read("messages", None))


class TestForbidden:
    def test_403_names_what_jira_says(self, cloud: Site) -> None:
        answered = cloud.peer._answered
        cloud.peer._answered = lambda asked: type(answered(asked))(  # type: ignore[method-assign]
            403, {"errorMessages": ["The app is blocked by an IP allowlist."]}
        )
        with pytest.raises(CredentialError, match="IP allowlist") as caught:
            list(cloud.connector().read("messages", None))
        assert caught.value.remedy

    def test_a_redirect_is_a_wrong_address_and_is_not_followed(self, cloud: Site) -> None:
        answered = cloud.peer._answered
        cloud.peer._answered = lambda asked: type(answered(asked))(  # type: ignore[method-assign]
            302, {}, {"Location": "http://elsewhere.example/"}
        )
        with pytest.raises(InputError, match="no Jira at this address"):
            list(cloud.connector().read("messages", None))
