"""Sheets: write requests to export issues for the first and the second time, against one request a row.

Against the tests' Sheets server, which keeps cells and refuses what Google's discovery document does not describe.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bench.measure import Spread, by_size, in_turns, timed
from bench.report import Bound, Line, Report, compared, grown
from bench.workplace import Installed, Workplace
from opsintel.clock import today
from opsintel.context import Context
from opsintel.coordination.contract import Key, Limit
from opsintel.coordination.postgres import PostgresCoordinator
from opsintel.ids import new_id
from opsintel.partitions import Partition
from opsintel.tenants import Tenant, create_tenant
from opsintel_pipeline.act.rows import KEY_COLUMN, issue_rows
from opsintel_pipeline.act.sheets.client import SheetsClient
from opsintel_pipeline.act.sheets.run import DEFAULT_WORKSHEET
from opsintel_pipeline.act.sheets.run import run as export
from opsintel_pipeline.act.targets import ensure_sheet
from tests.peers.sheets import Spreadsheet, sheets_server

SIZES = (100, 1_000, 10_000)
SINGLY = 100
ROUNDS = 3
OURS, PEER = "ours", "one request a row"


def run(workplace: Workplace) -> Report:
    """Count requests at the largest size; measure seconds a row by both ways, and ours by number of rows."""
    largest = max(SIZES)
    with workplace.installation() as installed:
        spreadsheet = Spreadsheet()
        tenant = issues(installed, largest)
        with sheets_server(spreadsheet) as address:
            first = export_to(installed, tenant, address)
            second = export_to(installed, tenant, address)
        if len(spreadsheet.rows(DEFAULT_WORKSHEET)) != largest + 1:
            raise AssertionError("not every issue stands in the sheet")
        contenders = {
            OURS: lambda: seconds_of_export(installed, SINGLY) / SINGLY * 1000,
            PEER: lambda: seconds_row_by_row(installed, SINGLY) / SINGLY * 1000,
        }
        values = in_turns(contenders, ROUNDS)
        costs = by_size(lambda size: seconds_of_export(installed, size), SIZES, 2)
    return Report(
        [
            Line(f"{largest:,} rows, first export", "write requests", Spread.of([first]), f"{PEER}: {largest:,}",
                 bound=Bound(60, 12, at_most=True)),
            Line(f"{largest:,} rows, second export", "write requests", Spread.of([second]), f"{PEER}: {largest:,}",
                 bound=Bound(0, at_most=True)),
            compared(f"a row, of {SINGLY}", "ms", values, ours=OURS, peer=PEER, inverted=True),
        ],
        [grown("a first export by rows", "s", costs)],
    )  # fmt: skip


def export_to(installed: Installed, tenant: Tenant, address: str) -> float:
    """Export the tenant's issues to the sheet behind an address and return the write requests made."""
    context = _pointed(installed, tenant, address)
    return float(export(context, Partition(today(), tenant.id, tenant.slug)).figures["write_requests"])


class Unpaced(PostgresCoordinator):
    """Gives out tokens without end: Google's budget is not what is measured."""

    def acquire(self, key: Key, limit: Limit, tokens: int = 1) -> float:
        """Return 0."""
        del key, limit, tokens
        return 0.0


def seconds_of_export(installed: Installed, size: int) -> float:
    """Return the seconds of a first export of so many issues."""
    tenant = issues(installed, size)
    with sheets_server(Spreadsheet()) as address:
        context = _pointed(installed, tenant, address)
        return timed(lambda: export(context, Partition(today(), tenant.id, tenant.slug)))


def seconds_row_by_row(installed: Installed, size: int) -> float:
    """Return the seconds of an export that writes each row by a request of its own, with the same client."""
    tenant = issues(installed, size)
    with sheets_server(Spreadsheet()) as address:
        unpaced = Unpaced(installed.context.database)
        client = SheetsClient(_account(address), "spreadsheet", address, coordinator=unpaced)
        worksheet = client.open_worksheet(DEFAULT_WORKSHEET, KEY_COLUMN)

        def write() -> None:
            with installed.context.database.tenant_tx(tenant.id) as connection:
                rows = issue_rows(connection, "http://localhost")
            for place, row in enumerate(rows, start=2):
                client.write(worksheet, [(place, 1, [[row.key, *row.cells]])])

        return timed(write)


def issues(installed: Installed, count: int) -> Tenant:
    """Return a new tenant with so many issues."""
    slug = f"sheet-{new_id().hex}"
    tenant = create_tenant(installed.context.database, slug, "Sheet")
    with installed.context.database.tenant_tx(tenant.id) as connection:
        connection.execute(
            "INSERT INTO issue (tenant_id, id, number, title, title_method, severity, messages, customers, summary)"
            " SELECT %s, gen_random_uuid(), number, 'Problem ' || number || ' with the device', 'phrase', 3, 5, 4,"
            " repeat('What it is about. ', 6) FROM generate_series(1, %s) AS number",
            (tenant.id, count),
        )
    return tenant


def _pointed(installed: Installed, tenant: Tenant, address: str) -> Context:
    settings = installed.context.settings.model_copy(update={"google_sheets_endpoint": address})
    context = replace(installed.context, settings=settings)
    context.__dict__["coordinator"] = Unpaced(context.database)
    ensure_sheet(context, tenant.id, "spreadsheet", DEFAULT_WORKSHEET, _account(address))
    return context


def _account(address: str) -> bytes:
    content = {
        "type": "service_account", "client_email": "robot@project.example", "private_key": _private_key(),
        "token_uri": f"{address}/token",
    }  # fmt: skip
    return json.dumps(content).encode()


@cache
def _private_key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
