"""Facts lie in months: any day finds a place, a month that nobody keeps goes whole, and nothing is lost on the way."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import psycopg
import pytest

from opsintel.clock import today
from opsintel.db.embedded import ADMIN, SERVICE, Access
from opsintel.db.engine import Database
from opsintel.db.migrate import migrate
from opsintel.ids import new_id
from opsintel.tenants import create_tenant
from tests.db.test_isolation import ADD

ADD_FACT = (
    "INSERT INTO fact_source_day (tenant_id, day, source_id, stored) VALUES (%s, %s, %s, %s)"
    " ON CONFLICT (tenant_id, day, source_id) DO UPDATE SET stored = excluded.stored"
)
FACTS = "SELECT day, stored FROM fact_source_day ORDER BY day"
PLACES = "SELECT day, tableoid::regclass::text FROM fact_source_day ORDER BY day"
MONTHS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'fact_source_day'::regclass ORDER BY 1"


class Facts:
    """A tenant with a source, and facts of some days."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.tenant, self.source = create_tenant(database, f"facts-{new_id().hex}", "Facts").id, new_id()
        with database.tenant_tx(self.tenant) as connection:
            connection.execute(ADD, (self.tenant, self.source, "k"))

    def add(self, *days: date) -> None:
        """Store a fact of each day."""
        with self.database.tenant_tx(self.tenant) as connection:
            for number, day in enumerate(days):
                connection.execute(ADD_FACT, (self.tenant, day, self.source, number))

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """Return what a statement gives the tenant."""
        with self.database.tenant_tx(self.tenant) as connection:
            return connection.execute(statement.encode()).fetchall()


def month_of(day: date) -> str:
    return f"fact_source_day_{day:%Y_%m}"


def next_month(day: date) -> date:
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def add_month(admin_url: str, begins: date) -> None:
    """Make a month of the past, as the calendar would have."""
    with psycopg.connect(admin_url) as connection:
        connection.execute(
            f"SET ROLE opsintel_owner; CREATE TABLE {month_of(begins)} PARTITION OF fact_source_day FOR VALUES"
            f" FROM ('{begins}') TO ('{next_month(begins)}'); SELECT facts_close('{month_of(begins)}')".encode()
        )


@pytest.fixture
def facts(database: Database) -> Facts:
    return Facts(database)


