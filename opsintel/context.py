"""What every stage works with: database, objects and settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opsintel.db.connect import open_database
from opsintel.db.engine import Database
from opsintel.objects.store import ObjectStore, open_objects
from opsintel.settings import Settings


@dataclass(frozen=True)
class Context:
    """The parts of an installation, opened."""

    database: Database
    objects: ObjectStore
    settings: Settings


@contextmanager
def open_context(settings: Settings) -> Iterator[Context]:
    """Yield the installation of the settings, its database migrated; closes everything at the end."""
    objects = open_objects(settings)
    with open_database(settings) as database:
        yield Context(database, objects, settings)
