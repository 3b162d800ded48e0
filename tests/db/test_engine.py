"""A transaction whose server goes away says so, in one error whatever the moment."""

from collections.abc import Callable

import psycopg
import pytest

from opsintel.db.engine import Database
from opsintel.errors import DatabaseError


def cut(admin_url: str) -> None:
    """End all of the product's connections, as a server that goes down does."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def run_in_transaction(database: Database, *steps: Callable[[psycopg.Connection], object]) -> None:
    with database.system_tx() as connection:
        for step in steps:
            step(connection)


class TestALostServer:
    def test_is_a_database_error_in_the_midst_of_a_transaction(self, database: Database, admin_url: str) -> None:
        with pytest.raises(DatabaseError, match="went away"):
            run_in_transaction(database, lambda _: cut(admin_url), lambda connection: connection.execute("SELECT 1"))

    def test_is_a_database_error_at_the_commit(self, database: Database, admin_url: str) -> None:
        with pytest.raises(DatabaseError, match="went away"):
            run_in_transaction(database, lambda _: cut(admin_url))

    def test_is_forgotten_once_it_is_back(self, database: Database, admin_url: str) -> None:
        with pytest.raises(DatabaseError):
            run_in_transaction(database, lambda _: cut(admin_url))
        run_in_transaction(database, lambda connection: connection.execute("SELECT 1"))

    @pytest.mark.parametrize("condition", ["disk_full", "out_of_memory", "io_error"])
    def test_is_told_from_one_without_room(self, database: Database, condition: str) -> None:
        with pytest.raises(DatabaseError, match="no room to work") as caught, database.system_tx() as connection:
            connection.execute(f"DO $$ BEGIN RAISE {condition}; END $$")
        assert "Make room" in caught.value.remedy

    def test_other_faults_stay_what_they_are(self, database: Database) -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run_in_transaction(
                database, lambda connection: connection.execute("DO $$ BEGIN RAISE lock_not_available; END $$")
            )