class TestADay:
    def test_finds_its_month_and_an_old_or_far_one_the_rest(self, facts: Facts) -> None:
        first = today().replace(day=1)
        following = next_month(first)
        last = date.fromordinal(following.toordinal() - 1)
        facts.add(date(1995, 7, 1), first, last, following, date(2099, 1, 1))
        assert facts.rows(PLACES) == [
            (date(1995, 7, 1), "fact_source_day_rest"), (first, month_of(first)), (last, month_of(first)),
            (following, month_of(following)), (date(2099, 1, 1), "fact_source_day_rest"),
        ]  # fmt: skip
        facts.add(date(1995, 7, 1))
        assert facts.rows(FACTS)[0] == (date(1995, 7, 1), 0)

    def test_moves_to_its_month_when_that_is_made(self, facts: Facts, admin_url: str) -> None:
        day = next_month(next_month(today().replace(day=1)))
        with psycopg.connect(admin_url) as connection:
            connection.execute(f"DROP TABLE {month_of(day)}".encode())
        facts.add(today(), day)
        assert facts.rows(PLACES)[-1] == (day, "fact_source_day_rest")
        before = facts.rows(FACTS)
        with facts.database.system_tx() as connection:
            assert connection.execute("SELECT facts_ahead()").fetchone() == (1,)
            assert connection.execute("SELECT facts_ahead()").fetchone() == (0,)
        assert facts.rows(PLACES)[-1] == (day, month_of(day))
        assert facts.rows(FACTS) == before

    @pytest.mark.parametrize("role", ["opsintel_app", "opsintel_system", "opsintel_mart", "opsintel_analyst"])
    def test_is_reached_through_its_table_alone(self, admin_url: str, facts: Facts, role: str) -> None:
        facts.add(today())
        for part in ("fact_source_day_rest", month_of(today())):
            with psycopg.connect(admin_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SET LOCAL ROLE {role}; SELECT * FROM public.{part}".encode())

    def test_of_a_partition_shows_to_no_owner_and_to_back_ups(self, admin_url: str, facts: Facts) -> None:
        facts.add(today())
        with psycopg.connect(admin_url) as connection:
            count = f"SELECT count(*) FROM {month_of(today())}".encode()
            connection.execute("SET LOCAL ROLE opsintel_owner")
            assert connection.execute(count).fetchone() == (0,)
            connection.execute("SET LOCAL ROLE opsintel_backup")
            assert connection.execute(count).fetchone() != (0,)


class TestAMonthThatNobodyKeeps:
    def test_goes_whole_and_leaves_the_others(self, facts: Facts, admin_url: str) -> None:
        add_month(admin_url, date(2020, 1, 1))
        add_month(admin_url, date(2020, 2, 1))
        facts.add(date(2019, 12, 31), date(2020, 1, 1), date(2020, 1, 31), date(2020, 2, 1), today())
        with facts.database.system_tx() as connection:
            assert connection.execute("SELECT facts_forget('fact_source_day', '2020-01-31')").fetchone() == (0,)
            assert connection.execute("SELECT facts_forget('fact_source_day', '2020-02-01')").fetchone() == (1,)
        assert [day for day, _ in facts.rows(FACTS)] == [date(2019, 12, 31), date(2020, 2, 1), today()]

    def test_is_none_that_has_not_ended(self, facts: Facts) -> None:
        with facts.database.system_tx() as connection:
            connection.execute("SELECT facts_forget('fact_source_day', '2999-01-01')")
            months = [name for (name,) in connection.execute(MONTHS)]
        assert {month_of(today()), "fact_source_day_rest"} <= set(months)

    def test_waits_for_its_lock_two_seconds_at_most(self, facts: Facts, admin_url: str) -> None:
        add_month(admin_url, date(2021, 1, 1))
        with psycopg.connect(admin_url) as reading:
            reading.execute("SELECT count(*) FROM fact_source_day")
            with pytest.raises(psycopg.errors.LockNotAvailable), facts.database.system_tx() as connection:
                connection.execute("SELECT facts_forget('fact_source_day', '2021-02-01')")

    @pytest.mark.parametrize("role", ["opsintel_app", "opsintel_limited", "opsintel_analyst"])
    @pytest.mark.parametrize("call", ["facts_ahead()", "facts_forget('fact_source_day', '2020-01-01')"])
    def test_is_dropped_by_the_system_alone(self, admin_url: str, role: str, call: str) -> None:
        with psycopg.connect(admin_url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SET LOCAL ROLE {role}; SELECT public.{call}".encode())


class TestAnInstallationOfBefore:
    def test_keeps_every_fact_forward_and_back(self, server: Access) -> None:
        url = server.url(ADMIN, name := f"facts_{new_id().hex}")
        with psycopg.connect(server.url(ADMIN, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            connection.execute(f"GRANT CONNECT ON DATABASE {name} TO {SERVICE}")
        migrate(url, login=SERVICE)
        with Database(server.url(SERVICE, name)) as database:
            facts = Facts(database)
            facts.add(date(1970, 1, 1), date(2019, 2, 28), date(2019, 3, 1), today())
            stored = facts.rows(FACTS)
        assert kept(url, facts.tenant) == stored
        assert migrate(url, login=SERVICE, target="0018") == "0018"
        assert kept(url, facts.tenant) == stored
        migrate(url, login=SERVICE)
        assert kept(url, facts.tenant) == stored


def kept(admin_url: str, tenant: UUID) -> list[tuple[object, ...]]:
    with psycopg.connect(admin_url) as connection:
        statement = FACTS.replace("ORDER", "WHERE tenant_id = %s ORDER")
        return connection.execute(statement.encode(), (tenant,)).fetchall()
