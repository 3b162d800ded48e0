"""Nothing is missed and nothing repeated, whatever happens in the account while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from opsintel.connectors.contract import Checkpoint, Window
from opsintel.errors import InputError, UnavailableError
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.remote import state
from tests.connectors.zendesk.account import Account, running_account
from tests.peers.provider import Asked, Told


@pytest.fixture
def account() -> Iterator[Account]:
    with running_account() as found:
        yield found


def ids(items: Any) -> list[str]:
    return [item.native_id for item in upserts(items)]


def paths(account: Account, since: int = 0) -> list[str]:
    return [asked.path.rpartition("/")[2] for asked in account.peer.asked[since:]]


class TestExports:
    def test_a_first_reading_takes_comments_in_bulk_and_asks_for_no_ticket_alone(self, account: Account) -> None:
        account.peer.page = 100
        account.add(range(9))
        for number in range(9):
            account.peer.comment(100 + number, "hot")
        assert len(ids(account.connector().read("messages", None))) == 18
        assert "comments.json" not in paths(account)
        first = account.peer.asked[0]
        assert first.path.endswith("/incremental/ticket_events.json")
        assert first.query["include"] == "comment_events"

    def test_later_readings_go_by_the_cursor_of_tickets(self, account: Account) -> None:
        account.add(range(3))
        cursor = last_cursor(account.connector().read("messages", None))
        before = account.requests
        assert ids(account.connector().read("messages", cursor)) == []
        assert [asked.query.get("cursor") for asked in account.peer.asked[before:]] == [cursor["after"]]

    def test_no_export_begins_within_the_last_minute(self, account: Account) -> None:
        account.peer.quiet = timedelta(0)
        account.add(range(3))
        account.peer.clock += timedelta(seconds=90)
        list(account.connector().read("messages", None))
        now = int(account.peer.moment().timestamp())
        starts = [int(asked.query["start_time"]) for asked in account.peer.asked if "start_time" in asked.query]
        assert starts
        assert all(start <= now - 60 for start in starts)

    def test_what_is_changed_while_events_are_read_is_read_again_after_them(self, account: Account) -> None:
        account.add(range(9))
        asked = []

        def change(request: Asked) -> None:
            asked.append(request)
            if len(asked) == 2:
                account.edit(0)

        account.peer.after = change
        items = list(account.connector().read("messages", None))
        assert b"and hot" in state(items)["100"].payload
        assert len(state(items)) == 9

    def test_what_happened_in_the_last_minute_comes_next_time(self, account: Account) -> None:
        account.add(range(2))
        account.peer.quiet = timedelta(seconds=30)
        first = list(account.connector().read("messages", None))
        assert state(first) == {}
        account.peer.clock += timedelta(minutes=5)
        assert set(state(account.connector().read("messages", last_cursor(first)))) == {"100", "101"}

    def test_events_of_one_second_across_pages_are_read_once(self, account: Account) -> None:
        account.add(range(3))
        for number in range(3, 21):  # seconds of one, two, three and twelve events
            account.peer.make(100 + number)
            account.peer.clock -= timedelta(seconds=number not in (3, 5, 8))
        found = ids(account.connector().read("messages", None))
        assert sorted(found) == sorted(account.native_id(number) for number in range(21))

    def test_many_items_of_a_page_are_divided_by_checkpoints_and_resumed_within_it(self, account: Account) -> None:
        account.peer.page = 1_000
        account.add(range(230))
        items = list(account.connector().read("messages", None))
        whole = state(items)
        assert len(whole) == 230
        places = [index for index, item in enumerate(items) if isinstance(item, Checkpoint)]
        assert len(places) >= 3
        middle = items[places[1]]
        assert isinstance(middle, Checkpoint)
        before, after = upserts(items[: places[1]]), upserts(account.connector().read("messages", middle.cursor))
        assert state([*before, *after]) == whole
        assert len(before) + len(after) == 230

    def test_a_page_of_tickets_is_resumed_within_it(self, account: Account) -> None:
        account.peer.page = 1_000
        cursor = last_cursor(account.connector().read("messages", None))
        account.add(range(310))
        items = list(account.connector().read("messages", cursor))
        places = [index for index, item in enumerate(items) if isinstance(item, Checkpoint)]
        middle = items[places[0]]
        assert isinstance(middle, Checkpoint)
        after = ids(account.connector().read("messages", middle.cursor))
        assert sorted([*ids(items[: places[0]]), *after]) == sorted(state(items))

    def test_a_forgotten_place_is_taken_up_at_the_last_time_of_change(self, account: Account) -> None:
        account.add(range(6))
        cursor = last_cursor(account.connector().read("messages", None))
        account.edit(1)
        cursor = last_cursor(account.connector().read("messages", cursor))
        account.edit(2)
        account.peer.forgets_cursors = True
        found = ids(account.connector().read("messages", cursor))
        assert "102" in found
        assert set(found) <= {"101", "102"}

    def test_until_ends_at_a_time_of_change(self, account: Account) -> None:
        account.add(range(9))
        until = account.peer.clock - timedelta(seconds=4)
        items = list(account.connector().read("messages", None, until))
        assert len(ids(items)) == 5
        assert len(ids(account.connector().read("messages", last_cursor(items)))) == 4


class TestFilters:
    def test_a_time_is_where_the_exports_begin(self, account: Account) -> None:
        account.add(range(5))
        start = int(account.peer.clock.timestamp()) - 1
        assert ids(account.connector(start_time=start).read("messages", None)) == ["103", "104"]
        assert [one for one, _ in account.connector(start_time=start).census(Window())] == ["103", "104"]

    def test_a_search_of_zendesk_is_evaluated_there(self, account: Account) -> None:
        account.add(range(9))
        account.peer.found["tags:vip"] = {101, 102, 103, 105, 106}
        connector = account.connector(search="tags:vip")
        assert ids(connector.read("messages", None)) == ["101", "102", "103", "105", "106"]
        assert len(list(connector.census(Window()))) == 5
        assert ids(connector.fetch(["100", "101"])) == ["101"]

    def test_a_bad_search_is_loud(self, account: Account) -> None:
        account.add(range(2))
        with pytest.raises(InputError, match="refuses the query: .*Invalid search") as caught:
            list(account.connector(search="((").read("messages", None))
        assert caught.value.remedy


class TestCensus:
    def test_it_costs_exports_alone(self, account: Account) -> None:
        account.add(range(9))
        account.peer.comment(100, "hot")
        assert len(list(account.connector().census(Window()))) == 10
        assert set(paths(account)) == {"cursor.json", "ticket_events.json"}
        assert set(account.connection.spent) == {"zendesk-exports"}

    def test_a_comment_is_counted_by_its_own_time(self, account: Account) -> None:
        account.add(range(2))
        written = account.peer.clock + timedelta(milliseconds=500)
        one = account.peer.comment(100, "later")
        assert [key for key, _ in account.connector().census(Window(start=written))] == [f"100/{one}"]
        assert {key for key, _ in account.connector().census(Window(end=written))} == {"100", "101"}

    def test_events_of_one_second_across_pages_are_counted_once(self, account: Account) -> None:
        account.peer.make(101)
        for word in range(11):
            account.peer.comment(101, f"word {word}")
            account.peer.clock -= timedelta(seconds=1 if word % 3 else 0)
        counted = [one for one, _ in account.connector().census(Window())]
        assert len(counted) == len(set(counted)) == 12


class TestErrorsInAnswers:
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ({"error": "DatabaseError", "ticket_events": [], "end_of_stream": True}, "with an error: DatabaseError"),
            ({"ticket_events": None, "end_of_stream": True}, "without ticket_events"),
            ({"ticket_events": []}, "without end_of_stream"),
            ([], "with an error"),
        ],
        ids=["error", "no list", "no end", "array"],
    )
    def test_200_with_something_else_is_an_error_and_no_empty_account(
        self, account: Account, content: Any, told: str
    ) -> None:
        account.add(range(2))
        account.peer._answered = lambda _: Told(200, content)  # type: ignore[method-assign]
        with pytest.raises(UnavailableError, match=told):
            list(account.connector().read("messages", None))
