"""An analyst with SQL at hand: no byte of another tenant, nothing written, nobody held up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from opsintel.access.analysts import remove_analyst
from opsintel.db.connect import DatabaseUrls
from opsintel.db.engine import Database
from opsintel.db.marts import VIEWS
from opsintel.tenants import find_tenant
from opsintel_pipeline.worker.limits import keep_limits
from tests.access.analyst_logins import AnalystLogin, login_for, opened
from tests.isolation.analyst_attacks import ATTACKS, CHANGES, Attack
from tests.seeding import Seeded, seed_tenant

SYNTAX_ERROR = "42601"
CANARY = "kanarienvogel"

STATE = """
    SELECT array_agg(line ORDER BY line) FROM (
        SELECT relnamespace::regnamespace::text || relname || relkind::text || coalesce(relacl::text, '')
               || coalesce(reloptions::text, '') AS line
        FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_toast' AND relname !~ '^pg_'
        UNION ALL SELECT oid::regprocedure || coalesce(proacl::text, '') FROM pg_proc
        UNION ALL SELECT rolname || rolsuper || rolbypassrls || rolconnlimit || coalesce(rolvaliduntil::text, '')
                         || coalesce(rolpassword, '') FROM pg_authid
        UNION ALL SELECT roleid::regrole || '<' || member::regrole FROM pg_auth_members
        UNION ALL SELECT 'object' || oid FROM pg_largeobject_metadata
        UNION ALL SELECT policyname || tablename FROM pg_policies
        UNION ALL SELECT slug || name FROM tenant
        UNION ALL SELECT role_name || tenant_id FROM analyst
        UNION ALL SELECT 'analyses ' || count(*) || sum(severity) FROM analysis
    ) AS lines
"""


@dataclass
class Attacker:
    """The analyst, whom he attacks, and what he got to see."""

    login: AnalystLogin
    victim: Seeded
    names: dict[str, str]
    seen: list[str] = field(default_factory=list)

    def attempt(self, attack: Attack) -> psycopg.Error | None:
        """Run an attack, then read all views; return how the last statement of the attack failed."""
        failed: psycopg.Error | None = None
        with psycopg.connect(self.login.url, autocommit=True) as connection:
            connection.add_notice_handler(lambda notice: self.seen.append(str(notice.message_primary)))
            for statement in attack.statements:
                failed = self._run(connection, statement.format_map(_Names(self.names)))
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
            for view in VIEWS:
                self._run(connection, f"SELECT * FROM mart.{view.name}")
        return failed

    def _run(self, connection: psycopg.Connection, statement: str) -> psycopg.Error | None:
        try:
            with connection.cursor() as cursor:
                if statement.startswith("COPY (") and "STDOUT" in statement:
                    with cursor.copy(statement.encode()) as copy:
                        self.seen.extend(bytes(block).decode() for block in copy)
                else:
                    cursor.execute(statement.encode())
                    if cursor.description:
                        self.seen.append(repr(cursor.fetchall()))
        except psycopg.Error as error:
            self.seen.append(f"{error} {error.diag.message_detail} {error.diag.context}")
            return error
        return None

    @property
    def foreign(self) -> list[str]:
        """Return what he saw that belongs to his victim."""
        victim = self.victim
        ids = (victim.tenant_id, *victim.messages, *victim.participants, *victim.issues.values())
        marks = (CANARY, *map(str, ids))
        return [text for text in self.seen if any(mark in text for mark in marks)]


class _Names(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@pytest.fixture(scope="module")
def urls(admin_url: str, database_url: str) -> DatabaseUrls:
    return opened(admin_url, database_url)


@pytest.fixture(scope="module")
def victim(urls: DatabaseUrls, database: Database) -> Seeded:
    return seed_tenant(database, f"v{uuid4().hex[:12]}", canary=CANARY)


@pytest.fixture(scope="module")
def own(urls: DatabaseUrls, database: Database) -> Seeded:
    return seed_tenant(database, f"o{uuid4().hex[:12]}", canary="mine")


@pytest.fixture(scope="module")
def attacker(urls: DatabaseUrls, database: Database, own: Seeded, victim: Seeded) -> Iterator[Attacker]:
    """An analyst who may read texts, while the victim's analyst asks for a word of its own."""
    login, other = login_for(urls, own.slug, "eve", sees_text=True), login_for(urls, victim.slug, "ana")
    with other.connect() as busy:
        busy.execute(f"SELECT count(*) FROM v_message WHERE text = '{CANARY} asked'")
        yield Attacker(
            login,
            victim,
            {
                "tenant": str(victim.tenant_id), "message": str(victim.messages[0]), "canary": CANARY[:-1],
                "other": other.role_name, "me": login.role_name, "pid": str(busy.info.backend_pid),
                "database": busy.info.dbname,
            },
        )  # fmt: skip
    for tenant, name in ((own, "eve"), (victim, "ana")):
        remove_analyst(urls, find_tenant(database, tenant.slug), name)


