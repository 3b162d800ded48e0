"""Estimates that are jobs."""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

KINDS = "kind IN ('backfill', 'source', 'model_key', 'estimate', 'erasure', 'person_export')"
KINDS_BEFORE = "kind IN ('backfill', 'source', 'model_key', 'erasure', 'person_export')"
KIND = "backfill, source, model_key, estimate, erasure or person_export; rows of the last two have the id of the job"
KIND_BEFORE = "backfill, source, model_key, erasure or person_export; the last two have rows with the id of the job"


def upgrade() -> None:
    _kinds(KINDS, KIND)


def downgrade() -> None:
    op.execute("DELETE FROM job WHERE kind = 'estimate'")
    _kinds(KINDS_BEFORE, KIND_BEFORE)


def _kinds(condition: str, comment: str) -> None:
    op.drop_constraint('kind', 'job', type_='check')
    op.create_check_constraint('kind', 'job', condition)
    op.alter_column('job', 'kind', comment=comment)
