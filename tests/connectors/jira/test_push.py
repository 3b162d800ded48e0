"""Webhooks of Jira: what they mark, that they are Jira's, and that they do not end."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from opsintel.clock import now
from opsintel.errors import InputError, SignatureError
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.jira.site import SECRET, Site, moment, running_site, signed
from tests.connectors.remote import Push, received, state, tombstones
from tests.peers.jira import CLIENT_SECRET


@pytest.fixture
def cloud() -> Iterator[Site]:
    with running_site() as found:
        yield found


@pytest.fixture
def oauth() -> Iterator[Site]:
    with running_site("oauth") as found:
        yield found.with_push()


def keys(event: str, **parts: Any) -> tuple[str, ...]:
    return received("jira", signed({"webhookEvent": event, "timestamp": moment(), **parts})).keys


def bearer(claims: dict[str, Any] | None = None, secret: str = CLIENT_SECRET, algorithm: str = "HS256") -> Push:
    """Return a push as an OAuth app gets it: a token, and no signature of the body."""
    token = jwt.encode({"iss": "jira", "iat": int(now().timestamp())} | (claims or {}), secret, algorithm=algorithm)
    event = {"webhookEvent": "jira:issue_updated", "timestamp": moment(), "issue": {"id": "10001", "key": "SUP-1"}}
    return Push({"Authorization": f"Bearer {token}"}, json.dumps(event).encode(), CLIENT_SECRET.encode())


class TestKeys:
    def test_an_issue_is_marked_with_its_comments_since_they_share_its_labels(self, cloud: Site) -> None:
        cloud.peer.make(1)
        cloud.peer.comment("10001", "hot")
        first = list(cloud.connector().read("messages", None))
        cloud.peer.change("10001", labels=["urgent"])
        marked = keys("jira:issue_updated", issue={"id": "10001", "key": "SUP-1"})
        by_push = state(cloud.connector().fetch(marked))
        assert by_push == state(cloud.connector().read("messages", last_cursor(first)))
        assert len(by_push) == 2

    @pytest.mark.parametrize("event", ["comment_created", "comment_updated", "comment_deleted"])
    def test_a_comment_is_marked_alone(self, event: str) -> None:
        assert keys(event, issue={"id": "10001"}, comment={"id": "10001007"}) == ("10001/10001007",)

    def test_a_deleted_issue_and_the_comments_that_the_push_names_become_tombstones(self, cloud: Site) -> None:
        cloud.peer.make(1)
        comment = cloud.peer.comment("10001", "hot")
        cloud.delete(1)
        fields = {"comment": {"comments": [{"id": comment}]}}
        marked = keys("jira:issue_deleted", issue={"id": "10001", "key": "SUP-1", "fields": fields})
        assert tombstones(cloud.connector().fetch(marked)) == ["10001", f"10001/{comment}"]

    def test_a_comment_that_is_gone_is_a_tombstone_and_others_are_not_read(self, cloud: Site) -> None:
        cloud.peer.make(1)
        gone, kept = cloud.peer.comment("10001", "a"), cloud.peer.comment("10001", "b")
        del cloud.peer.issues["10001"].comments[0]
        items = list(cloud.connector().fetch([f"10001/{gone}", f"10001/{kept}"]))
        assert tombstones(items) == [f"10001/{gone}"]
        assert [item.native_id for item in upserts(items)] == [f"10001/{kept}"]

    @pytest.mark.parametrize("parts", [{}, {"issue": None}, {"issue": {"id": "../7"}}, {"issue": {"id": None}}])
    def test_an_event_about_no_issue_marks_nothing(self, parts: dict[str, Any]) -> None:
        assert keys("project_created", **parts) == ()

    @pytest.mark.parametrize("fields", [None, [], {"comment": None}, {"comment": {"comments": [7, {}]}}])
    def test_a_deletion_with_odd_fields_marks_the_issue(self, fields: object) -> None:
        assert keys("jira:issue_deleted", issue={"id": "10001", "fields": fields}) == ("10001/*",)


class TestProof:
    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"webhookEvent": 7}', b"[" * 100_000])
    def test_what_is_signed_and_no_push_is_told_apart(self, body: bytes) -> None:
        headers = {"X-Hub-Signature": "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()}
        with pytest.raises(InputError):
            received("jira", Push(headers, body, SECRET))

    @pytest.mark.parametrize("signature", ["sha1=00", "sha256=", "sha256=ü", "00", " "])
    def test_other_signatures_are_refused(self, signature: str) -> None:
        good = signed({"webhookEvent": "jira:issue_updated", "timestamp": moment(), "issue": {"id": "1"}})
        with pytest.raises(SignatureError):
            received("jira", Push({"X-Hub-Signature": signature}, good.body, SECRET))

    def test_a_push_without_time_is_refused(self) -> None:
        with pytest.raises(SignatureError):
            received("jira", signed({"webhookEvent": "jira:issue_updated", "issue": {"id": "1"}}))

    def test_its_identity_is_its_body_and_no_header(self) -> None:
        good = signed({"webhookEvent": "jira:issue_updated", "timestamp": moment(), "issue": {"id": "1"}})
        other = Push({**good.headers, "X-Atlassian-Webhook-Identifier": "another"}, good.body, SECRET)
        assert received("jira", good).delivery_id == received("jira", other).delivery_id

    def test_a_token_of_the_app_is_taken(self) -> None:
        assert received("jira", bearer()).keys == ("10001/*",)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"secret": "another secret, which is long enough"},
            {"algorithm": "HS512"},
            {"claims": {"exp": 1_600_000_000}},
        ],
        ids=["secret", "algorithm", "ended"],
    )
    def test_other_tokens_are_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(SignatureError):
            received("jira", bearer(**wrong))

    @pytest.mark.parametrize("header", ["Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer x", "Bearer", "Basic eDp5"])
    def test_what_is_no_token_is_refused(self, header: str) -> None:
        with pytest.raises(SignatureError):
            received("jira", Push({"Authorization": header}, bearer().body, CLIENT_SECRET.encode()))

    def test_an_old_push_with_a_good_token_is_refused(self) -> None:
        with pytest.raises(SignatureError):
            received("jira", bearer(), datetime.now(UTC) + timedelta(minutes=6))


class TestRenewal:
    def test_a_webhook_is_made_for_all_projects_and_then_kept_alive(self, oauth: Site) -> None:
        oauth.peer.make(1)
        oauth.peer.make(2, "OPS", project={"id": "11", "key": "OPS"})
        due = oauth.connector().renew()
        (made,) = oauth.peer.webhooks.values()
        assert made["jqlFilter"] == "project in (10, 11)"
        assert "comment_deleted" in made["events"]
        assert oauth.peer.webhook_url == "https://ops.example/v1/push/7"
        assert timedelta(0) < due - now() < timedelta(days=30)
        ends = made["expirationDate"]
        oauth.peer.tick(timedelta(days=1))
        oauth.connector().renew()
        (kept,) = oauth.peer.webhooks.values()
        assert kept["expirationDate"] > ends

    def test_a_new_project_replaces_it(self, oauth: Site) -> None:
        oauth.peer.make(1)
        oauth.connector().renew()
        oauth.peer.make(2, "OPS", project={"id": "11", "key": "OPS"})
        oauth.connector().renew()
        assert [one["jqlFilter"] for one in oauth.peer.webhooks.values()] == ["project in (10, 11)"]

    def test_projects_of_the_configuration_are_named_by_key(self, oauth: Site) -> None:
        oauth.connector(projects=["SUP"]).renew()
        assert [one["jqlFilter"] for one in oauth.peer.webhooks.values()] == ['project in ("SUP")']

    def test_a_refusal_that_is_told_with_200_is_an_error(self, oauth: Site) -> None:
        oauth.peer.make(1)
        oauth.peer.webhook_error = "Only a single URL per app is allowed to be registered"
        with pytest.raises(InputError, match="single URL"):
            oauth.connector().renew()

    def test_an_installation_without_a_public_address_makes_none(self, oauth: Site) -> None:
        oauth.connection.push = None
        assert oauth.connector().renew() > now()
        assert oauth.peer.webhooks == {}

    def test_webhooks_made_by_hand_need_no_renewal(self, cloud: Site) -> None:
        assert cloud.with_push().connector().renew() > now()
        assert cloud.peer.asked == []
