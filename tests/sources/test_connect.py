"""Sources are connected and changed in one way, whoever asks."""

from __future__ import annotations

from typing import Any

import pytest

from opsintel.access.audit import SYSTEM
from opsintel.connectors.registry import kinds
from opsintel.context import Context
from opsintel.errors import ConflictError, CredentialError, InputError, NotFoundError
from opsintel.sources.connect import remote_kinds
from opsintel.sources.control import Change, change_source, remove_source
from opsintel.sources.source import Source, find_source, record_fault, set_state
from opsintel.tenants import Tenant, create_tenant
from tests.sources.conftest import TOKEN, connect
from tests.sources.fake_kind import Desk


def row(context: Context, source: Source, columns: str) -> tuple[Any, ...]:
    with context.database.tenant_tx(source.tenant_id) as connection:
        found = connection.execute(f"SELECT {columns} FROM source WHERE id = %s".encode(), (source.id,)).fetchone()
    assert found is not None
    return tuple(found)


def actions(context: Context, tenant: Tenant) -> list[str]:
    with context.database.tenant_tx(tenant.id) as connection:
        return [entry[0] for entry in connection.execute("SELECT action FROM audit_log ORDER BY seq").fetchall()]


def change(context: Context, source: Source, **fields: Any) -> None:
    change_source(context, source.tenant_id, source.id, Change(**fields), SYSTEM)


class TestConnect:
    def test_has_it_read_at_once_and_as_often_as_its_kind_is(self, context: Context, source: Source) -> None:
        assert row(context, source, "state, detail, poll_seconds, next_poll_at <= now()") == ("active", "", 60, True)
        connector = find_source(context.database, source.tenant_id, source.id).connector(context)
        assert connector.check()[0].verdict == "passed"

    def test_is_in_the_audit_log_without_its_credential(self, context: Context, tenant: Tenant, source: Source) -> None:
        assert actions(context, tenant) == ["source.connected"]
        del source

    def test_without_a_credential_waits_for_one(self, context: Context, tenant: Tenant, desk: Desk) -> None:
        waiting = connect(context, tenant, credential=None)
        assert row(context, waiting, "state, detail") == ("disabled", "It waits to be authorised")
        change(context, waiting, credential={"token": "later"})
        assert row(context, waiting, "state, detail") == ("active", "")
        held = find_source(context.database, tenant.id, waiting.id)
        assert held.connector(context).connection.credential() == {"token": "later"}  # type: ignore[union-attr]
        del desk

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"kind": "mbox"}, "no kind of source that is connected"),
            ({"kind": "nothing"}, "no kind of source that is connected"),
            ({"config": {"desk": "x" * 51}}, "configuration cannot be used: desk"),
            ({"config": {"path": "/etc/passwd"}}, "configuration cannot be used: path"),
            ({"credential": {"token": "xy"}}, "credential cannot be used: token"),
            ({"credential": {"token": TOKEN, "other": TOKEN}}, "credential cannot be used: other"),
            ({"name": " \n "}, "needs a name"),
            ({"poll_seconds": 1}, "read every 30 s at most"),
        ],
    )
    def test_refuses_what_cannot_be_used_names_the_field_and_stores_nothing(
        self, context: Context, tenant: Tenant, desk: Desk, fields: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(InputError, match=reason) as caught:
            connect(context, tenant, **fields)
        assert TOKEN not in str(caught.value)
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute(
                "SELECT (SELECT count(*) FROM source), (SELECT count(*) FROM secret)"
            ).fetchone() == (0, 0)  # noqa: E501
        del desk

    def test_files_of_the_server_are_no_kind_that_is_connected(self) -> None:
        assert not {"mbox", "maildir", "eml_folder", "csv_file", "jsonl", "slack_export"} & set(remote_kinds())
        assert set(remote_kinds()) <= set(kinds())

    def test_refuses_the_same_twice_and_leaves_no_credential_behind(
        self, context: Context, tenant: Tenant, source: Source
    ) -> None:
        with pytest.raises(ConflictError, match="of this name"):
            connect(context, tenant)
        with context.database.tenant_tx(tenant.id) as connection:
            secrets = connection.execute("SELECT count(*) FROM secret").fetchone()
        assert secrets == (2,)  # its credential, and what proves its pushes
        assert connect(context, tenant, name="Another").id != source.id


class TestChange:
    def test_another_credential_has_a_disabled_source_read_again(self, context: Context, source: Source) -> None:
        record_fault(context.database, source, CredentialError("It was revoked"), "It was revoked")
        assert row(context, source, "state, detail") == ("disabled", "It was revoked")
        change(context, source, credential={"token": "another"})
        assert row(context, source, "state, detail, next_poll_at <= now()") == ("active", "", True)
        assert context.credentials.open(source.tenant_id, row(context, source, "secret_id")[0]) == {"token": "another"}

    def test_pauses_and_resumes_and_a_read_that_ends_meanwhile_does_not_undo_it(
        self, context: Context, source: Source
    ) -> None:
        change(context, source, paused=True)
        set_state(context.database, source, "active")
        assert row(context, source, "state") == ("paused",)
        change(context, source, paused=False)
        assert row(context, source, "state, next_poll_at <= now()") == ("active", True)

    def test_a_disabled_source_is_authorised_not_resumed(self, context: Context, source: Source) -> None:
        record_fault(context.database, source, CredentialError("It was revoked"), "It was revoked")
        with pytest.raises(InputError, match="is disabled"):
            change(context, source, paused=False)

    def test_name_and_configuration(self, context: Context, tenant: Tenant, source: Source) -> None:
        change(context, source, name="Front desk", config={"desk": "front"}, poll_seconds=90)
        assert row(context, source, "name, config->>'desk', poll_seconds") == ("Front desk", "front", 90)
        connect(context, tenant)
        with pytest.raises(ConflictError):
            change(context, source, name="Desk", config={"desk": "main"})
        with pytest.raises(InputError, match="cannot be used: desk"):
            change(context, source, config={"desk": 7})

    def test_another_tenants_is_none(self, context: Context, source: Source) -> None:
        stranger = create_tenant(context.database, "stranger", "S")
        with pytest.raises(NotFoundError):
            change_source(context, stranger.id, source.id, Change(name="Mine"), SYSTEM)
        with pytest.raises(NotFoundError):
            remove_source(context, stranger.id, source.id, SYSTEM)
        assert row(context, source, "name") == ("Desk",)


class TestRemove:
    def test_takes_the_credential_and_the_row_where_nothing_came(self, context: Context, source: Source) -> None:
        assert remove_source(context, source.tenant_id, source.id, SYSTEM)
        with context.database.tenant_tx(source.tenant_id) as connection:
            assert connection.execute("SELECT count(*) FROM secret").fetchone() == (0,)
        with pytest.raises(NotFoundError):
            find_source(context.database, source.tenant_id, source.id)

    def test_leaves_what_it_brought_and_reads_it_no_more(
        self, context: Context, tenant: Tenant, source: Source
    ) -> None:
        with context.database.tenant_tx(tenant.id) as connection:
            connection.execute(
                "INSERT INTO raw_payload (tenant_id, id, source_id, native_id, version, partition_day)"
                " VALUES (%s, gen_random_uuid(), %s, 'a', '1', '2026-01-01')",
                (tenant.id, source.id),
            )
        assert not remove_source(context, tenant.id, source.id, SYSTEM)
        assert row(context, source, "state, secret_id, poll_seconds, renew_at") == ("disabled", None, None, None)
        connect(context, tenant)  # the same may be connected anew
        assert actions(context, tenant)[1] == "source.removed"
