"""Places of isolation in the database: every policy that says which rows, every reference that carries the tenant,
every view that joins rows of one tenant.

They are read from the catalogue, so that a new table, role or view is tried without being listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

ANALYSTS = ("analysts_see_their_tenants_rows",)
REFERENCES = ("references_stay_within_a_tenant",)

_POLICIES = """
    SELECT schemaname, tablename, policyname, qual, with_check,
           EXISTS (SELECT FROM unnest(roles) AS role WHERE has_any_column_privilege(
               role, format('%I.%I', schemaname, tablename), 'INSERT, UPDATE'))
    FROM pg_policies WHERE coalesce(qual, with_check) <> 'true' ORDER BY 1, 2, 3
"""
"""With them, whether any of its roles may write at all: where none may, a check of new rows keeps nothing."""

_VIEWS = """
    SELECT format('%I.%I', schemaname, viewname), viewname, viewowner, pg_get_viewdef(
               format('%I.%I', schemaname, viewname)::regclass), array_to_string(reloptions, ', ')
    FROM pg_views JOIN pg_class ON pg_class.oid = format('%I.%I', schemaname, viewname)::regclass
    WHERE schemaname IN ('mart', 'limited') ORDER BY 1
"""
_JOINED = re.compile(r"\w+\.tenant_id = \w+\.tenant_id")
_REFERENCES = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' AND cardinality(conkey) > 1 AND conparentid = 0 ORDER BY 1, 2
"""
_UNSECURED = """
    SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND relrowsecurity AND NOT relispartition AND nspname = 'public' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """One place: what takes it away, and what brings it back."""

    table: str
    name: str
    rule: str
    away: str
    back: str

    @property
    def likely(self) -> tuple[str, ...]:
        """Return the probes that are asked first, by name."""
        about_analysts = ".mart " in str(self) or "mart." in str(self) or "further_mart" in str(self)
        names = ANALYSTS if about_analysts else REFERENCES if "reference" in self.rule else ()
        return tuple(f"test_channels {name}" for name in names)

    @contextmanager
    def applied(self, admin_url: str) -> Iterator[None]:
        """Let the database be without it meanwhile."""
        with psycopg.connect(admin_url, autocommit=True) as connection:
            connection.execute(self.away)
            try:
                yield
            finally:
                connection.execute(self.back)

    def __str__(self) -> str:
        return f"{self.name} {self.rule}"


def statements(admin_url: str) -> Iterator[Statement]:
    """Yield every place in the catalogue of a migrated database."""
    with psycopg.connect(admin_url) as connection:
        for schema, table, policy, using, check, may_write in connection.execute(_POLICIES).fetchall():
            place = f'"{policy}" ON {schema}.{table}'
            parts = [(word, text) for word, text in (("USING", using), ("WITH CHECK", check)) if text is not None]
            yield Statement(
                table,
                f"{table}.{policy}",
                "policy lets every row pass",
                f"ALTER POLICY {place} {' '.join(f'{word} (true)' for word, _ in parts)}",
                f"ALTER POLICY {place} {' '.join(f'{word} ({text})' for word, text in parts)}",
            )
            if check is not None and using is not None and may_write:
                yield Statement(
                    table,
                    f"{table}.{policy}",
                    "policy lets every new row pass",
                    f"ALTER POLICY {place} WITH CHECK (true)",
                    f"ALTER POLICY {place} WITH CHECK ({check})",
                )
        yield from _joins(connection)
        for (table,) in connection.execute(_UNSECURED).fetchall():
            yield Statement(
                table.removeprefix("public."),
                table,
                "row security is off",
                f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
                f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            )
        for table, name, definition in connection.execute(_REFERENCES).fetchall():
            yield Statement(
                table,
                f"{table}.{name}",
                "reference may lead to another tenant",
                f"ALTER TABLE {table} DROP CONSTRAINT {name}",
                f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID",
            )


def _joins(connection: psycopg.Connection) -> Iterator[Statement]:
    for view, name, owner, definition, options in connection.execute(_VIEWS).fetchall():
        made = f"SET ROLE {owner}; CREATE OR REPLACE VIEW {view} {f'WITH ({options})' if options else ''} AS "
        schema = view.partition(".")[0]
        for found in _JOINED.finditer(definition):
            loose = f"{definition[: found.start()]}true{definition[found.end() :]}"
            rule = f"of {schema} view joins any tenant"
            yield Statement(name, f"{view} {found[0]}", rule, made + loose, made + definition)
