"""The lint of the catalogue: silent about what `opsintel migrate` makes, and each rule catches its violation."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from typer.testing import CliRunner

from opsintel.cli import doctor
from opsintel.db.embedded import ADMIN, SERVICE
from opsintel.db.engine import Database
from opsintel.db.lint import OF_ROLES, RULES, Declared, declared, examine
from opsintel.db.migrate import migrate
from opsintel.settings import Settings
from opsintel.tenants import create_tenant
from tests.access.analyst_logins import login_for, opened
from tests.db.lint_violations import VIOLATIONS


@pytest.fixture(scope="module")
def logins(admin_url: str, database_url: str) -> dict[str, str]:
    """Names of an analyst's login, and of one whose tenant is suspended."""
    urls = opened(admin_url, database_url)
    with Database(database_url) as database:
        create_tenant(database, "lint", "Lint")
        suspended = create_tenant(database, "lint-locked", "Locked")
        names = {"analyst": login_for(urls, "lint").role_name, "locked": login_for(urls, "lint-locked").role_name}
        with database.system_tx() as connection:
            connection.execute("UPDATE tenant SET suspended_at = now() WHERE id = %s", (suspended.id,))
    return {key: f'"{name}"' for key, name in names.items()}


@pytest.fixture(scope="module")
def connection(admin_url: str, logins: dict[str, str]) -> Iterator[psycopg.Connection]:
    del logins
    with psycopg.connect(admin_url, autocommit=True) as opened_here:
        yield opened_here


@pytest.fixture(scope="module")
def wanted(connection: psycopg.Connection) -> Declared:
    return declared(connection, SERVICE)


def found(connection: psycopg.Connection, wanted: Declared, statements: str) -> list[str]:
    """Return the names of the rules that find something after some statements, which are rolled back."""
    with connection.transaction(force_rollback=True):
        connection.execute(statements.encode())
        return sorted({finding.rule.name for finding in examine(connection, wanted)})


class TestAMigratedDatabase:
    def test_breaks_no_rule(self, connection: psycopg.Connection, wanted: Declared) -> None:
        assert [finding.line() for finding in examine(connection, wanted)] == []

    def test_is_read_without_waiting_for_whoever_works_with_it(self, admin_url: str, logins: dict[str, str]) -> None:
        del logins
        with psycopg.connect(admin_url) as working, psycopg.connect(admin_url) as reading:
            working.execute("LOCK TABLE message IN SHARE ROW EXCLUSIVE MODE")
            reading.execute("SET lock_timeout = '1s'")
            assert examine(reading, declared(reading, SERVICE)) == []

    def test_is_left_as_it_was(self, connection: psycopg.Connection, wanted: Declared) -> None:
        del wanted
        assert connection.execute("SELECT count(*) FROM pg_class WHERE relpersistence = 't'").fetchone() == (0,)
        assert connection.execute("SELECT current_user").fetchone() == (ADMIN,)


class TestRules:
    @pytest.mark.parametrize("rule", sorted(VIOLATIONS))
    def test_catch_their_violation_and_only_they_do(
        self, connection: psycopg.Connection, wanted: Declared, logins: dict[str, str], rule: str
    ) -> None:
        statements = VIOLATIONS[rule]
        for key, name in logins.items():
            statements = statements.replace(f"{{{key}}}", name)
        assert found(connection, wanted, statements) == [rule]

    def test_have_each_a_violation(self) -> None:
        assert [rule.name for rule in RULES if rule.name not in VIOLATIONS] == []
        assert len({rule.name for rule in RULES}) == len(RULES)

    def test_say_what_is_wrong_and_what_to_do(self, connection: psycopg.Connection, wanted: Declared) -> None:
        with connection.transaction(force_rollback=True):
            connection.execute("ALTER TABLE message DISABLE ROW LEVEL SECURITY")
            (finding,) = examine(connection, wanted)
        assert finding.line() == (
            "row-security-enabled: message has no row security: every tenant's rows are open to whoever may read it"
        )
        assert "opsintel migrate" in finding.rule.remedy
        assert all(rule.remedy for rule in RULES)


class TestDoctor:
    def test_names_what_is_wrong_until_migrate_puts_it_back(
        self, settings: Settings, admin_url: str, logins: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        del logins
        for name, value in given(settings, admin_url).items():
            monkeypatch.setenv(name, value)
        with psycopg.connect(admin_url, autocommit=True) as administrator:
            administrator.execute("ALTER TABLE message DISABLE ROW LEVEL SECURITY")
        done = CliRunner().invoke(doctor.app, [])
        (line,) = [line for line in done.stdout.splitlines() if " catalogue: " in line]
        assert line.startswith("failed  catalogue: row-security-enabled: message has no row security")
        assert line.endswith("-> Run `opsintel migrate`, which puts it back")
        assert done.exit_code == 1
        migrate(admin_url, login=SERVICE)
        assert f"passed  catalogue: as declared, by {len(RULES) - len(OF_ROLES)} rules" in told()

    def test_says_what_a_login_without_rights_cannot_see(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert settings.db_url is not None
        for name, value in given(settings, settings.db_url).items():
            monkeypatch.setenv(name, value)
        (line,) = [line for line in told().splitlines() if " catalogue: " in line]
        assert line.startswith("warning catalogue: The catalogue cannot be examined by this login")
        assert "OPSINTEL_MIGRATION_URL" in line


def told() -> str:
    """Return what `opsintel doctor` prints."""
    return CliRunner().invoke(doctor.app, []).stdout


def given(settings: Settings, migration_url: str) -> dict[str, str]:
    """Return the environment of an installation whose schema this login migrates."""
    assert settings.db_url is not None
    assert settings.master_encryption_key is not None
    assert settings.jwt_secret is not None
    return {
        "DB_URL": settings.db_url,
        "OPSINTEL_MIGRATION_URL": migration_url,
        "MASTER_ENCRYPTION_KEY": settings.master_encryption_key.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret.get_secret_value(),
        "OPSINTEL_DATA_DIR": str(settings.data_dir),
        "OPSINTEL_EMBEDDING_DOWNLOAD": "false",
    }
