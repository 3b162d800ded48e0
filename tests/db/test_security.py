"""Policies and grants are brought to what is declared, and left in peace where they are."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest

from opsintel.db.embedded import SERVICE
from opsintel.db.migrate import migrate

POLICIES = "SELECT array_agg(policyname ORDER BY policyname) FROM pg_policies WHERE tablename = 'message'"
GRANTS = "SELECT relacl::text FROM pg_class WHERE relname = 'message'"
ROW_SECURITY = "SELECT relrowsecurity FROM pg_class WHERE relname = 'message'"


@pytest.fixture
def at_work(admin_url: str, database_url: str) -> Iterator[None]:
    """A transaction that has read and written, as a run of a killed stack has that ends its work."""
    migrate(admin_url, login=SERVICE)
    with psycopg.connect(database_url) as connection:
        connection.execute("SET LOCAL ROLE opsintel_system")
        connection.execute("UPDATE work SET attempts = attempts WHERE false")
        connection.execute("SELECT count(*) FROM outbox")
        yield


@pytest.fixture
def impatient_url(admin_url: str) -> str:
    """The administrator's address, with a login that waits for no lock."""
    return f"{admin_url}{'&' if urlsplit(admin_url).query else '?'}options=-c%20lock_timeout%3D200"


class TestApplyingAgain:
    @pytest.mark.usefixtures("at_work")
    def test_waits_for_nobody_who_works(self, impatient_url: str) -> None:
        assert migrate(impatient_url, login=SERVICE)

    @pytest.mark.parametrize(
        ("change", "look"),
        [
            ("DROP POLICY tenant ON message", POLICIES),
            ("REVOKE SELECT ON message FROM opsintel_app", GRANTS),
            ("GRANT SELECT ON message TO PUBLIC", GRANTS),
            ("ALTER TABLE message DISABLE ROW LEVEL SECURITY", ROW_SECURITY),
        ],
    )
    def test_puts_right_what_somebody_changed(self, admin_url: str, change: str, look: str) -> None:
        migrate(admin_url, login=SERVICE)
        with psycopg.connect(admin_url, autocommit=True) as connection:
            declared = connection.execute(look).fetchone()
            connection.execute(change)
            assert connection.execute(look).fetchone() != declared
            migrate(admin_url, login=SERVICE)
            assert connection.execute(look).fetchone() == declared
