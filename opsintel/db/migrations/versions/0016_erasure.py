"""Erasure of people and tenants: what was asked for, how far it is, and who must not come back."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('erasure',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant whose data is erased'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('kind', sa.Text(), nullable=False, comment='person or tenant'),
    sa.Column('state', sa.Text(), server_default=sa.text("'queued'"), nullable=False, comment='queued, running, done or failed'),
    sa.Column('actor_kind', sa.Text(), nullable=False, comment='Who asked: person, service_key, operator or system'),
    sa.Column('actor_id', sa.Text(), nullable=False, comment='Their id; emptied when they are erased themselves'),
    sa.Column('wanted', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='Who is meant; null as soon as the erasure is done'),
    sa.Column('progress', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='How far it is: ids and figures'),
    sa.Column('counts', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='What was removed, by store'),
    sa.Column('receipt', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='What was done, when and for whom, without the person; null before'),
    sa.Column('receipt_hash', sa.LargeBinary(), nullable=True, comment='SHA-256 of the receipt'),
    sa.Column('ledger_key', sa.Text(), nullable=True, comment='Object that has a restored back-up erased again'),
    sa.Column('error', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why it failed, in words'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='How often it was taken in hand'),
    sa.Column('requested_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was asked for'),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True, comment='Until when a process has it in hand'),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True, comment='When it ended'),
    sa.CheckConstraint("kind IN ('person', 'tenant')", name=op.f('ck_erasure_kind')),
    sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f('ck_erasure_state')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_erasure')),
    comment='Erasures of a person or of a tenant: how far they are, and what they removed; stays when the tenant is gone',
    )
    op.create_index('ix_erasure_open', 'erasure', ['requested_at'], unique=False, postgresql_where=sa.text("state IN ('queued', 'running')"))
    op.create_table('erasure_suppression',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('hash', sa.LargeBinary(), nullable=False, comment="HMAC-SHA256 of kind and address under the tenant's own key"),
    sa.Column('erasure_id', sa.Uuid(), nullable=False, comment='The erasure'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_erasure_suppression_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'hash', name=op.f('pk_erasure_suppression')),
    comment='People who were erased, by keyed hashes of their addresses: their messages are erased on arrival',
    )
    op.add_column('raw_payload', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True, comment='When a person in it was erased: its bytes go from the store'))
    op.create_index('ix_raw_payload_erased', 'raw_payload', ['tenant_id', 'object_key'], unique=False, postgresql_where=sa.text('erased_at IS NOT NULL AND object_key IS NOT NULL'))


def downgrade() -> None:
    op.drop_index('ix_raw_payload_erased', table_name='raw_payload', postgresql_where=sa.text('erased_at IS NOT NULL AND object_key IS NOT NULL'))
    op.drop_column('raw_payload', 'erased_at')
    op.drop_table('erasure_suppression')
    op.drop_table('erasure')
