"""The event plane: outbox rows stay until the ledger has them, and what cannot be consumed is quarantined."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Rows that were published before are due as well: the ledger knows them by their id, and they go.
    op.add_column('outbox', sa.Column('due_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='From when the relay publishes it (again)'))
    op.drop_index('ix_outbox_waiting', table_name='outbox', postgresql_where=sa.text('published_at IS NULL'))
    op.create_index('ix_outbox_due', 'outbox', ['tenant_id', 'due_at', 'id'], unique=False)
    op.create_table('quarantine',
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('tenant_id', sa.Uuid(), nullable=True, comment='Tenant it names; null where there is none, or no such tenant'),
    sa.Column('fingerprint', sa.LargeBinary(), nullable=False, comment='SHA-256 of what came: the same bytes are one entry'),
    sa.Column('reason', sa.Text(), nullable=False, comment='malformed, too_large, newer_version, unknown_tenant or poison'),
    sa.Column('detail', sa.Text(), nullable=False, comment='What is wrong with it, in words'),
    sa.Column('payload', sa.LargeBinary(), nullable=False, comment='What came: ids only, never content; the first bytes of what was too large'),
    sa.Column('size', sa.BigInteger(), nullable=False, comment='Bytes that came'),
    sa.Column('seen', sa.Integer(), server_default=sa.text('1'), nullable=False, comment='How often it came'),
    sa.Column('first_seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it first came'),
    sa.Column('last_seen_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it last came'),
    sa.Column('replayed_at', sa.DateTime(timezone=True), nullable=True, comment='When a person had it announced anew; null while it waits'),
    sa.CheckConstraint("reason IN ('malformed', 'too_large', 'newer_version', 'unknown_tenant', 'poison')", name=op.f('ck_quarantine_reason')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_quarantine_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_quarantine')),
    sa.UniqueConstraint('fingerprint', name=op.f('uq_quarantine_fingerprint')),
    comment='Announcements that cannot be consumed, set aside with the reason until a person replays them',
    )
    op.create_index('ix_quarantine_tenant_id', 'quarantine', ['tenant_id'], unique=False)
    op.create_index('ix_quarantine_waiting', 'quarantine', ['last_seen_at'], unique=False, postgresql_where=sa.text('replayed_at IS NULL'))


def downgrade() -> None:
    op.drop_table('quarantine')
    op.drop_index('ix_outbox_due', table_name='outbox')
    op.create_index('ix_outbox_waiting', 'outbox', ['id'], unique=False, postgresql_where=sa.text('published_at IS NULL'))
    op.drop_column('outbox', 'due_at')
