"""From the provider to the analysed message and back to the count, for each of the six."""

from __future__ import annotations

from tests.providers.product import Product


class TestWholeWay:
    def test_everything_arrives_once_and_is_counted(self, product: Product) -> None:
        product.account.remote.add(range(6))
        product.work()
        product.process()
        product.count()
        product.process()
        product.require_complete()
        product.require_no_gap()

    def test_a_second_read_adds_nothing(self, product: Product) -> None:
        product.account.remote.add(range(6))
        product.work()
        before = product.versions()
        assert len(before) == 6
        product.poll()
        product.count()
        assert product.versions() == before

    def test_edits_deletions_and_late_replies_reach_what_was_made_of_it(self, product: Product) -> None:
        account = product.account
        account.remote.add(range(6))
        product.work()
        product.process()
        first = dict(product.rows("SELECT native_id, message_id FROM message_occurrence"))
        account.remote.edit(2)
        account.remote.delete(3)
        late = account.reply(0)
        account.remote.add(range(6, 9))
        # No webhook of all this arrives: what reading on does not find, the count does.
        product.poll()
        product.count()
        product.process()
        product.require_complete()
        product.require_no_gap()
        self.require_edit(product, first[account.remote.native_id(2)])
        self.require_nothing_of(product, account.remote.native_id(3), first[account.remote.native_id(3)])
        self.require_reply(product, late, first[account.remote.native_id(0)])

    def require_edit(self, product: Product, message_id: object) -> None:
        native_id = product.account.remote.native_id(2)
        assert len([version for one, version in product.versions() if one == native_id]) == 2
        ours = f"message_id = '{message_id}'"
        assert product.rows(f"SELECT count(*) FROM message_occurrence WHERE {ours}") == [1]
        revision, text = product.rows(f"SELECT revision, subject || text FROM message WHERE id = '{message_id}'")[0]
        if product.account.changes_text:
            assert revision == 2
            assert "and hot" in text or "another text" in text
            assert product.rows(f"SELECT count(*) FROM message_revision WHERE {ours}") == [1]
        else:
            labels = product.rows(f"SELECT label FROM message_label WHERE {ours}")
            assert {"starred", "Starred", "STARRED", "Blue", "urgent"} & set(labels), labels

    def require_nothing_of(self, product: Product, native_id: str, message_id: object) -> None:
        assert (native_id, "deleted") in product.versions()
        told = product.rows(f"SELECT deleted_at IS NOT NULL, subject || text FROM message WHERE id = '{message_id}'")
        assert told == [(True, "")]
        for table in ("analysis", "embedding", "issue_member", "message_revision", "message_label"):
            assert product.rows(f"SELECT count(*) FROM {table} WHERE message_id = '{message_id}'") == [0], table

    def require_reply(self, product: Product, native_id: str, root: object) -> None:
        reply = (
            f"SELECT thread_id FROM message JOIN message_occurrence ON message_id = id WHERE native_id = '{native_id}'"
        )
        assert product.rows(reply) == product.rows(f"SELECT thread_id FROM message WHERE id = '{root}'")
