"""What Slack says went wrong: what needs a person, what concerns one channel, and what passes."""

from __future__ import annotations

from itertools import chain, repeat

import pytest

from opsintel.connectors.slack.faults import SKIPPED, SkippedError, fault_of
from opsintel.errors import CredentialError, InputError, ItemError, UnavailableError
from tests.connectors.slack.reading import connection_to, connector_to, read, told
from tests.peers.provider import Told
from tests.peers.slack import SlackPeer, refusal

FATAL = ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "org_login_required",
         "no_permission", "not_allowed_token_type", "access_denied", "accesslimited", "team_access_not_granted",
         "enterprise_is_restricted", "ekm_access_denied")  # fmt: skip
PASSING = ("ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
           "team_added_to_org", "something_new", "")  # fmt: skip


class TestFatal:
    @pytest.mark.parametrize("reason", FATAL)
    def test_errors_with_status_200_need_a_person(self, slack: SlackPeer, reason: str) -> None:
        slack.post("x")
        slack.refusal = reason
        with pytest.raises(CredentialError, match=reason) as caught:
            read(slack)
        assert caught.value.remedy
        assert len(slack.calls) == 1, "it is not tried again"

    def test_scopes_that_are_missing_are_named(self, slack: SlackPeer) -> None:
        slack.post("x")
        slack.scopes = tuple(scope for scope in slack.scopes if not scope.endswith(":history"))
        with pytest.raises(CredentialError, match="channels:history") as caught:
            read(slack)
        assert "Add it to the app" in caught.value.remedy

    @pytest.mark.parametrize("reason", ["invalid_arguments", "invalid_cursor", "missing_argument", "unknown_method"])
    def test_requests_that_are_wrong_fail_loudly(self, slack: SlackPeer, reason: str) -> None:
        slack.post("x")
        slack.refusal = reason
        with pytest.raises(InputError, match=reason):
            read(slack)

    def test_another_server_is_told_from_slack(self, slack: SlackPeer) -> None:
        slack.spoil = repeat(Told(404, b"<html>"))
        with pytest.raises(InputError, match="no Slack at the address"):
            read(slack)


class TestSkipped:
    @pytest.mark.parametrize("reason", sorted(SKIPPED))
    def test_errors_concern_one_thing_only(self, reason: str) -> None:
        fault = fault_of({"ok": False, "error": reason}, 200)
        assert isinstance(fault, SkippedError)
        assert isinstance(fault, ItemError)
        assert reason in fault.message


class TestPassing:
    @pytest.mark.parametrize("reason", PASSING)
    @pytest.mark.parametrize("request_number", range(5))
    def test_errors_with_status_200_are_tried_again(self, slack: SlackPeer, reason: str, request_number: int) -> None:
        root = slack.post("x")["ts"]
        reply = slack.post("y", root=root)["ts"]
        slack.spoil = chain(repeat(None, request_number), repeat(refusal(reason), 2))
        assert told(read(slack)) == [root, reply]

    @pytest.mark.parametrize("reason", PASSING)
    def test_errors_that_do_not_pass_end_the_reading_and_switch_nothing_off(
        self, slack: SlackPeer, reason: str
    ) -> None:
        slack.post("x")
        slack.spoil = repeat(refusal(reason))
        with pytest.raises(UnavailableError):
            read(slack)

    def test_pages_of_a_proxy_are_no_answer(self, slack: SlackPeer) -> None:
        ts = slack.post("x")["ts"]
        slack.spoil = iter([Told(200, b"<html>"), Told(502, b"<html>"), None, None, Told(200, b"")])
        assert told(read(slack)) == [ts]

    def test_a_limit_holds_all_processes_back_for_as_long_as_slack_says(self, slack: SlackPeer) -> None:
        slack.post("x")
        slack.spoil = iter([None, None, Told(429, {}, {"Retry-After": "17"})])
        connection = connection_to(slack)
        list(connector_to(slack, connection).read("messages", None))
        assert connection.held_back == [("slack.conversations.history", 17.0)]

    def test_words_of_others_are_not_repeated(self) -> None:
        fault = fault_of({"error": "no\nsuch \u202ething"}, 200)
        assert fault.message == "Slack answers with status 200"
        assert "\n" not in fault_of({"error": "missing_scope", "needed": "a\nb"}, 200).message
