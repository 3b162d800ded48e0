"""Rows of tables become canonical messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from opsintel.connectors.contract import PayloadFormat
from opsintel.errors import ItemError
from opsintel.events.message import CanonicalMessage, Direction, IdentityKind, Kind, Visibility
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
