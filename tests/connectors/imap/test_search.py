from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opsintel.connectors.contract import Window
from opsintel.connectors.imap import search
from opsintel.connectors.imap.search import window_keys
from opsintel.errors import InputError
from opsintel.filters.parse import parse
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.imap.account import Account
from tests.connectors.remote import state, tombstones
from tests.connectors.sources import mail, moment

NOW = datetime(2026, 1, 20, 12, tzinfo=UTC)


def selection(account: Account, text: str) -> dict[str, object]:
    return dict(account.connector().plan(parse(text), NOW).pushed)


@pytest.mark.dovecot
class TestOnTheServer:
    def numbers(self, account: Account, text: str) -> set[int]:
        found = state(account.read(selection=selection(account, text)))
        return {number for number in range(20) if account.native_id(number) in found}

    def test_any_of_three_senders_is_found(self, account: Account) -> None:
        account.add(range(6))
        text = "from:person1@example.org OR from:person3@example.org OR from:person5@example.org"
        assert self.numbers(account, text) == {1, 3, 5}
        assert any(command.count("OR FROM") == 2 for command in self.asked(account))

    def test_together_apart_and_not_are_found(self, account: Account) -> None:
        account.add(range(4))
        account.deliver(mail(9).replace(b"Lamp 9", b"Hub 9"), moment(9))
        assert self.numbers(account, "subject:lamp from:person2@example.org") == {2}
        assert self.numbers(account, "imap:{OR FROM person1@ NOT SUBJECT Lamp}") == {1}
        assert len(state(account.read(selection=selection(account, "imap:{NOT SUBJECT Lamp}")))) == 1

    def test_a_place_is_its_mailbox(self, account: Account) -> None:
        account.add([1])
        account.add([2], "Sent")
        found = account.read(selection=selection(account, "channel:sent"))
        assert {item.channel for item in upserts(found)} == {"Sent"}

    def test_days_are_searched_wider_than_they_are_meant(self, account: Account) -> None:
        for number, hours in enumerate((-49, -23, -1, 1)):
            account.deliver(mail(number), NOW.replace(hour=0) + timedelta(hours=hours))
        assert self.numbers(account, "after:2026-01-20") >= {3}
        assert self.numbers(account, "before:2026-01-20") >= {0, 1, 2}

    def test_letters_beyond_ascii_are_found(self, account: Account) -> None:
        account.deliver(mail(1).replace(b"Lamp 1", 'Größe "x"'.encode()), moment(1))
        account.add([2])
        for query in ('SUBJECT "größe"', "SUBJECT größe", 'OR SUBJECT "größe \\"x\\"" FROM nobody'):
            found = account.read(selection={"search": query})
            assert [b"Gr" in item.payload for item in upserts(found)] == [True], query
        assert any("CHARSET UTF-8" in command for command in self.asked(account))

    def test_another_charset_is_tried_where_the_server_names_one(self, account: Account) -> None:
        refused = b"{tag} NO [BADCHARSET (US-ASCII ISO-8859-1)] not known\r\n"
        account.proxy.replies.append(("UID SEARCH CHARSET UTF-8", refused))
        account.add([2])
        account.read(selection={"search": 'SUBJECT "größe"'})
        assert any("CHARSET ISO-8859-1" in command for command in self.asked(account))
        with pytest.raises(InputError, match="ASCII") as caught:
            account.read(selection={"search": 'SUBJECT "日本"'})
        assert caught.value.remedy

    def test_large_mailboxes_are_searched_in_spans(self, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
        account.add(range(8))
        whole = state(account.read())
        monkeypatch.setattr(search, "SPAN", 3)
        assert state(account.read()) == whole
        assert {native_id for native_id, _ in account.connector().census(Window())} == set(whole)
        assert any(command.startswith("UID SEARCH UID 4:6") for command in self.asked(account))

    def test_a_changed_filter_reads_what_it_now_finds_and_nothing_twice(self, account: Account) -> None:
        account.add(range(6))
        first = account.read(selection={"search": "FROM person1@"})
        assert set(state(first)) == {account.native_id(1)}
        second = account.read(last_cursor(first), selection={"search": "OR FROM person1@ FROM person4@"})
        assert set(state(second)) == {account.native_id(4)}
        third = account.read(last_cursor(second))
        assert set(state(third)) == {account.native_id(number) for number in (0, 2, 3, 5)}
        assert not tombstones([*second, *third])

    def asked(self, account: Account) -> list[str]:
        return [command for command in account.proxy.commands if command.startswith("UID SEARCH")]


class TestWindow:
    def test_is_a_day_wider_on_each_side(self) -> None:
        window = Window(datetime(2026, 3, 1, 23, 59, tzinfo=UTC), datetime(2026, 3, 2, 0, 1, tzinfo=UTC))
        assert window_keys(window) == "SINCE 28-Feb-2026 BEFORE 4-Mar-2026"
        assert window_keys(Window()) == ""
        assert window_keys(Window(start=datetime(2026, 12, 31, tzinfo=UTC))) == "SINCE 30-Dec-2026"
