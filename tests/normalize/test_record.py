"""Rows of tables become canonical messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from opsintel.connectors.contract import PayloadFormat
from opsintel.errors import ItemError
from opsintel.events.message import AutomaticClass, CanonicalMessage, Direction, IdentityKind, Kind, Visibility
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload


def read(**fields: Any) -> CanonicalMessage:
    context = NormalizeContext(own_domains=frozenset({"acme.example"}))
    return parse_payload(json.dumps(fields).encode(), PayloadFormat.RECORD, "row-1", context=context)


class TestRecords:
    def test_a_full_row_fills_the_message(self) -> None:
        found = read(
            id="7", text="The lamp is broken", subject="Lamp", occurred_at="2021-01-01T10:00:00+02:00",
            author_name="Ada", author_email="Ada@C.example", recipients=["help@acme.example"], channel="web",
            thread="T-1", parent="6", status="open", priority="high", labels=["a", "b"], kind="chat",
            extra={"plan": "pro"},
        )  # fmt: skip
        assert (found.text, found.subject, found.kind, found.channel) == (
            "The lamp is broken",
            "Lamp",
            Kind.CHAT,
            "web",
        )
        assert found.occurred_at == datetime(2021, 1, 1, 8, tzinfo=UTC)
        assert found.author is not None
        assert (found.author.value, found.author.name) == ("ada@c.example", "Ada")
        assert (found.thread_key, found.parent_key, found.labels) == ("T-1", "6", ("a", "b"))
        assert found.extra == {"status": "open", "priority": "high", "plan": "pro"}
        assert found.direction is Direction.INBOUND

    def test_a_row_of_text_alone_is_a_ticket_of_its_own_thread(self) -> None:
        found = read(text="Where is my order?")
        assert (found.kind, found.thread_key, found.author) == (Kind.TICKET, "row-1", None)
        assert found.occurred_at_flag == "missing"

    def test_a_name_without_address_is_an_identity_by_name(self) -> None:
        author = read(text="x y", author_name="Ada Byron").author
        assert author is not None
        assert (author.kind, author.value) == (IdentityKind.NAME, "ada byron")

    @pytest.mark.parametrize(
        ("value", "flag"),
        [("", "missing"), (None, "missing"), ("soon", "absurd"), ("0001-01-01", "absurd"), (-5e18, "absurd"),
         (1e300, "absurd"), ("nan", "absurd"), ("2999-01-01T00:00:00Z", "future"), (True, "missing")],
    )  # fmt: skip
    def test_absurd_times_are_flagged(self, value: object, flag: str) -> None:
        found = read(text="x", occurred_at=value)
        assert (found.occurred_at, found.occurred_at_flag) == (None, flag)

    @pytest.mark.parametrize(
        "value", ["1609459200", 1609459200, 1609459200.0, 1609459200000, "2021-01-01", "2021-01-01 00:00:00"]
    )
    def test_times_of_many_forms_are_utc(self, value: object) -> None:
        assert read(text="x", occurred_at=value).occurred_at == datetime(2021, 1, 1, tzinfo=UTC)

    def test_internal_notes_stay_internal(self) -> None:
        assert read(text="x", visibility="internal").visibility is Visibility.INTERNAL
        assert read(text="x").visibility is Visibility.PUBLIC

    @pytest.mark.parametrize("payload", [b"", b"[1]", b"{", b"{}", b'{"id": "1"}', b"\xff\xfe", b"[" * 200_000])
    def test_what_has_no_text_is_an_item_error(self, payload: bytes) -> None:
        with pytest.raises(ItemError):
            parse_payload(payload, PayloadFormat.RECORD, "x", context=NormalizeContext())


class TestRecordsOfHelpDesks:
    def test_the_author_is_known_by_the_providers_id_where_there_is_no_address(self) -> None:
        identity = {"kind": "jira", "value": "5b10ac8d", "name": "Ada"}
        by_id = read(text="x", author_identity=identity).author
        assert by_id is not None
        assert (by_id.kind, by_id.value, by_id.name) == (IdentityKind.JIRA, "5b10ac8d", "Ada")
        by_address = read(text="x", author_identity=identity, author_email="ada@c.example", author_name="Ada").author
        assert by_address is not None
        assert (by_address.kind, by_address.value) == (IdentityKind.EMAIL, "ada@c.example")

    @pytest.mark.parametrize("identity", ["jira", {}, {"kind": "fax", "value": "1"}, {"kind": "jira", "value": " "}, 7])
    def test_what_is_no_identity_is_none(self, identity: object) -> None:
        assert read(text="x", author_identity=identity).author is None

    def test_recipients_are_addresses_and_ids(self) -> None:
        recipients = [{"email": "a@c.example"}, {"kind": "zendesk", "value": "77", "name": "Bo"}, {"kind": "x"}, 5]
        assert [(one.kind, one.value) for one in read(text="x", recipients=recipients).recipients] == [
            (IdentityKind.EMAIL, "a@c.example"),
            (IdentityKind.ZENDESK, "77"),
        ]

    def test_files_are_named_and_measured(self) -> None:
        files = [{"filename": "a.png", "content_type": "image/png", "size": 7, "inline": True}, {"size": -1}, "b.png"]
        first, second = read(text="x", attachments=files).attachments
        assert (first.filename, first.content_type, first.size, first.inline) == ("a.png", "image/png", 7, True)
        assert (second.filename, second.size) == ("", 0)

    def test_links_are_kept_beside_the_text_and_none_that_a_browser_would_run(self) -> None:
        links = [
            {"url": "https://a.example/x", "text": "the  page"},
            {"url": "javascript:alert(1)"},
            "https://b.example",
        ]
        found = read(text="see the page\r\n", links=links)
        assert [(link.url, link.text) for link in found.links] == [("https://a.example/x", "the page")]
        assert found.text == "see the page"

    def test_what_a_program_wrote_is_marked(self) -> None:
        found = read(text="Build 7 failed", is_bot=True)
        assert (found.is_bot, found.automatic) == (True, AutomaticClass.BOT)
        assert not read(text="Build 7 failed", is_bot="yes").is_bot

    def test_none_of_it_is_repeated_among_further_fields(self) -> None:
        fields = {"author_identity": {"kind": "jira", "value": "7"}, "attachments": [], "links": [], "is_bot": True}
        assert read(text="x", **fields).extra == {}
