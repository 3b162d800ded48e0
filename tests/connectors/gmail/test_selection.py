"""What of a filter Gmail evaluates, in lists and, by lists, for what its history tells."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from opsintel.clock import now
from opsintel.connectors.contract import Window
from opsintel.filters.parse import parse
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.gmail.mailbox import Mailbox
from tests.connectors.remote import state, tombstones
from tests.connectors.sources import mail, moment

DAY = 24 * 60


def ids(peer: Mailbox, *numbers: int) -> set[str]:
    return {peer.native_id(number) for number in numbers}


def select(peer: Mailbox, text: str, at: datetime | None = None) -> None:
    peer.selection = dict(peer.connector().plan(parse(text), at or now()).pushed)


@pytest.fixture
def box(peer: Mailbox) -> Mailbox:
    """Mails of ten days; those with even numbers have a label."""
    peer.peer.names["Label_7"] = "Acme, Inc"
    for number in range(10):
        labels = ["INBOX", "Label_7"] if number % 2 == 0 else ["INBOX"]
        peer.peer.put(peer.native_id(number), mail(number), moment(number * DAY), labels)
    return peer


class TestSelection:
    def test_goes_by_the_ids_of_the_accounts_labels(self, box: Mailbox) -> None:
        select(box, 'label:"Acme, Inc"')
        assert box.selection["labelIds"] == ["Label_7"]
        assert set(state(box.connector().read("messages", None))) == ids(box, 0, 2, 4, 6, 8)

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("subject:lamp", range(10)),
            ("subject:lamp from:person3@example.org", [3]),
            ("after:2026-01-10", range(5, 10)),
            ("after:2026-01-10 before:2026-01-12 -label:spam", [5, 6]),
        ],
    )
    def test_is_the_same_in_lists_census_history_and_fetch(self, box: Mailbox, text: str, numbers: list[int]) -> None:
        empty = last_cursor(Mailbox(box.peer).connector().read("messages", None))
        select(box, text)
        assert box.selection.get("q")
        expected = ids(box, *numbers)
        assert set(state(box.connector().read("messages", None))) == expected
        assert {key for key, _ in box.connector().census(Window())} == expected
        by_history = state(box.connector().read("messages", {**empty, "history": "1000"}))
        assert set(by_history) == expected
        assert set(state(box.connector().fetch(sorted(ids(box, *range(10)))))) == expected

    def test_is_left_by_a_message_that_loses_its_label(self, box: Mailbox) -> None:
        select(box, 'label:"Acme, Inc" subject:lamp')
        first = list(box.connector().read("messages", None))
        box.peer.label(box.native_id(4), remove=["Label_7"])
        box.peer.label(box.native_id(5), ["Label_7"])
        box.peer.label(box.native_id(6), ["STARRED"])
        second = list(box.connector().read("messages", last_cursor(first)))
        assert set(state(second)) == ids(box, 5, 6)
        assert tombstones(second) == [box.native_id(4)]

    def test_asks_for_few_spans_of_time(self, box: Mailbox) -> None:
        select(box, "subject:lamp")
        first = list(box.connector().read("messages", None))
        for number in (0, 8, 9):
            box.edit(number)
        box.peer.called.clear()
        assert len(upserts(box.connector().read("messages", last_cursor(first)))) == 3
        searches = [one.parameters["q"] for one in box.peer.called if one.method.endswith("messages.list")]
        assert len(searches) == 2, "one for each span, not for each message"

    def test_is_sent_as_a_form_where_it_is_long(self, box: Mailbox) -> None:
        box.selection = {"q": " ".join(['subject:"lamp 3"'] * 200)}
        assert set(state(box.connector().read("messages", None))) == ids(box, 3)
        assert "POST" in {asked.method for asked in box.peer.asked if asked.path.endswith("/messages")}


class TestCensus:
    def test_of_a_window_asks_for_that_window(self, box: Mailbox) -> None:
        box.peer.called.clear()
        window = Window(moment(2 * DAY), moment(4 * DAY))
        assert dict(box.connector().census(window)) == {
            box.native_id(2): moment(2 * DAY),
            box.native_id(3): moment(3 * DAY),
        }
        assert len([one for one in box.peer.called if one.method.endswith("messages.get")]) <= 4

    def test_is_exact_to_the_millisecond(self, peer: Mailbox) -> None:
        start = moment(0)
        for number, shift in enumerate((-1, 0, 1)):
            peer.peer.put(f"18{number}", mail(number), start + timedelta(milliseconds=shift))
        assert [key for key, _ in peer.connector().census(Window(start, start + timedelta(milliseconds=1)))] == ["181"]


def test_without_a_connection_a_plan_knows_no_labels() -> None:
    from opsintel.connectors.gmail.connector import GmailConnector
    from opsintel.connectors.gmail.manifest import GmailConfig

    found = GmailConnector(GmailConfig()).plan(parse("from:a@b.example label:spam"), now())
    assert found.pushed["labelIds"] == ["SPAM"]
