"""Credentials of sources: sealed, renewed once by all processes together, and never lost on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from uuid import UUID

import psycopg
import pytest

from opsintel.connectors.connection import Credential
from opsintel.context import Context
from opsintel.crypto.keyring import Keyring
from opsintel.crypto.master import MasterKeys
from opsintel.db.engine import Database
from opsintel.errors import CredentialError, DatabaseError
from opsintel.settings import Settings
from opsintel.sources import credentials
from opsintel.sources.connection import SourceConnection
from opsintel.sources.credentials import Credentials
from opsintel.sources.source import Source
from tests.sources.conftest import TOKEN

FIRST = {"token": TOKEN, "refresh_token": "first"}
HELD = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"


class Provider:
    """Takes each refresh token once, as most do, and gives another."""

    def __init__(self) -> None:
        self.valid = "first"
        self.exchanges = 0

    def __call__(self, held: Credential) -> Credential:
        if held["refresh_token"] != self.valid:
            raise CredentialError("The refresh token was used", remedy="Authorise it again")
        self.exchanges += 1
        self.valid = f"after-{self.exchanges}"
        return {"token": f"token-{self.exchanges}", "refresh_token": self.valid}


def connection_of(context: Context, source: Source) -> SourceConnection:
    return SourceConnection(context, source.tenant_id, source.id, source.kind, source.secret_id)


def credentials_of(database: Database, settings: Settings, waits: list[float] | None = None) -> Credentials:
    keyring = Keyring(database, MasterKeys.of(settings))
    return Credentials(database, keyring, sleep=([] if waits is None else waits).append)


def secret_of(source: Source) -> UUID:
    assert source.secret_id is not None
    return source.secret_id


class TestSealed:
    def test_opens_for_its_source_and_stands_nowhere_in_clear(
        self, context: Context, source: Source, admin_url: str
    ) -> None:
        assert connection_of(context, source).credential() == FIRST
        with psycopg.connect(admin_url) as admin:
            row = admin.execute("SELECT sealed FROM secret WHERE id = %s", (source.secret_id,)).fetchone()
            rest = admin.execute("SELECT source::text FROM source").fetchall()
            audit = admin.execute("SELECT details::text FROM audit_log").fetchall()
        assert row is not None
        assert TOKEN.encode() not in row[0]
        assert TOKEN not in str(rest) + str(audit)

    def test_a_source_without_one_says_so(self, context: Context, source: Source) -> None:
        nothing = SourceConnection(context, source.tenant_id, source.id, source.kind, None)
        with pytest.raises(CredentialError, match="has no credential"):
            nothing.credential()
        with pytest.raises(CredentialError, match="has no credential"):
            nothing.renewed({}, lambda held: held)


class TestRenewed:
    def test_is_exchanged_once_by_two_processes_at_once(
        self, database: Database, settings: Settings, source: Source
    ) -> None:
        provider, together, both_exchange = Provider(), threading.Barrier(2), threading.Barrier(2)

        def slow(held: Credential) -> Credential:
            with suppress(threading.BrokenBarrierError):
                both_exchange.wait(0.3)  # only without a lock are there two
            return provider(held)

        def renew(_: int) -> Credential:
            mine = credentials_of(database, settings)
            together.wait()
            return mine.renewed(source.tenant_id, secret_of(source), FIRST, slow)

        with ThreadPoolExecutor(2) as both:
            one, other = both.map(renew, range(2))
        assert provider.exchanges == 1
        assert one == other == {"token": "token-1", "refresh_token": "after-1"}

    def test_is_kept_for_the_next_process(self, database: Database, settings: Settings, source: Source) -> None:
        provider = Provider()
        mine = credentials_of(database, settings)
        first = mine.renewed(source.tenant_id, secret_of(source), FIRST, provider)
        second = credentials_of(database, settings).renewed(source.tenant_id, secret_of(source), first, provider)
        assert second == {"token": "token-2", "refresh_token": "after-2"}
        assert credentials_of(database, settings).open(source.tenant_id, secret_of(source)) == second
        with database.tenant_tx(source.tenant_id) as connection:
            assert connection.execute("SELECT version FROM secret").fetchone() == (3,)  # old bytes open no more

    def test_keeps_the_fields_that_the_provider_does_not_send_again(
        self, database: Database, settings: Settings, source: Source
    ) -> None:
        mine = credentials_of(database, settings)
        fresh = mine.renewed(source.tenant_id, secret_of(source), FIRST, lambda _: {"token": "another"})
        assert fresh == {"token": "another", "refresh_token": "first"}
        assert credentials_of(database, settings).open(source.tenant_id, secret_of(source)) == fresh
        again = mine.renewed(source.tenant_id, secret_of(source), fresh, lambda _: {"token": "a third"})
        assert again == {"token": "a third", "refresh_token": "first"}

    def test_stays_where_the_provider_refuses(self, database: Database, settings: Settings, source: Source) -> None:
        mine = credentials_of(database, settings)

        def refuse(_: Credential) -> Credential:
            raise CredentialError("invalid_grant", remedy="Authorise it again")

        with pytest.raises(CredentialError, match="invalid_grant"):
            mine.renewed(source.tenant_id, secret_of(source), FIRST, refuse)
        assert mine.open(source.tenant_id, secret_of(source)) == FIRST

    def test_goes_on_beside_a_new_data_key(self, database: Database, settings: Settings, source: Source) -> None:
        keyring = Keyring(database, MasterKeys.of(settings))
        begun = threading.Event()

        def rotate() -> None:
            begun.wait()
            with database.tenant_tx(source.tenant_id) as connection:
                keyring.rotate_data_key(connection, source.tenant_id)

        rotation = threading.Thread(target=rotate)
        rotation.start()

        def exchange(_: Credential) -> Credential:
            begun.set()
            return {"token": "during-a-rotation"}

        mine = credentials_of(database, settings)
        mine.renewed(source.tenant_id, secret_of(source), FIRST, exchange)
        rotation.join()
        assert mine.open(source.tenant_id, secret_of(source))["token"] == "during-a-rotation"


class Breaking(Database):
    """A database whose next transactions of a tenant are lost, so many of them, when they are to commit."""

    losses = 0

    @contextmanager
    def tenant_tx(self, tenant_id: UUID) -> Iterator[psycopg.Connection]:
        with super().tenant_tx(tenant_id) as connection:
            yield connection
            if self.losses:
                Breaking.losses -= 1
                raise DatabaseError("The database went away")


class TestARotatedTokenIsKept:
    @pytest.fixture
    def breaking(self, database_url: str) -> Iterator[Breaking]:
        Breaking.losses = 0
        with Breaking(database_url) as opened:
            yield opened

    def test_where_the_database_goes_away_as_it_is_stored(
        self, breaking: Breaking, settings: Settings, source: Source
    ) -> None:
        waits: list[float] = []
        mine = credentials_of(breaking, settings, waits)
        Breaking.losses = 3
        fresh = mine.renewed(source.tenant_id, secret_of(source), FIRST, Provider())
        assert len(waits) == 2
        assert credentials_of(breaking, settings).open(source.tenant_id, secret_of(source)) == fresh

    def test_until_the_database_is_back_however_long_that_takes(
        self, breaking: Breaking, settings: Settings, source: Source
    ) -> None:
        provider, mine = Provider(), credentials_of(breaking, settings)
        Breaking.losses = 6
        with pytest.raises(DatabaseError):
            mine.renewed(source.tenant_id, secret_of(source), FIRST, provider)
        assert credentials_of(breaking, settings).open(source.tenant_id, secret_of(source)) == FIRST
        assert mine.renewed(source.tenant_id, secret_of(source), FIRST, provider)["refresh_token"] == "after-1"
        assert credentials_of(breaking, settings).open(source.tenant_id, secret_of(source))["token"] == "token-1"
        assert provider.exchanges == 1

    def test_and_is_what_its_process_uses_from_then_on(
        self, breaking: Breaking, settings: Settings, source: Source
    ) -> None:
        mine = credentials_of(breaking, settings)
        Breaking.losses = 6
        with pytest.raises(DatabaseError):
            mine.renewed(source.tenant_id, secret_of(source), FIRST, Provider())
        assert mine.open(source.tenant_id, secret_of(source))["token"] == "token-1"

    def test_where_the_provider_takes_so_long_that_the_row_is_let_go(
        self, database: Database, settings: Settings, source: Source, admin_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(credentials, "LONGEST_IDLE", "100ms")

        def exchange(_: Credential) -> Credential:
            with psycopg.connect(admin_url, autocommit=True) as admin:
                for _ in range(100):
                    if admin.execute(HELD).fetchone() == (0,):
                        return {"token": "late"}
                    admin.execute("SELECT pg_sleep(0.05)")
            raise AssertionError("The row is held as long as the provider likes")

        mine = credentials_of(database, settings)
        fresh = mine.renewed(source.tenant_id, secret_of(source), FIRST, exchange)
        assert fresh == {"token": "late", "refresh_token": "first"}
        assert credentials_of(database, settings).open(source.tenant_id, secret_of(source)) == fresh

    def test_and_never_takes_the_place_of_what_a_person_gave_meanwhile(
        self, breaking: Breaking, context: Context, settings: Settings, source: Source
    ) -> None:
        mine = credentials_of(breaking, settings)
        Breaking.losses = 6
        with pytest.raises(DatabaseError):
            mine.renewed(source.tenant_id, secret_of(source), FIRST, Provider())
        given = {"token": "given by a person"}
        with context.database.tenant_tx(source.tenant_id) as connection:
            context.credentials.replace(connection, source.tenant_id, secret_of(source), given)
        assert mine.open(source.tenant_id, secret_of(source)) == given

    def test_a_process_killed_in_the_exchange_leaves_the_row_free_and_whole(
        self, context: Context, settings: Settings, source: Source
    ) -> None:
        given = {"url": settings.db_url, "tenant": str(source.tenant_id), "secret": str(source.secret_id)}
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.sources.dying_renewal"], env=_environment(settings, given),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "exchanging\n"
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        fresh = context.credentials.renewed(source.tenant_id, secret_of(source), FIRST, Provider())
        assert fresh == {"token": "token-1", "refresh_token": "after-1"}


def _environment(settings: Settings, given: Mapping[str, object]) -> dict[str, str]:
    assert settings.master_encryption_key is not None
    key = settings.master_encryption_key.get_secret_value()
    return {**os.environ, "RENEWAL": json.dumps(given), "MASTER_ENCRYPTION_KEY": key}
