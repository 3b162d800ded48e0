"""Facts are partitioned by month: a month that nobody keeps any more is dropped whole."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEYS = {
    "fact_message_day": ("day, source_id, kind, severity, is_actionable", "source_id", "source"),
    "fact_participant_day": ("day, participant_id", "participant_id", "participant"),
    "fact_issue_day": ("day, issue_id", "issue_id", "issue"),
    "fact_source_day": ("day, source_id", "source_id", "source"),
}
"""Tables, with their primary key after tenant_id, and what they refer to."""

# Months of the last year that hold rows, and this one with the two that follow; what is older lies in `_rest`.
MONTHS = """
    DO $$
    DECLARE
        month date;
    BEGIN
        FOR month IN
            SELECT DISTINCT date_trunc('month', day)::date FROM {table}_before
            WHERE day >= date_trunc('month', now() - interval '1 year') AND day < now() + interval '2 months'
            UNION SELECT (date_trunc('month', now()) + make_interval(months => ahead))::date
            FROM generate_series(0, 2) AS ahead
        LOOP
            EXECUTE format('CREATE TABLE %I PARTITION OF {table} FOR VALUES FROM (%L) TO (%L)',
                           '{table}' || to_char(month, '_YYYY_MM'), month, month + interval '1 month');
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', '{table}' || to_char(month, '_YYYY_MM'));
        END LOOP;
    END
    $$
"""


def upgrade() -> None:
    for table in KEYS:
        _set_aside(table)
        op.execute(
            f"CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS INCLUDING COMMENTS) PARTITION BY RANGE (day)"
        )
        _with_keys(table)
        op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
        op.execute(f"ALTER TABLE {table}_rest ENABLE ROW LEVEL SECURITY")
        op.execute(MONTHS.format(table=table))
        _bring_over(table)


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS facts_close(regclass), facts_ahead(), facts_forget(name, date)")
    for table in KEYS:
        _set_aside(table)
        op.execute(f"CREATE TABLE {table} (LIKE {table}_before INCLUDING DEFAULTS INCLUDING COMMENTS)")
        _with_keys(table)
        _bring_over(table)


def _set_aside(table: str) -> None:
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_before")
    op.execute(f"ALTER INDEX pk_{table} RENAME TO pk_{table}_before")
    if table == "fact_issue_day":
        op.execute("ALTER INDEX ix_fact_issue_day_issue RENAME TO ix_fact_issue_day_issue_before")


def _with_keys(table: str) -> None:
    key, column, target = KEYS[table]
    op.execute(
        f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY (tenant_id, {key}),"
        f" ADD CONSTRAINT fk_{table}_tenant_ FOREIGN KEY (tenant_id) REFERENCES tenant (id) ON DELETE CASCADE,"
        f" ADD CONSTRAINT fk_{table}_{target}_{column} FOREIGN KEY (tenant_id, {column})"
        f" REFERENCES {target} (tenant_id, id) ON DELETE CASCADE"
    )
    if table == "fact_issue_day":
        op.execute("CREATE INDEX ix_fact_issue_day_issue ON fact_issue_day (tenant_id, issue_id, day)")


def _bring_over(table: str) -> None:
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")
    op.execute(f"DROP TABLE {table}_before")
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
