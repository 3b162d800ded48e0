"""A reader is killed with SIGKILL where a page becomes rows; the next one goes on and nothing is amiss."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from opsintel.settings import Settings
from opsintel_pipeline.ingest.census import take_census
from opsintel_pipeline.ingest.feed import run_feed
from tests.providers.product import Product
from tests.providers.reader import Place, Readers, Work, running_readers

PLACES: tuple[Place, ...] = ("before", "within", "after")
KILLED = -9

Chosen = Callable[[int], list[tuple[Place, int]]]
"""Of so many pages: where readers are killed, and at which page."""


def few(pages: int) -> list[tuple[Place, int]]:
    middle = (pages + 1) // 2
    return [("before", 1), ("within", middle), ("after", middle)]


def every(pages: int) -> list[tuple[Place, int]]:
    return [(place, page) for page in range(1, pages + 1) for place in PLACES]


of_kills = pytest.mark.parametrize("chosen", [few, pytest.param(every, marks=pytest.mark.thorough)])


@dataclass
class Killer:
    """Has sources read by processes that die."""

    readers: Readers
    settings: Settings

    def read(self, product: Product, place: Place, page: int = 1) -> int:
        """Have a source read until the reader dies at a place of a page, and return what it ended with."""
        assert self.settings.db_url is not None
        environment = {
            "DB_URL": self.settings.db_url,
            "MASTER_ENCRYPTION_KEY": base64.b64encode(self.settings.master_key()).decode(),
            "OPSINTEL_DATA_DIR": str(self.settings.data_dir),
            "OPSINTEL_LOCAL_SERVERS": ",".join(product.account.local_servers),
        }
        work = Work(str(product.tenant.id), str(product.source.id), place, page)
        return self.readers.read(work, environment, product.account.certificate)


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with running_readers() as running:
        yield running


@pytest.fixture
def killer(readers: Readers, settings: Settings) -> Killer:
    return Killer(readers, settings)


def pages_of(product: Product) -> list[int]:
    """Read a source to its end and return the number of items of each page."""
    sizes: list[int] = []
    run_feed(product.context, product.tenant, product.source, sizes.append)
    return sizes


def require_the_same(victim: Product, twin: Product, sizes: list[int], place: Place, page: int) -> None:
    """Assert that a killed reading that goes on ends where an undisturbed one does, with at most a page repeated."""
    resumed = pages_of(victim)
    committed = sizes[: page if place == "after" else page - 1]
    repeated = sum(resumed) + sum(committed) - sum(sizes)
    assert repeated <= max(sizes), f"{place} page {page} of {sizes}, then {resumed}"
    assert victim.versions() == twin.versions(), f"{place} page {page}"
    assert victim.stored() == victim.held()


class TestFirstReading:
    @of_kills
    def test_goes_on_with_at_most_a_page_repeated(self, product: Product, killer: Killer, chosen: Chosen) -> None:
        product.account.remote.add(range(9))
        for number in (0, 4):
            product.account.reply(number)
        sizes = pages_of(product)
        assert len(sizes) >= 3
        for place, page in chosen(len(sizes)):
            victim = product.twin()
            assert killer.read(victim, place, page) == KILLED, (place, page, sizes, victim.state)
            require_the_same(victim, product, sizes, place, page)
        victim.normalise()
        victim.require_messages()


class TestChanges:
    @of_kills
    def test_are_all_read_and_each_once(self, product: Product, killer: Killer, chosen: Chosen) -> None:
        account = product.account
        account.remote.add(range(9))
        pages_of(product)
        victims = [product.twin() for _ in chosen(9)]
        for victim in victims:
            pages_of(victim)
        for number in (1, 3, 5):
            account.remote.edit(number)
        account.remote.delete(2)
        account.reply(0)
        account.remote.add(range(9, 12))
        sizes = pages_of(product)
        kills = chosen(len(sizes))
        assert len(kills) <= len(victims)
        for victim, (place, page) in zip(victims, kills, strict=False):
            assert killer.read(victim, place, page) == KILLED, (place, page, sizes, victim.state)
            resumed = pages_of(victim)
            assert sum(resumed) <= sum(sizes) + max(sizes)
            for one in (victim, product):
                take_census(one.context, one.tenant, one.source)
            assert victim.versions() == product.versions(), f"{place} page {page}"
            assert victim.stored() == victim.held()
