"""Erasure of a person: nothing of them is left in any store, others stay as they are, and a dry run tells it before."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from opsintel.access.accounts import create_user
from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.access.audit_chain import verify_chain
from opsintel.clock import today
from opsintel.context import Context
from opsintel.ids import new_id
from opsintel.llm.answers import answers_folder
from opsintel.people.requests import PERSON, find_erasure, request_erasure
from opsintel.sources.source import sources_of
from opsintel.tenants import Tenant
from opsintel_pipeline.erasure import own, suspects
from opsintel_pipeline.erasure.person import preview
from opsintel_pipeline.erasure.run import perform
from opsintel_pipeline.ingest.feed import run_feed
from opsintel_pipeline.worker.inline import process_waiting
from tests.erasure.people import ADDRESS, CANARIES, NAMESAKES, mails, write
from tests.erasure.stores import database_bytes, folder_bytes, found
from tests.pipeline.mailbox import import_mailbox
from tests.seeding import insert

OPERATOR = Actor("operator", "someone")


@pytest.fixture
def admin_url(context: Context, server: Any) -> str:
    assert context.settings.db_url
    url: str = server.url("opsintel_admin", context.settings.db_url.rpartition("/")[2])
    return url


def left(context: Context, admin_url: str) -> set[tuple[str, str]]:
    objects = context.settings.data_dir / "objects"
    return found(database_bytes(admin_url), CANARIES) | found(folder_bytes(objects), CANARIES)


def erase(context: Context, tenant: Tenant, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    erasure_id = request_erasure(context.database, tenant.id, PERSON, wanted or {"address": ADDRESS}, OPERATOR)
    receipt = perform(context, tenant.id, erasure_id)
    assert receipt is not None
    return receipt


def texts(context: Context, tenant: Tenant) -> dict[str, tuple[Any, ...]]:
    with context.database.tenant_tx(tenant.id) as connection:
        rows = connection.execute(
            "SELECT rfc_message_id, subject, text, quoted_text, author_id IS NULL, deleted_at IS NULL FROM message"
        ).fetchall()
    return {row[0].partition("@")[0]: row[1:] for row in rows}


class TestEverything:
    def test_of_the_person_is_gone_from_tables_and_objects(
        self, context: Context, tenant: Tenant, admin_url: str
    ) -> None:
        assert {canary for _, canary in left(context, admin_url)} == {canary.casefold() for canary in CANARIES} - {
            "1701234567"
        }
        erase(context, tenant)
        assert left(context, admin_url) == set()
        process_waiting(context)
        assert left(context, admin_url) == set()

    def test_that_models_answered_is_gone_from_the_disk(self, context: Context, tenant: Tenant) -> None:
        folder = answers_folder(context.settings) / str(tenant.id)
        folder.mkdir(parents=True)
        (folder / "key").write_text('{"content": "Ms Canary"}')
        preview(context, tenant.id, ADDRESS, None)
        assert folder.exists()
        erase(context, tenant)
        assert not folder.exists()

    def test_that_waits_for_a_model_in_a_batch_is_gone(self, context: Context, tenant: Tenant) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            for state, fields in (("waiting", {"call": "{}"}), ("answered", {"answer": Jsonb({"content": "Ms C."})})):
                insert(
                    connection, "model_batch_question", tenant_id=tenant.id, id=new_id(), call_id=new_id(),
                    key_id=new_id(), provider="openai", model="m", partition_day=today(), profile_version="1",
                    way="schema", state=state, size=2, **fields,
                )  # fmt: skip
        erase(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT count(*) FROM model_batch_question").fetchone() == (0,)

    def test_of_others_stays_as_it_was(self, context: Context, tenant: Tenant, admin_url: str) -> None:
        before = texts(context, tenant)
        erase(context, tenant)
        process_waiting(context)
        after = texts(context, tenant)
        assert {name for name in before if before[name] != after[name]} == {"m1", "m2", "m3", "m4", "m5", "m8"}
        assert found(database_bytes(admin_url), NAMESAKES)

    def test_that_she_wrote_is_a_tombstone(self, context: Context, tenant: Tenant) -> None:
        erase(context, tenant)
        after = texts(context, tenant)
        assert all(after[name] == ("", "", "", True, False) for name in ("m1", "m2", "m3"))

    def test_others_wrote_of_her_holds_placeholders_of_the_same_kind(self, context: Context, tenant: Tenant) -> None:
        erase(context, tenant)
        after = texts(context, tenant)
        assert "Dear [name]" in after["m4"][1]
        assert "[phone]" in after["m4"][1]
        assert after["m4"][2] == "[quoted text removed]"
        assert "[name] ([email]) said: '[removed]'" in after["m5"][1]
        assert "mail=[email]" in after["m8"][1] or "[email]" in after["m8"][1]

    def test_counts_again_what_is_left(self, context: Context, tenant: Tenant) -> None:
        erase(context, tenant)
        process_waiting(context)
        with context.database.tenant_tx(tenant.id) as connection:
            facts = connection.execute("SELECT sum(messages) FROM fact_message_day").fetchone()
            messages = connection.execute("SELECT count(*) FROM message WHERE deleted_at IS NULL").fetchone()
            people = connection.execute("SELECT count(*) FROM participant WHERE display_name = 'Ana Silva'").fetchone()
            missing = connection.execute(
                "SELECT count(*) FROM message WHERE deleted_at IS NULL AND NOT EXISTS ("
                " SELECT FROM analysis WHERE message_id = message.id AND current)"
            ).fetchone()
            issues = connection.execute("SELECT messages, title FROM issue WHERE messages > 0").fetchall()
        assert facts == messages
        assert people == (0,)
        assert missing == (0,)
        assert all(title not in ("", "Untitled") for _, title in issues)


class TestADryRun:
    def test_tells_exactly_what_is_done_then_and_changes_nothing(
        self, context: Context, tenant: Tenant, admin_url: str
    ) -> None:
        before = sorted(database_bytes(admin_url))
        told = preview(context, tenant.id, ADDRESS, None)
        assert sorted(database_bytes(admin_url)) == before
        receipt = erase(context, tenant)
        assert dict(told) == receipt["counts"]
        assert told["message"] == 7

    def test_finds_nothing_afterwards(self, context: Context, tenant: Tenant) -> None:
        erase(context, tenant)
        process_waiting(context)
        assert dict(preview(context, tenant.id, ADDRESS, None)) == {}
        assert erase(context, tenant)["counts"] == {}


class TestAnErasure:
    @pytest.mark.parametrize("dies_at", [3, 6, 9, 13, 20])
    def test_that_dies_goes_on_to_the_same_receipt(
        self, context: Context, tenant: Tenant, admin_url: str, dies_at: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(own, "PAGE", 2)
        monkeypatch.setattr(suspects, "PAGE", 5)
        told = preview(context, tenant.id, ADDRESS, None)
        erasure_id = request_erasure(context.database, tenant.id, PERSON, {"address": ADDRESS}, OPERATOR)
        original = type(context.database).tenant_tx
        entered = 0

        def dying(database: Any, tenant_id: UUID) -> Any:
            nonlocal entered
            entered += 1
            if entered > dies_at * 2:
                raise KeyboardInterrupt
            return original(database, tenant_id)

        with monkeypatch.context() as patched:
            patched.setattr(type(context.database), "tenant_tx", dying)
            with pytest.raises(KeyboardInterrupt):
                perform(context, tenant.id, erasure_id)
        with psycopg.connect(admin_url) as connection:
            connection.execute("UPDATE erasure SET lease_until = NULL")
        receipt = perform(context, tenant.id, erasure_id)
        assert receipt is not None
        assert receipt["counts"] == dict(told)
        assert left(context, admin_url) == set()

    def test_is_found_by_a_participant_too(self, context: Context, tenant: Tenant, admin_url: str) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            row = connection.execute(
                "SELECT participant_id::text FROM participant_identity WHERE value = %s", (ADDRESS,)
            ).fetchone()
        assert row is not None
        erase(context, tenant, {"participants": [row[0]]})
        assert left(context, admin_url) == set()

    def test_keeps_the_audit_chain_and_forgets_who_is_behind_it(self, context: Context, tenant: Tenant) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            row = connection.execute(
                "SELECT participant_id::text FROM participant_identity WHERE value = %s", (ADDRESS,)
            ).fetchone()
            assert row is not None
            record(connection, Entry(tenant.id, OPERATOR, "text.revealed", Subject("participant", row[0])))
        receipt = erase(context, tenant)
        assert receipt["stores"]["audit"] == 1
        assert verify_chain(context.database, tenant.id, {}).is_whole
        with context.database.tenant_tx(tenant.id) as connection:
            kept = connection.execute("SELECT action FROM audit_log ORDER BY seq").fetchall()
            known = connection.execute("SELECT count(*) FROM audit_subject WHERE kind = 'participant'").fetchone()
        assert [action for (action,) in kept] == ["text.revealed", "person.erasure_requested", "person.erased"]
        assert known == (0,)

    def test_leaves_a_receipt_without_the_person(self, context: Context, tenant: Tenant) -> None:
        receipt = erase(context, tenant)
        stored = find_erasure(context.database, tenant.id, UUID(receipt["erasure"]))
        assert (stored.state, stored.wanted, stored.receipt) == ("done", None, receipt)
        assert len(receipt["stores"]) == 12


class TestWhatComesLater:
    def test_from_the_same_source_or_another_is_erased_on_arrival(
        self, context: Context, tenant: Tenant, admin_url: str, tmp_path: Path
    ) -> None:
        erase(context, tenant)
        process_waiting(context)
        messages = texts(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("DELETE FROM source_state")
        (source,) = sources_of(context.database, tenant.id)
        run_feed(context, tenant, source)
        write(tmp_path / "again.mbox", mails())
        import_mailbox(context, tmp_path / "again.mbox", "acme")
        process_waiting(context)
        assert left(context, admin_url) == set()
        assert texts(context, tenant) == messages


class TestAMember:
    def test_leaves_no_invitation_behind_that_still_opens(
        self, context: Context, tenant: Tenant, admin_url: str
    ) -> None:
        """Without its sender's name it would look like the operator's, who may give every right."""
        user_id = create_user(context.database, ADDRESS, "", "a long enough password", tenant.id, "admin")
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO invitation (tenant_id, id, email, role, invited_by, expires_at)"
                " VALUES (%s, %s, 'guest@guest.example', 'admin', %s, now() + interval '1 day')",
                (tenant.id, new_id(), user_id),
            )
            erase(context, tenant)
            rows = connection.execute("SELECT invited_by, revoked_at IS NULL FROM invitation").fetchall()
        assert rows == [(None, False)]
