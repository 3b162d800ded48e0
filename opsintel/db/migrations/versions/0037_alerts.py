"""Alerts: what rests until somebody sees to it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('alert',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('kind', sa.Text(), nullable=False, comment='key.invalid, budget.warning, budget.exhausted or source.unhealthy'),
    sa.Column('subject_kind', sa.Text(), nullable=False, comment='model_key, budget or source'),
    sa.Column('subject_id', sa.Uuid(), nullable=False, comment='Which of them; it may be gone since'),
    sa.Column('source_id', sa.Uuid(), nullable=True, comment='The source that it is about; null where it is the whole tenant'),
    sa.Column('line', sa.Text(), nullable=False, comment='What is wrong and what to do; names nobody'),
    sa.Column('opened_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it began'),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True, comment='When it ends by itself: with the month of a ceiling; null for others'),
    sa.Column('resolved_at', sa.DateTime(timezone=True), nullable=True, comment='When it ended; null while it lasts'),
    sa.Column('quiet_until', sa.DateTime(timezone=True), nullable=True, comment='Until when it opens again instead of another; null: somebody mended it'),
    sa.Column('tell_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='From when its letters are sent (again), while nobody was told'),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='How often that was tried'),
    sa.Column('told_ids', postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False, comment='Members who have their letter, while others have none'),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True, comment='When all letters were sent, or it stood in the log; null before'),
    sa.Column('acknowledged_at', sa.DateTime(timezone=True), nullable=True, comment='When somebody took note of it'),
    sa.Column('actor_kind', sa.Text(), nullable=True, comment='Who did: person, service_key, or system for the command line'),
    sa.Column('actor_id', sa.Text(), nullable=True, comment='Id of the account or key'),
    sa.CheckConstraint("actor_kind IN ('person', 'service_key', 'system')", name=op.f('ck_alert_actor_kind')),
    sa.CheckConstraint("kind IN ('key.invalid', 'budget.warning', 'budget.exhausted', 'source.unhealthy')", name=op.f('ck_alert_kind')),
    sa.CheckConstraint("subject_kind IN ('model_key', 'budget', 'source')", name=op.f('ck_alert_subject_kind')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_alert_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_alert')),
    comment='What rests until somebody sees to it: opened and resolved in the transactions in which that begins and ends',
    )
    op.create_index('ix_alert_resolved', 'alert', ['resolved_at'], unique=False, postgresql_where=sa.text('resolved_at IS NOT NULL'))
    op.create_index('ix_alert_subject', 'alert', ['tenant_id', 'subject_id', 'kind'], unique=False)
    op.create_index('uq_alert_open', 'alert', ['tenant_id', 'kind', 'subject_id'], unique=True, postgresql_where=sa.text('resolved_at IS NULL'))
    op.add_column('model_key', sa.Column('ill_since', sa.DateTime(timezone=True), nullable=True, comment='When the first of them was; null while there is none'))
    op.add_column('budget_period', sa.Column('warned_at', sa.DateTime(timezone=True), nullable=True, comment='When what is spent first passed the share of it that is told'))


def downgrade() -> None:
    op.drop_column('budget_period', 'warned_at')
    op.drop_column('model_key', 'ill_since')
    op.drop_table('alert')
