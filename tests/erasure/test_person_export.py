"""Export of a person's data: all that an erasure would reach, theirs whole, of others only what concerns them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from psycopg.types.json import Jsonb

from opsintel.access.accounts import create_user
from opsintel.access.audit import Actor, Entry, Subject, record
from opsintel.context import Context
from opsintel.errors import SealError
from opsintel.ids import new_id
from opsintel.people import sealed
from opsintel.people.requests import PERSON, request_erasure
from opsintel.queue.jobs import find_job
from opsintel.tenants import Tenant
from opsintel_pipeline.erasure.person import preview
from opsintel_pipeline.erasure.resolve import person_of
from opsintel_pipeline.erasure.run import perform
from opsintel_pipeline.person_export.archive import archive_of
from opsintel_pipeline.person_export.run import EXPIRED, EXPORTS
from opsintel_pipeline.worker.inline import process_waiting
from tests.erasure.people import ADDRESS, OWN_TEXT, mails, write
from tests.pipeline.mailbox import import_mailbox

PEOPLE = (ADDRESS, "bob@acme.example", "carol@client.example", "customer3@example.org", "support@acme.example",
          "joana.silva@victim.example", "nobody@example.org")  # fmt: skip


def exported(context: Context, tenant: Tenant, address: str = ADDRESS) -> tuple[zipfile.ZipFile, dict[str, int]]:
    person = person_of(context, tenant.id, address=address, leaves=False)
    content, counts = archive_of(context, tenant.id, person)
    return zipfile.ZipFile(io.BytesIO(content)), counts


def records(file: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read(f"records/{name}.jsonl").splitlines()]


class TestItHolds:
    def test_all_that_an_erasure_would_reach_whoever_is_meant(self, context: Context, tenant: Tenant) -> None:
        for address in PEOPLE:
            counted = preview(context, tenant.id, address, None)
            _, held = exported(context, tenant, address)
            assert {name: count for name, count in counted.items() if held.get(name, 0) < count} == {}, address
        assert preview(context, tenant.id, ADDRESS, None)["message"] == 7

    def test_account_membership_invitation_and_audit_entries_of_a_member(
        self, context: Context, tenant: Tenant
    ) -> None:
        create_user(context.database, "other@acme.example", "Other", "a long enough password", tenant.id, "owner")
        member = create_user(context.database, ADDRESS, "Ana Silva", "a long enough password", tenant.id, "admin")
        with context.database.tenant_tx(tenant.id) as connection:
            entry = Entry(tenant.id, Actor("person", str(member)), "policy.changed", Subject("policy", "retention"))
            record(connection, entry)
        counted = preview(context, tenant.id, ADDRESS, None)
        file, held = exported(context, tenant)
        assert {name: count for name, count in counted.items() if held.get(name, 0) < count} == {}
        (account,) = records(file, "app_user")
        assert (account["email"], "password_hash" in account) == (ADDRESS, False)
        assert [entry["action"] for entry in records(file, "audit_log")] == ["policy.changed"]

    def test_addresses_among_the_tenants_own_sign_on_and_a_registration_that_is_over(
        self, context: Context, tenant: Tenant
    ) -> None:
        create_user(context.database, "other@acme.example", "Other", "a long enough password", tenant.id, "owner")
        member = create_user(context.database, ADDRESS, "Ana Silva", "a long enough password", tenant.id, "admin")
        details = {"email": ADDRESS, "name": "Ana Silva", "organization": "Home", "password_hash": "scrypt"}
        with context.database.system_tx() as connection:
            connection.execute(
                "UPDATE tenant SET own_domains = %s WHERE id = %s", (Jsonb(["acme.example", ADDRESS]), tenant.id)
            )
            connection.execute(
                "INSERT INTO identity (issuer, subject, user_id) VALUES ('https://sso.acme.example', 'ana', %s)",
                (member,),
            )
            for days in (-1, 1):
                connection.execute(
                    "INSERT INTO account_token (id, purpose, token_hash, details, expires_at)"
                    " VALUES (%s, 'registration', %s, %s, now() + make_interval(days => %s))",
                    (new_id(), new_id().bytes, Jsonb(details), days),
                )
        counted = preview(context, tenant.id, ADDRESS, None)
        file, held = exported(context, tenant)
        assert {name: count for name, count in counted.items() if held.get(name, 0) < count} == {}
        assert counted["account_token"] == held["account_token"] == 1
        (registration,) = records(file, "account_token")
        del details["password_hash"]
        assert registration["details"] == details
        assert records(file, "tenant") == [{"own_domains": [ADDRESS]}]
        assert [one["subject"] for one in records(file, "identity")] == ["ana"]

    def test_is_made_for_the_only_owner_too(self, context: Context, tenant: Tenant) -> None:
        create_user(context.database, ADDRESS, "Ana Silva", "a long enough password", tenant.id, "owner")
        assert exported(context, tenant)[1]["membership"] == 1

    def test_what_they_wrote_whole_with_its_originals(self, context: Context, tenant: Tenant) -> None:
        file, held = exported(context, tenant)
        own = [one for one in records(file, "message") if one["person_is"] == "author"]
        assert len(own) == held["original"] == 3
        assert any(OWN_TEXT in re.sub(r"\s+", " ", one["text"]) for one in own)
        originals = [file.read(name) for name in file.namelist() if name.startswith("originals/")]
        assert all(b"From: Ana Silva <ana.silva@victim.example>" in one for one in originals)


class TestOfOthers:
    def test_it_holds_what_was_sent_to_the_person_or_names_them_and_no_address_of_others(
        self, context: Context, tenant: Tenant
    ) -> None:
        file, _ = exported(context, tenant)
        others = [one for one in records(file, "message") if one["person_is"] != "author"]
        assert {one["person_is"] for one in others} == {"recipient", "mentioned"}
        assert not re.search(r"(bob|carol|support|customer\d+)@", json.dumps(others))
        assert all(one["author"] in ("B…", "C…") for one in others)
        (named,) = [one["text"] for one in others if "My colleague" in one.get("text", "")]
        quoted = "'the app forgets the schedule that I set for the bedroom'."
        assert named == f"My colleague Ana Silva ({ADDRESS}) said: {quoted}"

    def test_it_holds_nothing_of_messages_that_do_not_concern_them(self, context: Context, tenant: Tenant) -> None:
        file, _ = exported(context, tenant)
        everything = b"".join(file.read(name) for name in file.namelist())
        assert b"light blinks red" not in everything
        assert b"joana" not in everything.lower()

    def test_the_page_to_read_runs_no_script(self, context: Context, tenant: Tenant, tmp_path: Path) -> None:
        mail = mails()[0]
        mail.replace_header("Subject", "<script>alert(1)</script>")
        mail.replace_header("Message-ID", "<scripted@mail.example>")
        write(tmp_path / "scripted.mbox", [mail])
        import_mailbox(context, tmp_path / "scripted.mbox", "acme")
        process_waiting(context)
        page = exported(context, tenant)[0].read("index.html").decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "<script" not in page


def asked(context: Context, tenant: Tenant, address: str = ADDRESS) -> UUID:
    """Write what the API writes."""
    made = new_id()
    with context.database.tenant_tx(tenant.id) as connection:
        connection.execute(
            "INSERT INTO person_export (tenant_id, id, wanted, actor_kind, actor_id)"
            " VALUES (%s, %s, %s, 'operator', 'someone')",
            (tenant.id, made, Jsonb({"address": address})),
        )
        connection.execute(
            "INSERT INTO job (tenant_id, id, kind, parameters) VALUES (%s, %s, 'person_export', '{}')",
            (tenant.id, made),
        )
    return made


def stored(context: Context, tenant: Tenant, export_id: UUID) -> dict[str, Any]:
    columns = ("state", "wanted", "object_key", "secret_id", "size", "counts")
    with context.database.tenant_tx(tenant.id) as connection:
        row = connection.execute(
            f"SELECT {', '.join(columns)} FROM person_export WHERE id = %s".encode(), (export_id,)
        ).fetchone()
    assert row is not None
    return dict(zip(columns, row, strict=True))


def objects_of(context: Context, tenant: Tenant) -> list[str]:
    return [one.key for page in context.objects.pages(tenant.id, "exports") for one in page]


class TestTheWorker:
    def test_seals_the_file_and_forgets_who_was_meant(self, context: Context, tenant: Tenant) -> None:
        export_id = asked(context, tenant)
        EXPORTS.work(context)
        row = stored(context, tenant, export_id)
        assert (row["state"], row["wanted"], row["counts"]["message"]) == ("done", None, 7)
        assert find_job(context.database, tenant.id, export_id).state == "done"
        (key,) = objects_of(context, tenant)
        assert b"PK" not in context.objects.get_range(key, 0, 200)[:4]
        assert ADDRESS.encode() not in context.objects.get_range(key, 0, row["size"])

    def test_removes_the_file_and_its_key_when_its_time_is_over(self, context: Context, tenant: Tenant) -> None:
        export_id = asked(context, tenant)
        EXPORTS.work(context)
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute("UPDATE person_export SET expires_at = now()")
        EXPIRED.work(context)
        row = stored(context, tenant, export_id)
        assert (row["state"], row["object_key"], row["secret_id"]) == ("expired", None, None)
        assert objects_of(context, tenant) == []
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT count(*) FROM secret WHERE purpose LIKE 'person%%'").fetchone() == (0,)

    def test_an_erasure_removes_every_export_that_is_kept_or_waits(self, context: Context, tenant: Tenant) -> None:
        asked(context, tenant, "bob@acme.example")
        EXPORTS.work(context)
        waits = asked(context, tenant)
        assert preview(context, tenant.id, ADDRESS, None)["person_export"] == 2
        erasure_id = request_erasure(
            context.database, tenant.id, PERSON, {"address": ADDRESS}, Actor("operator", "someone")
        )
        receipt = perform(context, tenant.id, erasure_id)
        assert receipt is not None
        assert receipt["counts"]["person_export"] == 2  # type: ignore[index]
        assert objects_of(context, tenant) == []
        assert stored(context, tenant, waits)["state"] == "failed"
        assert stored(context, tenant, waits)["wanted"] is None


class TestSealing:
    def test_a_file_opens_piece_by_piece_and_only_in_its_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sealed, "PIECE", 10)
        key, tenant_id, file_id, content = sealed.new_key(), new_id(), new_id(), bytes(range(45))
        file = sealed.sealed_file(key, tenant_id, file_id, content)

        def opened(file: bytes, of: UUID = file_id) -> bytes:
            read = lambda offset, size: file[offset : offset + size]  # noqa: E731
            return b"".join(sealed.opened_file(key, tenant_id, of, len(content), read))

        assert opened(file) == content
        piece = 10 + sealed.OVERHEAD
        swapped = file[piece : 2 * piece] + file[:piece] + file[2 * piece :]
        for other, place in (
            (swapped, file_id),
            (file[:-piece], file_id),
            (file[:-1] + b"\0", file_id),
            (file, new_id()),
        ):
            with pytest.raises(SealError):
                opened(other, place)
