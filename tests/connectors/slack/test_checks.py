"""The checks of a workspace, each with its remedy."""

from __future__ import annotations

from itertools import chain, repeat

import pytest

from opsintel.connectors.contract import Check, Verdict
from opsintel.connectors.slack.manifest import EMAIL_SCOPE, REQUIRED_SCOPES
from tests.connectors.slack.reading import CREDENTIAL, connection_to, connector_to
from tests.peers.provider import Told
from tests.peers.slack import SlackPeer


def checks(slack: SlackPeer, **config: object) -> dict[str, Check]:
    return {check.name: check for check in connector_to(slack, **config).check()}


class TestToken:
    def test_without_one_is_told(self, slack: SlackPeer) -> None:
        (check,) = connector_to(slack, connection_to(slack, held=None)).check()
        assert (check.verdict, check.required) == (Verdict.FAILED, True)
        assert check.remedy

    def test_that_is_revoked_fails_and_nothing_else_is_asked(self, slack: SlackPeer) -> None:
        slack.refusal = "token_revoked"
        (check,) = connector_to(slack).check()
        assert check.verdict is Verdict.FAILED
        assert "token_revoked" in check.detail

    def test_tells_the_workspace_by_name(self, slack: SlackPeer) -> None:
        assert "Acme" in checks(slack)["workspace"].detail


class TestScopes:
    @pytest.mark.parametrize("scope", REQUIRED_SCOPES)
    def test_that_are_missing_are_named(self, slack: SlackPeer, scope: str) -> None:
        slack.scopes = tuple(other for other in slack.scopes if other != scope)
        check = checks(slack)["scopes"]
        assert (check.verdict, check.required) == (Verdict.FAILED, True)
        assert scope in check.detail
        assert check.remedy

    def test_of_direct_messages_are_needed_only_for_them(self, slack: SlackPeer) -> None:
        slack.scopes = tuple(scope for scope in slack.scopes if not scope.startswith(("im:", "mpim:")))
        assert checks(slack)["scopes"].verdict is Verdict.PASSED
        assert "im:history, im:read, mpim:history, mpim:read" in checks(slack, direct_messages=True)["scopes"].detail

    def test_without_addresses_are_a_warning(self, slack: SlackPeer) -> None:
        slack.scopes = tuple(scope for scope in slack.scopes if scope != EMAIL_SCOPE)
        check = checks(slack)["addresses"]
        assert (check.verdict, check.required) == (Verdict.WARNING, False)
        assert EMAIL_SCOPE in check.detail

    def test_that_nobody_tells_are_unknown(self, slack: SlackPeer) -> None:
        slack.scopes = ()
        found = checks(slack)
        assert found["scopes"].verdict is Verdict.UNKNOWN
        assert found["channels"].verdict is Verdict.FAILED, "Slack itself names the scope there"
        assert "channels:read" in found["channels"].detail


class TestChannels:
    def test_that_the_app_is_no_member_of_are_a_warning(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000BIL", "billing", is_member=False)
        check = checks(slack, channels=["support", "#billing", "nowhere"])["channels"]
        assert (check.verdict, check.required) == (Verdict.WARNING, False)
        assert "#billing, nowhere (not_in_channel)" in check.detail
        assert "/invite" in check.remedy

    def test_that_are_none_are_a_warning(self, slack: SlackPeer) -> None:
        slack.channels.clear()
        assert checks(slack)["channels"].verdict is Verdict.WARNING

    def test_are_counted(self, slack: SlackPeer) -> None:
        slack.add_channel("C0000BIL", "billing")
        assert checks(slack)["channels"].detail == "2 channels are read"


class TestPushes:
    @pytest.mark.parametrize(
        ("held", "verdict"),
        [({}, Verdict.WARNING), ({"signing_secret": "x"}, Verdict.PASSED), ({"app_token": "x"}, Verdict.PASSED)],
    )
    def test_that_cannot_come_are_a_warning(self, slack: SlackPeer, held: dict[str, str], verdict: Verdict) -> None:
        connection = connection_to(slack, held={"access_token": CREDENTIAL["access_token"], **held})
        (check,) = (check for check in connector_to(slack, connection).check() if check.name == "pushes")
        assert check.verdict is verdict


class TestOutage:
    @pytest.mark.parametrize("asked", [1, 2])
    def test_amid_the_checks_is_unknown(self, slack: SlackPeer, asked: int) -> None:
        slack.spoil = chain(repeat(None, asked), repeat(Told(500, {})))
        found = {check.verdict for check in connector_to(slack).check()}
        assert Verdict.UNKNOWN in found
        assert Verdict.FAILED not in found
