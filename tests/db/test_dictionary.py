"""The data dictionary is current, and says what the comments in the database say."""

from pathlib import Path

import psycopg

from opsintel.db.dictionary import dictionary
from opsintel.db.embedded import SERVICE
from opsintel.db.marts import VIEWS
from opsintel.db.migrate import migrate
from opsintel.db.tables import metadata

PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"

COMMENTS = """
    SELECT relnamespace::regnamespace::text, relname, attname, obj_description(pg_class.oid, 'pg_class'),
           col_description(attrelid, attnum)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace::regnamespace::text IN ('public', 'mart') AND relkind IN ('r', 'p', 'v') AND attnum > 0
        AND NOT attisdropped AND NOT relispartition AND relname <> 'alembic_version'
"""


class TestDictionary:
    def test_is_current(self) -> None:
        assert PAGE.read_text() == dictionary(), "run: opsintel dictionary > docs/data-dictionary.md"

    def test_says_what_the_database_says(self, admin_url: str) -> None:
        migrate(admin_url, login=SERVICE)
        with psycopg.connect(admin_url) as connection:
            found = set(connection.execute(COMMENTS).fetchall())
        tables = {
            ("public", table.name, column.name, table.comment, column.comment)
            for table in metadata.sorted_tables
            for column in table.columns
        }
        views = {
            ("mart", view.name, column.name, view.comment, column.comment) for view in VIEWS for column in view.columns
        }
        assert found == tables | views
