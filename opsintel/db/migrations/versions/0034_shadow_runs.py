"""Versions that are tried before they are in force, and what they may lose."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tenant', sa.Column('promotion_margin', sa.Double(), server_default=sa.text('0.01'), nullable=False, comment='Accuracy that a promoted version may lose in any field'))
    op.create_check_constraint(op.f('ck_tenant_promotion_margin'), 'tenant', 'promotion_margin BETWEEN 0 AND 1')
    op.create_table('shadow_run',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('taxonomy_version', sa.Integer(), nullable=True, comment='Version of the taxonomy that is tried; null: the one in force'),
    sa.Column('chain', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='Models that are tried, in their order: key_id, model; null: those in force'),
    sa.Column('profile_version', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Version of all that was told: profile, prompt, schema, taxonomy'),
    sa.Column('state', sa.Text(), server_default=sa.text("'waiting'"), nullable=False, comment='waiting, running, measured, failed or promoted'),
    sa.Column('gold_version', sa.Integer(), nullable=True, comment='Version of the gold set it was measured on; null before'),
    sa.Column('figures', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='By field: examples, accuracy of what is in force and of what was tried'),
    sa.Column('loss', sa.Double(), nullable=True, comment='Largest loss of accuracy of a field; below 0 a gain; null before'),
    sa.Column('calls', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Calls of models it took'),
    sa.Column('cost_usd', sa.Numeric(precision=18, scale=9), server_default=sa.text('0'), nullable=False, comment='What they cost, as far as prices are known'),
    sa.Column('error', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why it failed'),
    sa.Column('is_overridden', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether it was promoted though it loses more than the margin'),
    sa.Column('reason', sa.Text(), server_default=sa.text("''"), nullable=False, comment='Why, in the words of who overrode it'),
    sa.Column('actor_kind', sa.Text(), nullable=False, comment='Who had it tried: person, service_key, or system for the command line'),
    sa.Column('actor_id', sa.Text(), nullable=False, comment='Id of the account or key'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was asked for'),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last taken in hand'),
    sa.Column('measured_at', sa.DateTime(timezone=True), nullable=True, comment='When it was measured, or failed'),
    sa.Column('promoted_at', sa.DateTime(timezone=True), nullable=True, comment='When it was put in force'),
    sa.CheckConstraint("actor_kind IN ('person', 'service_key', 'system')", name=op.f('ck_shadow_run_actor_kind')),
    sa.CheckConstraint("state IN ('measured', 'waiting', 'running', 'failed', 'promoted')", name=op.f('ck_shadow_run_state')),
    sa.CheckConstraint('loss BETWEEN -1 AND 1', name=op.f('ck_shadow_run_loss')),
    sa.ForeignKeyConstraint(['tenant_id', 'gold_version'], ['gold_set.tenant_id', 'gold_set.version'], name=op.f('fk_shadow_run_gold_set_gold_version'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_shadow_run_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_shadow_run')),
    comment='New versions that were tried on a gold set beside what is in force, and what became of them',
    )
    op.create_index('ix_shadow_run_created', 'shadow_run', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_shadow_run_gold', 'shadow_run', ['tenant_id', 'gold_version'], unique=False)
    op.create_index('ix_shadow_run_open', 'shadow_run', ['created_at'], unique=False, postgresql_where=sa.text("state IN ('waiting', 'running')"))


def downgrade() -> None:
    op.drop_table('shadow_run')
    op.drop_column('tenant', 'promotion_margin')
