"""One broken message becomes a failure with its reason; the others of its day go on."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from opsintel.clock import today
from opsintel.context import Context
from opsintel.events.message import CanonicalMessage
from opsintel.partitions import Partition
from opsintel.tenants import find_tenant
from opsintel_pipeline.ingest.files import import_file
from opsintel_pipeline.normalize import run as normalize
from opsintel_pipeline.normalize.parse import parse_payload


def write_rows(path: Path, texts: list[str]) -> None:
    path.write_text("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts)))


def take_in(context: Context, path: Path) -> Partition:
    import_file(context, path, "acme")
    partition = Partition(today(), find_tenant(context.database, "acme").id, "acme")
    normalize.run(context, partition)
    return partition


def stored(context: Context, partition: Partition) -> tuple[set[str], dict[str, str]]:
    """Return the texts of the messages, and the reasons of the open failures by native id."""
    with context.database.tenant_tx(partition.tenant_id) as connection:
        texts = {row[0] for row in connection.execute("SELECT text FROM message")}
        failures = connection.execute("SELECT key, reason FROM ingest_failure WHERE resolved_at IS NULL").fetchall()
    return texts, dict(failures)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    write_rows(path, ["first", "second", "poison", "fourth", "poison", "sixth"])
    return path


class TestABrokenMessage:
    def test_that_the_parser_chokes_on_stops_no_other(
        self, context: Context, rows: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def choke(payload: bytes, *given: object, **named: object) -> CanonicalMessage:
            if b"poison" in payload:
                raise RecursionError
            return parse_payload(payload, *given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(normalize, "parse_payload", choke)
        assert stored(context, take_in(context, rows)) == (
            {"first", "second", "fourth", "sixth"},
            {"2": "cannot be read: RecursionError", "4": "cannot be read: RecursionError"},
        )

    def test_that_the_database_refuses_stops_no_other(
        self, context: Context, rows: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def spoil(*given: object, **named: object) -> CanonicalMessage:
            message = parse_payload(*given, **named)  # type: ignore[arg-type]
            return message.model_copy(update={"subject": "a\x00b"}) if message.text == "poison" else message

        monkeypatch.setattr(normalize, "parse_payload", spoil)
        texts, failures = stored(context, take_in(context, rows))
        assert texts == {"first", "second", "fourth", "sixth"}
        assert set(failures) == {"2", "4"}
        assert all(reason.startswith("cannot be stored: ") for reason in failures.values())

    def test_is_no_failure_any_more_once_it_is_mended_at_its_source(
        self, context: Context, rows: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(connection: psycopg.Connection, *given: object) -> None:
            raise psycopg.DataError

        with monkeypatch.context() as patch:
            patch.setattr(normalize, "store_messages", refuse)
            assert len(stored(context, take_in(context, rows))[1]) == 6
        write_rows(rows, ["one", "two", "three", "four", "five", "six"])
        assert stored(context, take_in(context, rows)) == ({"one", "two", "three", "four", "five", "six"}, {})

    def test_with_a_number_beyond_all_floats_is_kept(self, context: Context, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        path.write_text('{"id": "1", "text": "huge", "score": 1e999}\n{"id": "2", "text": "usual", "score": 1.5}\n')
        partition = take_in(context, path)
        assert stored(context, partition) == ({"huge", "usual"}, {})
        with context.database.tenant_tx(partition.tenant_id) as connection:
            extras = connection.execute("SELECT extra FROM message ORDER BY text").fetchall()
        assert extras == [({"score": "1e999"},), ({"score": 1.5},)]
