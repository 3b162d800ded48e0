"""Rules learned from corrections that repeat."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column('analysis', 'corrected', comment='By field that a person or a learned rule decides: the correction or rule, and what was found without it')
    op.alter_column('analysis', 'corrected_at', comment='When corrections or rules last changed it')
    op.create_table('learned_rule',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('scope', sa.Text(), nullable=False, comment='sender, subject or organization: what it goes by'),
    sa.Column('key', sa.Text(), nullable=False, comment='Id of the participant or organisation, or the subject in lower case with numbers made alike'),
    sa.Column('participant_id', sa.Uuid(), nullable=True, comment='The sender, for whom it is; it goes with them'),
    sa.Column('field', sa.Text(), nullable=False, comment='Field that it decides'),
    sa.Column('value', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='What the field is'),
    sa.Column('corrections', sa.Integer(), server_default=sa.text('0'), nullable=False, comment='Corrections that say so, when it was proposed'),
    sa.Column('state', sa.Text(), server_default=sa.text("'proposed'"), nullable=False, comment='proposed, accepted, rejected or undone'),
    sa.Column('actor_kind', sa.Text(), nullable=True, comment='Who decided: person, service_key, or system for the command line'),
    sa.Column('actor_id', sa.Text(), nullable=True, comment='Id of the account or key'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was proposed'),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True, comment='When it was last accepted, rejected or undone'),
    sa.CheckConstraint("actor_kind IN ('person', 'service_key', 'system')", name=op.f('ck_learned_rule_actor_kind')),
    sa.CheckConstraint("field IN ('kind', 'category', 'severity', 'sentiment', 'impact', 'urgency', 'not_actionable_reason')", name=op.f('ck_learned_rule_field')),
    sa.CheckConstraint("scope <> 'sender' OR participant_id IS NOT NULL", name=op.f('ck_learned_rule_sender')),
    sa.CheckConstraint("scope IN ('subject', 'sender', 'organization')", name=op.f('ck_learned_rule_scope')),
    sa.CheckConstraint("state IN ('proposed', 'accepted', 'rejected', 'undone')", name=op.f('ck_learned_rule_state')),
    sa.ForeignKeyConstraint(['tenant_id', 'participant_id'], ['participant.tenant_id', 'participant.id'], name=op.f('fk_learned_rule_participant_participant_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_learned_rule_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_learned_rule')),
    sa.UniqueConstraint('tenant_id', 'scope', 'key', 'field', name=op.f('uq_learned_rule_tenant_id_scope_key_field')),
    comment='Rules proposed from corrections that repeat; one that a person accepted stands over models and below corrections',
    )
    op.create_index('ix_learned_rule_created', 'learned_rule', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_learned_rule_participant', 'learned_rule', ['tenant_id', 'participant_id'], unique=False)


def downgrade() -> None:
    op.drop_table('learned_rule')
    op.alter_column('analysis', 'corrected', comment='By field that a person corrected: the correction, and what was found without it')
    op.alter_column('analysis', 'corrected_at', comment='When corrections last changed it')
