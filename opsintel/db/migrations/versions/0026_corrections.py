"""What people correct, and what of it stands in an analysis."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('correction',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('id', sa.Uuid(), nullable=False, comment='Identifier (UUIDv7)'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('field', sa.Text(), nullable=False, comment='kind, category, severity, sentiment, impact, urgency or not_actionable_reason; of several corrections of one the latest that is not undone holds'),
    sa.Column('old_value', postgresql.JSONB(astext_type=sa.Text()), nullable=True, comment='What was shown before; null where it was not analysed'),
    sa.Column('new_value', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='What is shown instead; of not_actionable_reason null: somebody has to act'),
    sa.Column('reason', sa.Text(), server_default=sa.text("''"), nullable=False, comment="Why, in the author's words"),
    sa.Column('actor_kind', sa.Text(), nullable=False, comment='Who corrected: person or service_key'),
    sa.Column('actor_id', sa.Text(), nullable=False, comment='Id of the account or key'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When'),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True, comment='When it was taken back; null while it stands'),
    sa.CheckConstraint("field IN ('kind', 'category', 'severity', 'sentiment', 'impact', 'urgency', 'not_actionable_reason')", name=op.f('ck_correction_field')),
    sa.CheckConstraint("actor_kind IN ('person', 'service_key')", name=op.f('ck_correction_actor_kind')),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_correction_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_correction_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_correction')),
    comment='What a person says of a message where its analysis says something else; it holds for every analysis to come',
    )
    op.create_index('ix_correction_created', 'correction', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_index('ix_correction_message', 'correction', ['tenant_id', 'message_id', 'field', 'created_at'], unique=False)
    op.add_column('analysis', sa.Column('corrected', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False, comment='By field that a person corrected: the correction, and what was found without it'))
    op.add_column('analysis', sa.Column('corrected_at', sa.DateTime(timezone=True), nullable=True, comment='When corrections last changed it'))


def downgrade() -> None:
    op.drop_column('analysis', 'corrected_at')
    op.drop_column('analysis', 'corrected')
    op.drop_table('correction')
