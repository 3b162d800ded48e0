"""A person's erasure as an operator does it: twelve stores read byte by byte before and after it."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from opsintel.access.audit_chain import verify_chain
from opsintel.cli.main import app
from opsintel.db.embedded import Access
from opsintel_pipeline.worker.inline import process_waiting
from tests.erasure import twelve
from tests.erasure.world import ADDRESS, IDENTIFIERS, World, opened_world
from tests.peers.rabbitmq import Broker
from tests.peers.redis import RedisServer
from tests.peers.sheets import Spreadsheet, sheets_server
from tests.pipeline.conftest import TEMPLATE

ONLY_IDS = ("outbox", "rabbitmq", "redis", "dagster", "backups")
"""Stores that hold no text of tenants: ids, days and figures alone."""


@pytest.fixture(scope="module")
def world(
    server: Access, reachable_dir: Path, broker: Broker, module_amqp_url: str, redis_server: RedisServer
) -> Iterator[World]:
    folder = reachable_dir / "twelve"
    folder.mkdir(mode=0o755)
    spreadsheet = Spreadsheet()
    with sheets_server(spreadsheet) as address:
        variables = {
            "AMQP_URL": module_amqp_url, "OPSINTEL_GOOGLE_SHEETS_ENDPOINT": address, **redis_server.environment
        }  # fmt: skip
        with opened_world(server, TEMPLATE, folder, spreadsheet, variables) as made:
            made.seed(folder)
            yield made
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Erased:
    """What the stores held before, right after, and once all was counted anew; what was told, and the receipt."""

    before: dict[str, Counter[str]]
    after: dict[str, Counter[str]]
    rebuilt: dict[str, Counter[str]]
    told: dict[str, Any]
    changed_by_dry_run: list[str]
    receipt: dict[str, Any]
    others: tuple[dict[str, Any], dict[str, Any]]
    foreign: tuple[dict[str, bytes], dict[str, bytes]]


def command(world: World, *arguments: str) -> dict[str, Any]:
    """Run a command as the operator does, and return the document that it prints."""
    result = CliRunner().invoke(app, [*arguments, "--json"], env=world.environment)
    assert result.exception is None, result.output
    return dict(json.loads(result.stdout))


def messages(world: World) -> dict[str, Any]:
    """Return what others wrote, by the id at the provider."""
    with world.context.database.tenant_tx(world.acme.id) as connection:
        rows = connection.execute(
            "SELECT native_id, subject, text, quoted_text, display_name FROM message"
            " JOIN message_occurrence AS place ON place.message_id = message.id"
            " JOIN participant ON participant.id = author_id WHERE display_name <> 'Zoë Quagga'"
        ).fetchall()
    return {row[0]: row[1:] for row in rows}


@pytest.fixture(scope="module")
def erased(world: World) -> Erased:
    identifiers = [*IDENTIFIERS, world.participant(world.acme), str(world.user_id)]
    before = twelve.read(world)
    others, foreign, own = messages(world), twelve.of_tenant(world, world.other), twelve.of_tenant(world, world.acme)
    told = command(world, "erase", "person", ADDRESS, "--tenant", "acme", "--dry-run")
    tried = twelve.of_tenant(world, world.acme)
    changed = [place for place in {*own, *tried} if own.get(place) != tried.get(place)]
    receipt = command(world, "erase", "person", ADDRESS, "--tenant", "acme")
    after = twelve.read(world)
    foreign_after = twelve.of_tenant(world, world.other)
    process_waiting(world.context)
    world.leave_something_in_the_queue()
    found = Erased(
        *(twelve.counted(stores, identifiers) for stores in (before, after, twelve.read(world))),
        told, changed, receipt, (others, messages(world)), (foreign, foreign_after),
    )  # fmt: skip
    lines = (f"{store}: {found.before[store].total()} -> {found.after[store].total()}\n" for store in twelve.STORES)
    sys.stdout.writelines(lines)
    return found


class TestTheScan:
    @pytest.mark.parametrize("store", [store for store in twelve.STORES if store not in ONLY_IDS])
    def test_finds_her_before(self, erased: Erased, store: str) -> None:
        assert erased.before[store].total() > 0

    @pytest.mark.parametrize("store", ONLY_IDS)
    def test_finds_ids_alone_where_nobody_is_named(self, world: World, erased: Erased, store: str) -> None:
        content = twelve.read(world)[store]
        assert content, "an empty store proves nothing"
        assert erased.before[store].total() == 0
        assert store == "backups" or str(world.acme.id).encode() in content or b"|acme" in content

    def test_sees_each_identifier(self, erased: Erased) -> None:
        seen = sum(erased.before.values(), Counter[str]())
        assert {value for value, count in seen.items() if count} >= set(IDENTIFIERS)


class TestAnErasure:
    @pytest.mark.parametrize("store", twelve.STORES)
    def test_leaves_nothing(self, erased: Erased, store: str) -> None:
        assert erased.after[store] == {}

    @pytest.mark.parametrize("store", twelve.STORES)
    def test_leaves_nothing_that_comes_back_when_all_is_counted_anew(self, erased: Erased, store: str) -> None:
        assert erased.rebuilt[store] == {}

    def test_is_what_the_dry_run_told(self, erased: Erased) -> None:
        assert erased.changed_by_dry_run == []
        assert erased.told["counts"] == erased.receipt["counts"]
        assert erased.told["stores"] == erased.receipt["stores"]

    def test_leaves_a_receipt_that_names_nobody(self, world: World, erased: Erased) -> None:
        assert twelve.occurrences(json.dumps(erased.receipt).encode(), IDENTIFIERS) == {}
        (backup,) = world.repository.backups()
        assert [one["backup"] for one in erased.receipt["backups"]] == [backup.folder.name]

    def test_leaves_others_what_they_wrote(self, erased: Erased) -> None:
        before, after = erased.others
        assert before.keys() == after.keys()
        changed = {key for key in before if before[key] != after[key]}
        assert len(before) >= 12
        assert len(changed) == 3, "the answer, the mention in a mail and the mention in the chat"
        assert all(before[key][3] == after[key][3] for key in before)

    def test_leaves_the_other_tenant_byte_for_byte(self, erased: Erased) -> None:
        before, after = erased.foreign
        assert sorted(before) == sorted(after)
        assert [place for place in before if before[place] != after[place]] == []

    def test_keeps_the_audit_chain(self, world: World, erased: Erased) -> None:
        verdict = verify_chain(world.context.database, world.acme.id, {})
        assert verdict.is_whole
        assert verdict.entries >= 3