@pytest.fixture(scope="module")
def before(admin_url: str, attacker: Attacker) -> Any:
    return state(admin_url)


def state(admin_url: str) -> Any:
    with psycopg.connect(admin_url) as connection:
        return connection.execute(STATE).fetchone()


class TestAttacks:
    def test_are_many(self) -> None:
        assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 60

    def test_would_be_seen_if_they_succeeded(self, attacker: Attacker, admin_url: str) -> None:
        """The same reads as somebody whom nothing binds: the scanner finds what it looks for."""
        free = Attacker(AnalystLogin(admin_url), attacker.victim, attacker.names)
        free.attempt(Attack("as the administrator", ("SELECT * FROM public.message",)))
        assert free.foreign

    @pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
    def test_show_nothing_and_change_nothing(
        self, attacker: Attacker, before: Any, admin_url: str, attack: Attack
    ) -> None:
        attacker.seen.clear()
        failed = attacker.attempt(attack)
        assert attacker.foreign == []
        assert len(attacker.seen) >= len(VIEWS)
        if attack.refused:
            assert failed is not None
            assert failed.sqlstate != SYNTAX_ERROR
        if attack in CHANGES:
            assert state(admin_url) == before


class TestEstimates:
    def test_do_not_tell_which_words_are_common_elsewhere(
        self, attacker: Attacker, admin_url: str, victim: Seeded
    ) -> None:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute("UPDATE analysis SET category = %s WHERE tenant_id = %s", (CANARY, victim.tenant_id))
            connection.execute("UPDATE message SET subject = %s WHERE tenant_id = %s", (CANARY, victim.tenant_id))
            connection.execute("ANALYZE analysis, message")
        with attacker.login.connect() as session:
            for column, view in (("category", "v_analysis_current"), ("subject", "v_message")):
                guesses = [estimate(session, view, column, word) for word in (CANARY, "nothing of the kind")]
                assert guesses[0] == guesses[1]

    def test_would_tell_by_a_bare_column(self, admin_url: str, attacker: Attacker) -> None:
        with psycopg.connect(admin_url, autocommit=True) as connection:
            guesses = [estimate(connection, "public.analysis", "category", word) for word in (CANARY, "nothing")]
        assert guesses[0] > guesses[1]


class TestLimitsThatALoginLifts:
    def test_end_its_statement_all_the_same(self, attacker: Attacker, database: Database, admin_url: str) -> None:
        """The gatekeeper's own function, with its times made short."""
        gate = resources.files("opsintel.db").joinpath("gate.sql").read_text()
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(gate.replace("35 seconds", "0 seconds").encode())
        ended: list[str] = []
        with attacker.login.connect() as session:
            session.execute("SET statement_timeout = 0")
            sleeper = threading.Thread(target=lambda: ended.append(error_of(session, "SELECT pg_sleep(60)")))
            sleeper.start()
            while not ended and sleeper.is_alive():
                keep_limits(database)
            sleeper.join(30)
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(gate.encode())
        assert "terminating connection" in ended[0]

    def test_are_put_back_as_its_defaults(self, attacker: Attacker, database: Database) -> None:
        with attacker.login.connect() as session:
            session.execute("SET default_transaction_read_only = off")
            session.execute(f'ALTER ROLE "{attacker.login.role_name}" SET statement_timeout = 0')
            session.execute(
                f'ALTER ROLE "{attacker.login.role_name}" IN DATABASE "{session.info.dbname}" SET lock_timeout = 0'
            )
        assert attacker.login.rows("SHOW statement_timeout") == [("0",)]
        keep_limits(database)
        assert attacker.login.rows("SHOW statement_timeout") == [("30s",)]
        assert attacker.login.rows("SHOW lock_timeout") == [("5s",)]

    def test_leave_a_session_within_them_alone(self, attacker: Attacker, database: Database) -> None:
        with attacker.login.connect() as session:
            assert keep_limits(database) == 0
            assert session.execute("SELECT 1").fetchone() == (1,)


def estimate(session: psycopg.Connection, view: str, column: str, word: str) -> float:
    row = session.execute(f"EXPLAIN (FORMAT JSON) SELECT * FROM {view} WHERE {column} = '{word}'").fetchone()
    assert row is not None
    return float(row[0][0]["Plan"]["Plan Rows"])


def error_of(session: psycopg.Connection, statement: str) -> str:
    try:
        session.execute(statement.encode())
    except psycopg.Error as error:
        return str(error)
    return ""
