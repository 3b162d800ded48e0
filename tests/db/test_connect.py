"""Addresses of databases as people write them, also without a host or a user."""

import getpass
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from sqlalchemy import make_url

from opsintel.db.connect import DatabaseUrls, database_urls
from opsintel.db.embedded import Access, EmbeddedServer
from opsintel.db.migrate import sqlalchemy_url
from opsintel.errors import DatabaseError, SettingError, StorageError
from opsintel.settings import load_settings

SOCKET = "postgresql://ada@/main?host=/run/postgresql"


class TestAddresses:
    @pytest.mark.parametrize(
        ("given", "dagster"),
        [
            ("postgresql://ada:x@db:5432/main", "postgresql://ada:x@db:5432/main_dagster"),
            ("postgres://db/main?sslmode=require", "postgres://db/main_dagster?sslmode=require"),
            ("postgresql:///main?host=/run/postgresql", "postgresql:///main_dagster?host=/run/postgresql"),
            ("postgresql://ada@db", "postgresql://ada@db/opsintel_dagster"),
        ],
    )
    def test_of_dagsters_database_is_that_of_ours_with_a_suffix(self, given: str, dagster: str) -> None:
        with database_urls(load_settings({"DB_URL": given})) as urls:
            assert urls.dagster == dagster
            assert urls.migration == given

    def test_of_a_socket_can_be_read_by_sqlalchemy(self) -> None:
        read = make_url(sqlalchemy_url(SOCKET))
        assert (read.username, read.database, read.query["host"]) == ("ada", "main", "/run/postgresql")


class TestLogin:
    @pytest.mark.parametrize(
        ("given", "login"),
        [
            (SOCKET, "ada"),
            ("postgresql://ada%40lab:x@db/main", "ada@lab"),
            ("postgresql:///main?user=ada", "ada"),
            ("postgresql://db/main", getpass.getuser()),
        ],
    )
    def test_is_the_user_that_a_client_would_be(self, given: str, login: str) -> None:
        assert DatabaseUrls(given, given, given).login == login

    def test_of_an_address_with_an_unknown_parameter_is_one_line(self) -> None:
        with pytest.raises(SettingError, match="bogus"):
            _ = DatabaseUrls("postgresql://db/main?bogus=1", "", "").login


class TestAFullDisk:
    @pytest.mark.parametrize(("free", "expected"), [(1 << 20, StorageError), (1 << 40, DatabaseError)])
    def test_is_named_where_the_embedded_server_died_of_it(
        self, free: int, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        @contextmanager
        def use(server: EmbeddedServer) -> Iterator[Access]:
            yield Access(1, dict.fromkeys(("opsintel_admin", "opsintel_service", "opsintel_dagster"), "x"))

        monkeypatch.setattr(EmbeddedServer, "use", use)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
        with pytest.raises(expected), database_urls(load_settings({"OPSINTEL_DATA_DIR": "/nowhere"})):
            raise DatabaseError("The database went away")
