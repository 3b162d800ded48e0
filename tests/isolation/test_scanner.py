"""The scan finds what it should: a canary in any form, a row that leaks, a route that leaks."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import psycopg
import pytest
from fastapi import FastAPI

from tests.isolation import tables
from tests.isolation.attacks import operations
from tests.isolation.canaries import Scanner, canary_of, marked_id
from tests.isolation.routes import Trial
from tests.isolation.rows import TABLES
from tests.isolation.world import World

CANARY = canary_of(3)
FORMS = {
    "as it is": CANARY.encode(),
    "in JSON": json.dumps({"a": f'"{CANARY}'}).encode(),
    "in an address": quote(f"ü {CANARY}").encode(),
    **{f"in base64 after {n} bytes": base64.b64encode(b"x" * n + CANARY.encode() + b"yz") for n in range(4)},
    "in base64 for addresses": base64.urlsafe_b64encode(b"\xff\xfe" + CANARY.encode()),
    "in hexadecimal": CANARY.encode().hex().encode(),
    "as bytea": b"\\\\x" + CANARY.encode().hex().encode(),
    "in percent signs": "".join(f"%{byte:02X}" for byte in CANARY.encode()).encode(),
    "in JSON escapes": "".join(f"\\u{byte:04x}" for byte in CANARY.encode()).encode(),
    "in UTF-16": CANARY.encode("utf-16-le"),
    "as an id": str(marked_id(3, 77)).encode(),
    "as an id without dashes": marked_id(3, 77).hex.upper().encode(),
}


class TestTheScanner:
    @pytest.mark.parametrize("form", FORMS)
    def test_finds_a_canary(self, form: str) -> None:
        scanner = Scanner(20)
        scanner.scan("here", b'{"x": "' + FORMS[form] + b'"}', [4])
        assert len(scanner.foreign) == 1
        assert "tenant 3" in scanner.foreign[0]

    def test_leaves_ones_own_and_what_the_request_said(self) -> None:
        scanner = Scanner(20)
        scanner.scan("here", CANARY.encode(), [3])
        scanner.scan("here", f'{{"instance": "/v1/{marked_id(3, 1)}"}}'.encode(), [4], sent=[f"/v1/{marked_id(3, 1)}"])
        assert (scanner.foreign, scanner.own, scanner.answers) == ([], {3}, 2)

    def test_finds_what_the_request_did_not_say(self) -> None:
        scanner = Scanner(20)
        scanner.scan("here", f"{marked_id(3, 1)} {marked_id(3, 2)}".encode(), [4], sent=[str(marked_id(3, 1))])
        assert len(scanner.foreign) == 1


class TestAPlantedLeak:
    """Row security of one table is opened: rows and routes then show others' canaries, and the scan says so."""

    @pytest.fixture(autouse=True)
    def _opened(self, world: World):
        with psycopg.connect(world.admin_url, autocommit=True) as connection:
            kept = connection.execute(
                "SELECT qual FROM pg_policies WHERE tablename = 'message' AND policyname = 'tenant'"
            ).fetchone()
            assert kept is not None
            connection.execute("ALTER POLICY tenant ON message USING (true)")
            yield
            connection.execute(f"ALTER POLICY tenant ON message USING ({kept[0]})")

    def test_in_a_table_is_found(self, world: World) -> None:
        found = world.scanner()
        message = [table for table in TABLES if table.name == "message"]
        tables.read_others(world, found, world.pairs[:1], message)
        assert any(canary_of(1) in place for place in found.foreign)

    @pytest.mark.parametrize("path", ["/v1/messages", "/v1/search", "/v1/messages/{message_id}"])
    async def test_in_a_route_is_found(self, world: World, app: FastAPI, path: str) -> None:
        trial = Trial(world, app, world.scanner())
        operation = next(o for o in operations() if o.path == path and o.reads)
        await trial.ask_for_own(world.tenants[0], operation)
        await trial.ask_for_others(*world.pairs[0], operation)
        assert trial.scanner.foreign
