"""The ledger by stage, jobs, and what goes by the clock: polls, renewals, census, retention, pause."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column('tenant', sa.Column('paused_at', TIME, nullable=True, comment='When the operator paused it: its work waits; null while it flows'))
    op.add_column('tenant', sa.Column('retention_days', sa.Integer(), nullable=True, comment='Days that its messages are kept; null for ever'))
    op.create_check_constraint(op.f('ck_tenant_retention_days'), 'tenant', 'retention_days > 0')
    _sources()
    _ledger()
    _jobs()


def _sources() -> None:
    op.add_column('source', sa.Column('poll_seconds', sa.Integer(), nullable=True, comment='How often the worker reads it; null when it does not'))
    op.add_column('source', sa.Column('next_poll_at', TIME, nullable=True, comment='From when it is read (again); also the lease of who reads it'))
    op.add_column('source', sa.Column('poll_failures', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Reads in a row that failed'))
    op.add_column('source', sa.Column('renew_at', TIME, nullable=True, comment='From when its watch at the provider is renewed; null where it has none'))
    op.add_column('source', sa.Column('next_census_at', TIME, server_default=sa.text("now() + random() * interval '1 day'"), nullable=False, comment='From when it is counted (again); spread over the day'))
    op.create_check_constraint(op.f('ck_source_poll_seconds'), 'source', 'poll_seconds > 0')
    op.create_index('ix_source_poll', 'source', ['next_poll_at'], unique=False, postgresql_where=sa.text('poll_seconds IS NOT NULL'))
    op.create_index('ix_source_renew', 'source', ['renew_at'], unique=False, postgresql_where=sa.text('renew_at IS NOT NULL'))
    op.create_index('ix_source_census', 'source', ['next_census_at'], unique=False)


def _ledger() -> None:
    op.add_column('work', sa.Column('first_stage', sa.Text(), server_default=sa.text("'raw_messages'"), nullable=False, comment='Stage that it begins at: a retry goes on where it failed'))
    op.add_column('work', sa.Column('last_stage', sa.Text(), nullable=True, comment='Stage that it ends with; null for the last there is'))
    op.add_column('work', sa.Column('job_id', sa.Uuid(), nullable=True, comment='Job that it belongs to'))
    op.add_column('work', sa.Column('started_at', TIME, nullable=True, comment='When the run of its batch took it in hand'))
    op.drop_constraint(op.f('ck_work_state'), 'work')
    op.create_check_constraint(op.f('ck_work_state'), 'work', "state IN ('pending', 'batched', 'done', 'failed', 'cancelled')")
    op.create_index('ix_work_job', 'work', ['tenant_id', 'job_id'], unique=False, postgresql_where=sa.text('job_id IS NOT NULL'))
    op.add_column('batch', sa.Column('kind', sa.Text(), server_default=sa.text("'drain'"), nullable=False, comment="drain: built of the ledger; materialization: a person's run of an asset"))
    op.create_check_constraint(op.f('ck_batch_kind'), 'batch', "kind IN ('drain', 'materialization')")


def _jobs() -> None:
    op.create_table('job',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('kind', sa.Text(), nullable=False, comment='backfill'),
    sa.Column('state', sa.Text(), server_default=sa.text("'queued'"), nullable=False, comment='queued, running, done, failed or cancelled'),
    sa.Column('parameters', postgresql.JSONB(), nullable=False, comment='What was asked for: days, sources, stages; ids only, never content'),
    sa.Column('total', sa.Integer(), nullable=True, comment='Partitions it has; null before it was started'),
    sa.Column('done', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Partitions that are done'),
    sa.Column('failed', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Partitions that were given up'),
    sa.Column('error', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why it failed, in words'),
    sa.Column('created_by', sa.Uuid(), nullable=True, comment='Who asked for it; null for the operator'),
    sa.Column('idempotency_key', sa.Text(), nullable=True, comment="The client's own key for the request"),
    sa.Column('created_at', TIME, server_default=sa.text('now()'), nullable=False, comment='When it was asked for'),
    sa.Column('started_at', TIME, nullable=True, comment='When its work entered the ledger'),
    sa.Column('finished_at', TIME, nullable=True, comment='When it ended'),
    sa.CheckConstraint("kind IN ('backfill')", name=op.f('ck_job_kind')),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name=op.f('ck_job_state')),
    sa.ForeignKeyConstraint(['created_by'], ['app_user.id'], name=op.f('fk_job_app_user_'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_job_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_job')),
    sa.UniqueConstraint('tenant_id', 'created_by', 'idempotency_key', name=op.f('uq_job_tenant_id_created_by_idempotency_key')),
    comment='What a person asked for that takes longer than a request; its rows in the ledger are its progress',
    )
    op.create_index('ix_job_open', 'job', ['created_at'], unique=False, postgresql_where=sa.text("state IN ('queued', 'running')"))
    op.create_index('ix_job_latest', 'job', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_job_created_by', 'job', ['created_by'], unique=False, postgresql_where=sa.text('created_by IS NOT NULL'))


def downgrade() -> None:
    op.drop_table('job')
    op.drop_column('batch', 'kind')
    op.drop_index('ix_work_job', table_name='work')
    op.drop_constraint(op.f('ck_work_state'), 'work')
    op.execute("UPDATE work SET state = 'failed' WHERE state = 'cancelled'")
    op.create_check_constraint(op.f('ck_work_state'), 'work', "state IN ('pending', 'batched', 'done', 'failed')")
    for name in ('first_stage', 'last_stage', 'job_id', 'started_at'):
        op.drop_column('work', name)
    for name in ('poll_seconds', 'next_poll_at', 'poll_failures', 'renew_at', 'next_census_at'):
        op.drop_column('source', name)
    op.drop_constraint(op.f('ck_tenant_retention_days'), 'tenant')
    op.drop_column('tenant', 'paused_at')
    op.drop_column('tenant', 'retention_days')
