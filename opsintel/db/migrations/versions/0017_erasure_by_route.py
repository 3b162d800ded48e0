"""Erasures by route: dry runs that are kept to, and jobs of another kind than backfills."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('erasure', sa.Column('dry_run', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether it only says what would be removed'))
    op.add_column('erasure', sa.Column('dry_run_id', sa.Uuid(), nullable=True, comment='The dry run that it keeps to: what has changed since then stops it'))
    op.add_column('erasure', sa.Column('standing', sa.LargeBinary(), nullable=True, comment='Keyed hash of who was meant and of what was stored of them when it was asked'))
    op.add_column('erasure', sa.Column('fingerprint', sa.LargeBinary(), nullable=True, comment='Hash of the ids and figures of what a dry run found'))
    op.create_unique_constraint(op.f('uq_erasure_tenant_id_dry_run_id'), 'erasure', ['tenant_id', 'dry_run_id'])
    op.add_column('job', sa.Column('figures', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='What it found or did, by store; null where there is no such figure'))
    op.drop_constraint(op.f('ck_job_kind'), 'job', type_='check')
    op.create_check_constraint(op.f('ck_job_kind'), 'job', "kind IN ('backfill', 'erasure')")


def downgrade() -> None:
    op.execute("DELETE FROM job WHERE kind <> 'backfill'")
    op.drop_constraint(op.f('ck_job_kind'), 'job', type_='check')
    op.create_check_constraint(op.f('ck_job_kind'), 'job', "kind IN ('backfill')")
    op.drop_column('job', 'figures')
    op.drop_constraint(op.f('uq_erasure_tenant_id_dry_run_id'), 'erasure', type_='unique')
    op.drop_column('erasure', 'fingerprint')
    op.drop_column('erasure', 'standing')
    op.drop_column('erasure', 'dry_run_id')
    op.drop_column('erasure', 'dry_run')
