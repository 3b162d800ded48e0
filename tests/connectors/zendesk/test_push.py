"""Webhooks of Zendesk: what they mark, and that they are Zendesk's."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from opsintel.errors import InputError, SignatureError
from tests.connectors.contract import last_cursor
from tests.connectors.remote import Push, received, state, tombstones
from tests.connectors.zendesk.account import SECRET, Account, event, running_account, signed


@pytest.fixture
def account() -> Iterator[Account]:
    with running_account() as found:
        yield found


class TestKeys:
    def test_a_push_marks_its_ticket_with_all_comments_and_gives_the_rows_of_a_reading(self, account: Account) -> None:
        account.peer.make(101)
        cursor = last_cursor(account.connector().read("messages", None))
        account.peer.comment(101, "hot")
        marked = received("zendesk", signed(event(101))).keys
        assert marked == ("101/*",)
        by_push = state(account.connector().fetch(marked))
        assert by_push == state(account.connector().read("messages", cursor))
        assert len(by_push) == 2

    @pytest.mark.parametrize("kind", ["soft_deleted", "permanently_deleted", "merged", "comment_redacted"])
    def test_every_event_about_a_ticket_marks_it(self, kind: str) -> None:
        assert received("zendesk", signed(event(7, kind))).keys == ("7/*",)

    def test_a_deleted_ticket_becomes_a_tombstone(self, account: Account) -> None:
        account.peer.make(101)
        account.peer.delete(101)
        marked = received("zendesk", signed(event(101, "soft_deleted"))).keys
        assert tombstones(account.connector().fetch(marked)) == ["101"]

    def test_a_trigger_marks_the_ticket_that_its_author_names(self) -> None:
        assert received("zendesk", signed({"ticket_id": "35436"})).keys == ("35436/*",)
        assert received("zendesk", signed({"ticket_id": 35436})).keys == ("35436/*",)

    @pytest.mark.parametrize(
        "content",
        [{}, {"subject": "zen:user:7"}, {"subject": "zen:ticket:../7"}, {"ticket_id": "{{ticket.id}}"},
         {"ticket_id": [7]}, {"subject": None}, {"ticket_id": "٣"}],
    )  # fmt: skip
    def test_what_is_about_no_ticket_marks_nothing(self, content: dict[str, Any]) -> None:
        assert received("zendesk", signed(content)).keys == ()


class TestProof:
    @pytest.mark.parametrize("body", [b"", b"[]", b"7", b"\xff", b"[" * 100_000])
    def test_what_is_signed_and_no_push_is_told_apart(self, body: bytes) -> None:
        with pytest.raises(InputError):
            received("zendesk", signed(body))

    @pytest.mark.parametrize("signature", ["", " ", "x", "ü", "AAAA"])
    def test_other_signatures_are_refused(self, signature: str) -> None:
        good = signed(event(7))
        with pytest.raises(SignatureError):
            received("zendesk", Push({**good.headers, "X-Zendesk-Webhook-Signature": signature}, good.body, SECRET))

    def test_the_time_is_signed_too(self) -> None:
        good = signed(event(7))
        other = {**good.headers, "X-Zendesk-Webhook-Signature-Timestamp": "2099-01-01T00:00:00Z"}
        with pytest.raises(SignatureError):
            received("zendesk", Push(other, good.body, SECRET))

    @pytest.mark.parametrize("timestamp", ["", "soon", "2020-01-01T00:00:00Z"])
    def test_a_push_of_no_time_or_an_old_one_is_refused(self, timestamp: str) -> None:
        body = signed(event(7)).body
        digest = hmac.new(SECRET, timestamp.encode() + body, hashlib.sha256).digest()
        headers = {"X-Zendesk-Webhook-Signature": base64.b64encode(digest).decode(),
                   "X-Zendesk-Webhook-Signature-Timestamp": timestamp}  # fmt: skip
        with pytest.raises(SignatureError, match="older"):
            received("zendesk", Push(headers, body, SECRET))

    def test_its_identity_is_what_is_signed_and_no_other_header(self) -> None:
        good = signed(event(7))
        other = Push({**good.headers, "X-Zendesk-Webhook-Id": "another"}, good.body, SECRET)
        assert received("zendesk", good).delivery_id == received("zendesk", other).delivery_id
        assert received("zendesk", good).delivery_id != received("zendesk", signed(event(8))).delivery_id
