"""A trace from the page that was accepted to the row that was exported; what metrics count is indexed."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('raw_payload', sa.Column('trace_id', sa.Text(), nullable=True, comment='Trace of the page it came with'))
    op.add_column('work', sa.Column('trace_id', sa.Text(), nullable=True, comment='Trace of what made the partition dirty'))
    op.create_index('ix_work_trace', 'work', ['trace_id'], unique=False, postgresql_where=sa.text('trace_id IS NOT NULL'))
    op.create_index('ix_work_failed', 'work', ['finished_at'], unique=False, postgresql_where=sa.text("state = 'failed'"))
    op.add_column('export_row', sa.Column('trace_id', sa.Text(), nullable=True, comment='Trace that had it written last'))
    op.create_index('ix_batch_expired', 'batch', ['finished_at'], unique=False, postgresql_where=sa.text("state = 'expired'"))
    op.create_index('ix_ingest_failure_open', 'ingest_failure', ['source_id'], unique=False, postgresql_where=sa.text('resolved_at IS NULL'))
    op.create_table('sign_of_life',
    sa.Column('process', sa.Text(), nullable=False, comment='What was alive, e.g. ledger_sensor'),
    sa.Column('seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it last was'),
    sa.PrimaryKeyConstraint('process', name=op.f('pk_sign_of_life')),
    comment='When parts that have no port of their own were last at work',
    )


def downgrade() -> None:
    op.drop_table('sign_of_life')
    op.drop_index('ix_ingest_failure_open', table_name='ingest_failure', postgresql_where=sa.text('resolved_at IS NULL'))
    op.drop_index('ix_batch_expired', table_name='batch', postgresql_where=sa.text("state = 'expired'"))
    op.drop_column('export_row', 'trace_id')
    op.drop_index('ix_work_failed', table_name='work', postgresql_where=sa.text("state = 'failed'"))
    op.drop_index('ix_work_trace', table_name='work', postgresql_where=sa.text('trace_id IS NOT NULL'))
    op.drop_column('work', 'trace_id')
    op.drop_column('raw_payload', 'trace_id')
