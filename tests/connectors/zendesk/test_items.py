"""What of tickets and comments is read, as the normaliser sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from opsintel.connectors.contract import Failure, Upsert, Window
from opsintel.connectors.zendesk.parse import PEOPLE_LIMIT, Names
from opsintel.events.message import CanonicalMessage, Direction, IdentityKind, Kind, Visibility
from opsintel_pipeline.normalize.parse import NormalizeContext, parse_payload
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.remote import state, tombstones
from tests.connectors.zendesk.account import Account, running_account
from tests.peers.zendesk import AGENT, CUSTOMER


@pytest.fixture
def account() -> Iterator[Account]:
    with running_account() as found:
        yield found


def canonical(items: dict[str, Upsert]) -> dict[str, CanonicalMessage]:
    return {
        one: parse_payload(item.payload, item.format, one, context=NormalizeContext()) for one, item in items.items()
    }


def messages(account: Account) -> dict[str, CanonicalMessage]:
    return canonical(state(account.connector().read("messages", None)))


def cursor_of(account: Account) -> dict[str, Any]:
    return last_cursor(account.connector().read("messages", None))


class TestTickets:
    def test_a_ticket_is_its_first_comment_with_all_that_filters_ask_for(self, account: Account) -> None:
        account.peer.make(101)
        found = messages(account)
        assert set(found) == {"101"}
        message = found["101"]
        assert message.kind is Kind.TICKET
        assert (message.subject, message.text) == ("Lamp 101 is broken", "The lamp 101 does not shine")
        assert (message.channel, message.labels) == ("email", ("lamp",))
        assert message.author is not None
        assert (message.author.kind, message.author.value) == (IdentityKind.EMAIL, "carl@c.example")
        wanted = {"status": "open", "priority": "high", "type": "problem", "assignee": "Agnes", "ticket": 101,
                  "organization": "Carl & Sons"}  # fmt: skip
        assert wanted.items() <= message.extra.items()
        assert message.extra["url"].endswith("/agent/tickets/101")

    def test_threads_of_two_accounts_are_two(self, account: Account) -> None:
        account.peer.make(101)
        account.peer.comment(101, "hot")
        host = account.peer.address.removeprefix("http://")
        assert {message.thread_key for message in messages(account).values()} == {f"{host}/101"}

    def test_a_ticket_without_comments_has_its_description_and_is_internal_unless_public(
        self, account: Account
    ) -> None:
        for number, public in ((101, True), (102, False)):
            account.peer.make(number, "as told", public=public)
            account.peer.comments[number].clear()
        found = canonical(state(account.connector().fetch(["101", "102"])))
        assert {message.text for message in found.values()} == {"as told"}
        assert [found[one].visibility for one in ("101", "102")] == [Visibility.PUBLIC, Visibility.INTERNAL]

    def test_a_merge_is_a_link_to_the_other_tickets(self, account: Account) -> None:
        account.peer.make(101)
        one = account.peer.comment(101, "merged", via={"source": {"rel": "merge", "from": {"ticket_ids": [7, 6]}}})
        other = account.peer.comment(101, "into", via={"source": {"rel": "merge", "from": {"ticket_id": 9}}})
        found = messages(account)
        links = [link.url.rpartition("/")[2] for link in found[f"101/{one}"].links]
        assert links == ["6", "7"]
        assert found[f"101/{one}"].extra["merged"] == "6, 7"
        assert found[f"101/{other}"].extra["merged"] == "9"
        assert not found["101"].links

    def test_a_deleted_ticket_is_a_tombstone_with_its_time(self, account: Account) -> None:
        account.peer.make(101)
        cursor = cursor_of(account)
        account.peer.delete(101)
        (gone,) = [item for item in account.connector().read("messages", cursor) if not hasattr(item, "cursor")]
        assert getattr(gone, "native_id", "") == "101"
        assert getattr(gone, "deleted_at", None) == account.peer.clock

    def test_comments_of_a_deleted_ticket_go_by_the_census(self, account: Account) -> None:
        account.peer.make(101)
        comment = account.peer.comment(101, "hot")
        account.peer.make(102)
        stored = set(messages(account))
        account.peer.delete(101)
        counted = {one for one, _ in account.connector().census(Window())}
        missing = sorted(stored - counted)
        assert missing == ["101", f"101/{comment}"]
        assert tombstones(account.connector().fetch(missing)) == missing


class TestComments:
    def test_internal_notes_are_told_apart(self, account: Account) -> None:
        account.peer.make(101)
        note = account.peer.comment(101, "between us", public=False)
        answer = account.peer.comment(101, "to you")
        for found in (messages(account), canonical(state(account.connector().fetch(["101/*"])))):
            assert found[f"101/{note}"].visibility is Visibility.INTERNAL
            assert found[f"101/{answer}"].visibility is Visibility.PUBLIC
            assert found["101"].visibility is Visibility.PUBLIC

    def test_a_ticket_opened_with_a_note_is_internal_though_it_became_public(self, account: Account) -> None:
        account.peer.make(101, public=False, author=AGENT)
        account.peer.comment(101, "Hello")
        account.peer.change(101, is_public=True)
        for found in (messages(account), canonical(state(account.connector().fetch(["101"])))):
            assert found["101"].visibility is Visibility.INTERNAL

    def test_what_does_not_say_that_it_is_public_is_internal(self, account: Account) -> None:
        account.peer.make(101)
        note = account.peer.comment(101, "between us", public=None)
        assert messages(account)[f"101/{note}"].visibility is Visibility.INTERNAL

    @pytest.mark.parametrize(
        ("author", "public", "direction"),
        [(CUSTOMER, True, Direction.INBOUND), (AGENT, True, Direction.OUTBOUND), (AGENT, False, Direction.INTERNAL),
         (-1, True, Direction.OUTBOUND), (12345, True, Direction.UNKNOWN)],
    )  # fmt: skip
    def test_roles_of_authors_tell_the_direction(
        self, account: Account, author: int, public: bool, direction: Direction
    ) -> None:
        account.peer.make(101)
        one = account.peer.comment(101, "hm", author=author, public=public)
        message = messages(account)[f"101/{one}"]
        assert message.direction is direction
        assert message.is_bot is (author == -1)
        assert message.author is not None
        assert message.author.kind is (IdentityKind.EMAIL if author > 0 and author < 100 else IdentityKind.ZENDESK)

    def test_an_author_whom_no_ticket_names_is_looked_up(self, account: Account) -> None:
        account.peer.users[55] = {"id": 55, "name": "Emil", "email": "emil@acme.example", "role": "agent"}
        account.peer.make(101)
        one = account.peer.comment(101, "hm", author=55)
        message = messages(account)[f"101/{one}"]
        assert message.author is not None
        assert (message.author.value, message.direction) == ("emil@acme.example", Direction.OUTBOUND)

    def test_of_the_people_of_a_large_account_only_the_last_are_remembered(self) -> None:
        names = Names()
        names.learn({"users": [{"id": number, "name": f"P{number}"} for number in range(1, PEOPLE_LIMIT + 1)]})
        assert names.unknown([1, PEOPLE_LIMIT + 7, -1]) == [PEOPLE_LIMIT + 7]
        names.learn({"users": [{"id": PEOPLE_LIMIT + 7, "name": "New"}]})
        assert len(names.users) == PEOPLE_LIMIT
        assert names.unknown([1, 2, PEOPLE_LIMIT + 7]) == [2]

    def test_html_is_read_with_its_links_and_plain_text_where_there_is_none(self, account: Account) -> None:
        account.peer.make(101)
        rich, flat = account.peer.comment(101, "x"), account.peer.comment(101, "plain words")
        account.peer.comments[101][1]["html_body"] = '<p>see <a href="https://a.example/1">this</a></p><p>and that</p>'
        account.peer.comments[101][2]["html_body"] = None
        found = canonical(state(account.connector().fetch(["101/*"])))
        assert found[f"101/{rich}"].text == "see this\n\nand that"
        assert [link.url for link in found[f"101/{rich}"].links] == ["https://a.example/1"]
        assert found[f"101/{flat}"].text == "plain words"

    def test_files_are_named(self, account: Account) -> None:
        account.peer.make(101)
        file = {"id": 3, "file_name": "lamp.png", "content_type": "image/png", "size": 512, "inline": True}
        one = account.peer.comment(101, "see", attachments=[file])
        (found,) = messages(account)[f"101/{one}"].attachments
        assert (found.filename, found.content_type, found.size, found.inline) == ("lamp.png", "image/png", 512, True)

    @pytest.mark.parametrize("count", [1, 4, 5, 23])
    def test_all_comments_are_read_however_many(self, account: Account, count: int) -> None:
        account.peer.make(101)
        ids = {"101"} | {f"101/{account.peer.comment(101, f'word {n}')}" for n in range(count)}
        assert set(messages(account)) == ids
        assert set(state(account.connector().fetch(["101/*"]))) == ids
        assert {one for one, _ in account.connector().census(Window())} == ids

    def test_both_ways_to_a_comment_give_the_same_record(self, account: Account) -> None:
        account.peer.make(101)
        account.peer.comment(101, "hot", via={"source": {"rel": "merge", "from": {"ticket_ids": [7]}}})
        account.peer.comment(101, "note", public=False)
        assert state(account.connector().fetch(["101/*"])) == state(account.connector().read("messages", None))

    def test_a_comment_without_id_stops_nobody(self, account: Account) -> None:
        account.peer.make(101)
        account.peer.comment(101, "first")
        account.peer.comment(101, "second")
        account.peer.comments[101][1]["id"] = None
        items = list(account.connector().fetch(["101/*"]))
        assert len(upserts(items)) == 2
        (failure,) = [item for item in items if isinstance(item, Failure)]
        assert failure.reason


class TestRewriting:
    def test_a_redaction_rewrites_the_text(self, account: Account) -> None:
        account.peer.make(101)
        one = account.peer.comment(101, "my card is 4111")
        cursor = cursor_of(account)
        account.peer.redact(101, one)
        items = state(account.connector().read("messages", cursor))
        assert b"4111" not in items[f"101/{one}"].payload
        assert canonical(items)[f"101/{one}"].text == "▇▇▇▇"

    def test_a_comment_made_private_later_is_internal_in_a_first_reading_too(self, account: Account) -> None:
        account.peer.make(101)
        one = account.peer.comment(101, "oh")
        account.peer.make_private(101, one)
        assert messages(account)[f"101/{one}"].visibility is Visibility.INTERNAL

    def test_and_it_is_never_handed_on_as_public_from_the_page_that_says_so(self, account: Account) -> None:
        account.peer.make(101)
        one = account.peer.comment(101, "oh")
        account.peer.make_private(101, one)
        for item in upserts(account.connector().read("messages", None)):
            if item.native_id == f"101/{one}":
                assert b'"visibility":"internal"' in item.payload

    def test_tags_of_a_ticket_are_those_of_its_comments(self, account: Account) -> None:
        account.peer.make(101)
        one = account.peer.comment(101, "hot")
        cursor = cursor_of(account)
        account.peer.change(101, tags=["urgent"])
        found = canonical(state(account.connector().read("messages", cursor)))
        assert found["101"].labels == found[f"101/{one}"].labels == ("urgent",)

    def test_a_step_of_the_work_renews_the_ticket_and_no_comment(self, account: Account) -> None:
        account.peer.make(101)
        one = account.peer.comment(101, "hot")
        first = list(account.connector().read("messages", None))
        versions = []
        for status in ("pending", "open"):
            account.peer.change(101, status=status)
            second = state(account.connector().read("messages", last_cursor(first)))
            versions.append(second["101"].version)
            assert second[f"101/{one}"].version == state(first)[f"101/{one}"].version
        assert len({*versions, state(first)["101"].version}) == 3
