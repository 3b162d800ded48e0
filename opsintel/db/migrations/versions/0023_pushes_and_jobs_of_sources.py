"""Pushes of sources, what a person asks of a source, and the lease of who reads it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

KINDS = "kind IN ('backfill', 'source', 'erasure', 'person_export')"
KINDS_BEFORE = "kind IN ('backfill', 'erasure', 'person_export')"
MEANING = 'backfill, source, erasure or person_export; rows of the last two have the id of their job'
MEANING_BEFORE = 'backfill, erasure or person_export; that of another kind has the id of its job'


def upgrade() -> None:
    op.add_column('source', sa.Column('push_secret_id', sa.Uuid(), nullable=True, comment='Secret that its pushes are proved with, where its kind has any'))
    op.alter_column('source', 'next_poll_at', comment='From when it is read (again)')
    op.add_column('source', sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True, comment='Until when a process reads it, or it rests after a fault'))
    op.add_column('source', sa.Column('news_at', sa.DateTime(timezone=True), nullable=True, comment='When its provider, or a person, last said that there is something to read'))
    op.add_column('source', sa.Column('checks', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False, comment='What was found when it was last checked: name, verdict, remedy'))
    op.add_column('source', sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True, comment='When that was'))
    op.create_foreign_key(op.f('fk_source_secret_push_secret_id'), 'source', 'secret', ['tenant_id', 'push_secret_id'], ['tenant_id', 'id'], ondelete='RESTRICT')
    op.create_index('ix_source_news', 'source', ['news_at'], unique=False, postgresql_where=sa.text('news_at IS NOT NULL'))
    op.create_index('ix_ingest_failure_due', 'ingest_failure', ['next_at'], unique=False, postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_table('push_receipt',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('source_id', sa.Uuid(), nullable=False, comment='Source it came for'),
    sa.Column('delivery_id', sa.Text(), nullable=False, comment='What it is known by if it comes again'),
    sa.Column('keys', postgresql.ARRAY(sa.Text()), nullable=False, comment='Ids of items, or streams, that are to be read'),
    sa.Column('body', sa.LargeBinary(), nullable=True, comment='What came, where it brings the items itself; null once they are read'),
    sa.Column('received_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was accepted'),
    sa.Column('due_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='From when its items are read (again); also the lease of who reads them'),
    sa.Column('handled_at', sa.DateTime(timezone=True), nullable=True, comment='When they were read; null while they wait'),
    sa.ForeignKeyConstraint(['tenant_id', 'source_id'], ['source.tenant_id', 'source.id'], name=op.f('fk_push_receipt_source_source_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_push_receipt_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_push_receipt')),
    sa.UniqueConstraint('tenant_id', 'source_id', 'delivery_id', name=op.f('uq_push_receipt_tenant_id_source_id_delivery_id')),
    comment='Pushes of providers, verified and accepted before they are answered: the items they name are read afterwards',
    )
    op.create_index('ix_push_receipt_due', 'push_receipt', ['due_at'], unique=False, postgresql_where=sa.text('handled_at IS NULL'))
    op.create_index('ix_push_receipt_handled', 'push_receipt', ['handled_at'], unique=False, postgresql_where=sa.text('handled_at IS NOT NULL'))
    op.drop_constraint(op.f('ck_job_kind'), 'job', type_='check')
    op.create_check_constraint(op.f('ck_job_kind'), 'job', KINDS)
    op.alter_column('job', 'kind', comment=MEANING)


def downgrade() -> None:
    op.execute("DELETE FROM job WHERE kind = 'source'")
    op.drop_constraint(op.f('ck_job_kind'), 'job', type_='check')
    op.create_check_constraint(op.f('ck_job_kind'), 'job', KINDS_BEFORE)
    op.alter_column('job', 'kind', comment=MEANING_BEFORE)
    op.drop_table('push_receipt')
    op.drop_index('ix_ingest_failure_due', table_name='ingest_failure')
    op.drop_index('ix_source_news', table_name='source')
    op.drop_constraint(op.f('fk_source_secret_push_secret_id'), 'source', type_='foreignkey')
    op.drop_column('source', 'checked_at')
    op.drop_column('source', 'checks')
    op.drop_column('source', 'news_at')
    op.drop_column('source', 'lease_until')
    op.alter_column('source', 'next_poll_at', comment='From when it is read (again); also the lease of who reads it')
    op.drop_column('source', 'push_secret_id')
