from __future__ import annotations

import pytest

from opsintel.connectors.contract import Verdict, Window
from opsintel.connectors.imap.mailboxes import missing, selected
from opsintel.connectors.imap.manifest import ImapConfig
from tests.connectors.contract import last_cursor, upserts
from tests.connectors.imap.account import Account
from tests.connectors.remote import tombstones
from tests.peers.dovecot import encoded_name

CONFIG = ImapConfig(host="mail.example")
GMAIL = {
    "INBOX": frozenset[bytes](),
    "[Gmail]/All Mail": frozenset({b"\\all"}),
    "[Gmail]/Spam": frozenset({b"\\junk"}),
    "refund": frozenset[bytes](),
}


def channels(account: Account, **config: object) -> set[str]:
    return {item.channel for item in upserts(account.read(**config))}


@pytest.mark.dovecot
class TestOfAnAccount:
    def test_drafts_junk_and_trash_are_left_out_by_their_use(self, account: Account) -> None:
        for mailbox in ("INBOX", "Sent", "Drafts", "Junk", "Trash"):
            account.add([1], mailbox)
        assert channels(account) == {"INBOX", "Sent"}
        assert channels(account, mailboxes=("Trash", "inbox")) == {"INBOX", "Trash"}

    def test_names_in_any_script_are_read(self, account: Account) -> None:
        names = {"Größe & Maß/日本", "Größe & Maß", "2026", 'with "quotes"'}
        with account.open() as connection:
            for name in sorted(names):
                connection.create(encoded_name(name))
        for number, name in enumerate(sorted(names)):
            account.add([number], encoded_name(name))
        items = upserts(account.read())
        assert {item.channel for item in items} == names
        assert {item.native_id.rpartition("/")[0] for item in items} == names
        assert {native_id for native_id, _ in account.connector().census(Window())} == {i.native_id for i in items}
        fetched = upserts(account.connector().fetch([item.native_id for item in items]))
        assert sorted(fetched, key=lambda item: item.native_id) == sorted(items, key=lambda item: item.native_id)

    def test_one_that_only_holds_others_is_none(self, account: Account) -> None:
        with account.open() as connection:
            connection.create("parent/child")
        account.add([1], "parent/child")
        assert channels(account) == {"parent/child"}

    def test_that_is_named_and_missing_is_said(self, account: Account) -> None:
        connector = account.connector(mailboxes=("Support", "INBOX"))
        (check,) = [check for check in connector.check() if check.verdict is Verdict.FAILED]
        assert "Support" in check.detail
        assert "Sent" in check.remedy
        assert "Support" not in check.remedy

    def test_that_was_deleted_takes_its_mails_along(self, account: Account) -> None:
        with account.open() as connection:
            connection.create("project")
        account.add([1, 2], "project")
        account.add([3])
        first = account.read()
        with account.open() as connection:
            connection.delete("project")
        second = account.read(last_cursor(first))
        assert sorted(tombstones(second)) == sorted(i.native_id for i in upserts(first) if i.channel == "project")
        assert not upserts(second)
        assert not account.read(last_cursor(second))

    def test_that_is_no_longer_selected_keeps_its_mails(self, account: Account) -> None:
        account.add([1], "Sent")
        account.add([2])
        first = account.read()
        assert not tombstones(account.read(last_cursor(first), mailboxes=("INBOX",)))

    def test_a_mail_that_is_moved_is_gone_here_and_new_there(self, account: Account) -> None:
        account.add([1])
        first = account.read()
        with account.open() as connection:
            connection.select("INBOX")
            connection._simple_command("MOVE", "1", "Sent")
        second = account.read(last_cursor(first))
        (moved,) = upserts(second)
        assert moved.channel == "Sent"
        assert moved.payload == upserts(first)[0].payload
        assert tombstones(second) == [account.native_id(1)]
        with account.open() as connection:
            connection.select("Sent")
            connection._simple_command("MOVE", "1", "INBOX")
        (back,) = upserts(account.read(last_cursor(second)))
        assert back.native_id == account.native_id(1)
        assert back.version != upserts(first)[0].version, "a version that it had is known to be deleted"


class TestSelection:
    def test_of_gmail_is_the_one_that_holds_all(self) -> None:
        assert selected(GMAIL, CONFIG, {}, is_gmail=True) == ["[Gmail]/All Mail"]

    def test_of_gmail_is_the_label_that_a_filter_names(self) -> None:
        assert selected(GMAIL, CONFIG, {"mailboxes": ["refund"]}, is_gmail=True) == ["refund"]

    def test_of_another_server_leaves_out_what_holds_all_once_more(self) -> None:
        assert selected(GMAIL, CONFIG, {}, is_gmail=False) == ["INBOX", "refund"]

    def test_without_uses_goes_by_the_usual_names(self) -> None:
        names = dict.fromkeys(["INBOX", "Sent", "Spam", "Deleted Items", "Drafts", "Spam reports"], frozenset[bytes]())
        assert selected(names, CONFIG, {}, is_gmail=False) == ["INBOX", "Sent", "Spam reports"]

    def test_names_are_compared_without_case(self) -> None:
        config = ImapConfig(host="mail.example", mailboxes=("REFUND", "nothing"))
        assert selected(GMAIL, config, {}, is_gmail=True) == ["refund"]
        assert missing(GMAIL, config) == ["nothing"]
