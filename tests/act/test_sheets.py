"""The sheet: one row an issue, upserted; people's own columns, rows and order stay theirs."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from opsintel.context import Context
from opsintel.coordination.contract import Key, Lock
from opsintel.coordination.hold import held
from opsintel.coordination.postgres import PostgresCoordinator
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import Database
from opsintel.errors import CredentialError, InputError, UnavailableError
from opsintel.ids import new_id
from opsintel.objects.store import open_objects
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from opsintel_pipeline.act.rows import KEY_COLUMN
from opsintel_pipeline.act.sheets.client import RETRIES, SheetsClient, column_name
from opsintel_pipeline.act.sheets.run import Target, export_target
from opsintel_pipeline.act.targets import ensure_sheet
from tests.peers.sheets import Spreadsheet, sheets_server

TAB = "opsintel issues"


@pytest.fixture
def spreadsheet() -> Spreadsheet:
    made = Spreadsheet()
    made.add("Notes")
    return made


@pytest.fixture
def address(spreadsheet: Spreadsheet) -> Iterator[str]:
    with sheets_server(spreadsheet) as found:
        yield found


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def context(database: Database, settings: Settings, address: str) -> Context:
    with database.system_tx() as connection:
        connection.execute("DELETE FROM rate_limit")  # the account of all tests has one budget
    pointed = settings.model_copy(update={"google_sheets_endpoint": address})
    return Context(database, open_objects(pointed), pointed)


@pytest.fixture
def target(context: Context, address: str, private_key: str) -> Target:
    tenant = create_tenant(context.database, f"sheet-{uuid4().hex}", "Sheet")
    account = {
        "type": "service_account", "client_email": "robot@project.example", "private_key": private_key,
        "token_uri": f"{address}/token",
    }  # fmt: skip
    target_id = ensure_sheet(context, tenant.id, "spreadsheet-1", TAB, json.dumps(account).encode())
    with context.database.tenant_tx(tenant.id) as connection:
        row = connection.execute(
            "SELECT id, tenant_id, config, secret_id FROM export_target WHERE id = %s", (target_id,)
        ).fetchone()
    assert row is not None
    return Target(*row)


class Forgetful(PostgresCoordinator):
    """Loses every lock at once."""

    def renew(self, lock: Lock) -> bool:
        return False


def add_issue(context: Context, tenant_id: UUID, number: int, title: str) -> UUID:
    issue_id = new_id()
    with context.database.tenant_tx(tenant_id) as connection:
        connection.execute(
            "INSERT INTO issue (tenant_id, id, number, title, title_method, severity, messages)"
            " VALUES (%s, %s, %s, %s, 'phrase', 3, 5)",
            (tenant_id, issue_id, number, title),
        )
    return issue_id


def titles(spreadsheet: Spreadsheet) -> list[str]:
    rows = spreadsheet.rows(TAB)
    place = rows[0].index("Title")
    return [row[place] for row in rows[1:]]


class TestExport:
    def test_writes_a_row_for_each_issue_with_its_key_hidden(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        add_issue(context, target.tenant_id, 1, "Hub offline")
        add_issue(context, target.tenant_id, 2, "=SUM(A1)")
        assert export_target(context, target)[0] == 2
        assert titles(spreadsheet) == ["Hub offline", "=SUM(A1)"]
        key = spreadsheet.rows(TAB)[0].index(KEY_COLUMN) + 1
        assert spreadsheet.tabs[TAB]["hidden"] == {key}

    def test_a_second_export_with_nothing_new_writes_no_cell(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        add_issue(context, target.tenant_id, 1, "Hub offline")
        export_target(context, target)
        before = spreadsheet.writes
        assert export_target(context, target) == (1, 0)
        assert spreadsheet.writes == before

    def test_peoples_columns_rows_and_order_are_kept(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        issues = [add_issue(context, target.tenant_id, n, f"Issue {n}") for n in (1, 2)]
        export_target(context, target)
        moved = [[*row[1:3], "note", row[0], *row[3:]] for row in reversed(spreadsheet.rows(TAB)[1:])]
        header = spreadsheet.rows(TAB)[0]
        rows = [[*header[1:3], "Mine", header[0], *header[3:]], ["my own row"], *moved]
        spreadsheet.cells[TAB] = {(r, c): value for r, row in enumerate(rows, 1) for c, value in enumerate(row, 1)}
        with context.database.tenant_tx(target.tenant_id) as connection:
            connection.execute("UPDATE issue SET title = 'Renamed' WHERE id = %s", (issues[0],))
        add_issue(context, target.tenant_id, 3, "Issue 3")
        export_target(context, target)
        found = spreadsheet.rows(TAB)
        assert found[1][0] == "my own row"
        assert [row[2] for row in found[2:4]] == ["note", "note"]
        assert titles(spreadsheet) == ["", "Issue 2", "Renamed", "Issue 3"] or titles(spreadsheet)[1:] == [
            "Issue 2", "Renamed", "Issue 3",
        ]  # fmt: skip

    def test_a_row_that_a_person_deleted_stays_deleted_or_returns_as_the_target_says(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        add_issue(context, target.tenant_id, 1, "Gone")
        export_target(context, target)
        spreadsheet.cells[TAB] = {at: value for at, value in spreadsheet.cells[TAB].items() if at[0] == 1}
        assert export_target(context, target)[0] == 0
        assert titles(spreadsheet) == []
        returning = replace(target, config=target.config | {"deleted_rows": "return"})
        assert export_target(context, returning)[0] == 1
        assert titles(spreadsheet) == ["Gone"]

    def test_an_issue_that_is_gone_is_withdrawn_from_the_sheet(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        issue_id = add_issue(context, target.tenant_id, 1, "Secret text")
        export_target(context, target)
        with context.database.tenant_tx(target.tenant_id) as connection:
            connection.execute("DELETE FROM issue WHERE id = %s", (issue_id,))
        export_target(context, target)
        assert "Secret text" not in str(spreadsheet.rows(TAB))

    def test_a_lost_reply_is_looked_up_and_doubles_nothing(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        add_issue(context, target.tenant_id, 1, "Once")
        export_target(context, target)
        with context.database.tenant_tx(target.tenant_id) as connection:
            connection.execute("DELETE FROM export_row")
        export_target(context, target)
        assert titles(spreadsheet) == ["Once"]

    def test_passing_faults_are_tried_again(
        self, context: Context, target: Target, spreadsheet: Spreadsheet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("opsintel_pipeline.act.sheets.client.FIRST_PAUSE", 0.0)
        spreadsheet.fail_next = [503, 429]
        add_issue(context, target.tenant_id, 1, "Patience")
        assert export_target(context, target)[0] == 1

    def test_a_server_that_stays_away_is_given_up_with_its_reason(
        self, context: Context, target: Target, spreadsheet: Spreadsheet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("opsintel_pipeline.act.sheets.client.FIRST_PAUSE", 0.0)
        spreadsheet.fail_next = [503] * 20
        with pytest.raises(UnavailableError, match="Google Sheets answers 503"):
            export_target(context, target)
        assert len(spreadsheet.fail_next) == 20 - RETRIES - 1

    def test_of_two_processes_one_writes_at_a_time(
        self, context: Context, target: Target, spreadsheet: Spreadsheet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("opsintel_pipeline.act.sheets.run.PATIENCE_SECONDS", 0.0)
        key = Key(target.tenant_id, f"sheet:{target.id}")
        with (
            held(context.coordinator, key, timedelta(minutes=1)),
            pytest.raises(UnavailableError, match="another process"),
        ):
            export_target(context, target)
        assert spreadsheet.writes == 0
        assert export_target(context, target) == (0, spreadsheet.writes)

    def test_a_process_that_lost_its_turn_writes_nothing_more(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        lost = replace(context)
        lost.__dict__["coordinator"] = Forgetful(context.database)
        with pytest.raises(UnavailableError, match="was lost"):
            export_target(lost, target)
        assert spreadsheet.writes == 0

    def test_a_thousand_rows_take_few_requests(
        self, context: Context, target: Target, spreadsheet: Spreadsheet
    ) -> None:
        for number in range(1, 1001):
            add_issue(context, target.tenant_id, number, f"Issue {number}")
        rows, writes = export_target(context, target)
        assert rows == 1000
        assert writes <= 5
        assert len(titles(spreadsheet)) == 1000


class TestCredentials:
    def test_what_is_no_service_account_is_said(self, context: Context) -> None:
        with pytest.raises(CredentialError, match="service account"):
            SheetsClient(b"{}", "x", coordinator=context.coordinator)

    def test_that_are_none_store_nothing(self, context: Context) -> None:
        tenant = create_tenant(context.database, f"sheet-{uuid4().hex}", "Sheet")
        for key in (None, b"{}", b"root:x:0:0", b"\xff"):
            with pytest.raises(CredentialError):
                ensure_sheet(context, tenant.id, "spreadsheet-1", TAB, key)
        for spreadsheet_id in ("", "https://docs.example/d/1", "a b", "\udcff"):
            with pytest.raises(InputError, match="no id of a spreadsheet"):
                ensure_sheet(context, tenant.id, spreadsheet_id, TAB, None)
        with context.database.tenant_tx(tenant.id) as connection:
            assert connection.execute("SELECT id FROM export_target UNION SELECT id FROM secret").fetchall() == []

    def test_given_later_take_the_place_of_those_before(
        self, context: Context, target: Target, address: str, private_key: str
    ) -> None:
        account = {
            "type": "service_account", "client_email": "other@project.example", "private_key": private_key,
            "token_uri": f"{address}/token",
        }  # fmt: skip
        key = json.dumps(account).encode()
        assert ensure_sheet(context, target.tenant_id, "spreadsheet-1", TAB, key) == target.id
        keyring = Keyring(context.database, MasterKeys.of(context.settings))
        assert target.secret_id is not None
        assert keyring.open(target.tenant_id, target.secret_id).reveal() == key
        assert ensure_sheet(context, target.tenant_id, "spreadsheet-1", TAB, None) == target.id
        assert keyring.open(target.tenant_id, target.secret_id).reveal() == key


class TestColumns:
    @pytest.mark.parametrize(("number", "name"), [(1, "A"), (26, "Z"), (27, "AA"), (702, "ZZ"), (703, "AAA")])
    def test_have_letters(self, number: int, name: str) -> None:
        assert column_name(number) == name
