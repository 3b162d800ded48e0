"""Gold sets, frozen, and how right analyses are on them each week."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('gold_set',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('version', sa.Integer(), nullable=False, comment='Number within the tenant'),
    sa.Column('candidates', sa.Integer(), nullable=False, comment='Messages that were to be chosen from'),
    sa.Column('examples', sa.Integer(), nullable=False, comment='Messages that were chosen; fewer are left once some were deleted'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was frozen'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_gold_set_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'version', name=op.f('pk_gold_set')),
    comment='Versions of the messages whose right analysis people have said; one that is frozen never changes',
    )
    op.create_table('gold_example',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('version', sa.Integer(), nullable=False, comment='Version of the gold set'),
    sa.Column('message_id', sa.Uuid(), nullable=False, comment='The message'),
    sa.Column('labels', postgresql.JSONB(astext_type=sa.Text()), nullable=False, comment='By field that people corrected or confirmed, what is right'),
    sa.Column('stratum', sa.Text(), nullable=False, comment='Kind, category and severity that it was drawn for'),
    sa.Column('input_hash', sa.LargeBinary(), nullable=False, comment='SHA-256 of what was analysed; a message with another text counts no more'),
    sa.ForeignKeyConstraint(['tenant_id', 'message_id'], ['message.tenant_id', 'message.id'], name=op.f('fk_gold_example_message_message_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id', 'version'], ['gold_set.tenant_id', 'gold_set.version'], name=op.f('fk_gold_example_gold_set_version'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_gold_example_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'version', 'message_id', name=op.f('pk_gold_example')),
    comment='What is right of a message, as people had said when the version was frozen',
    )
    op.create_index('ix_gold_example_message', 'gold_example', ['tenant_id', 'message_id'], unique=False)
    op.create_table('evaluation',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('week', sa.Date(), nullable=False, comment='Monday of the week (UTC)'),
    sa.Column('gold_version', sa.Integer(), nullable=False, comment='Version of the gold set'),
    sa.Column('profile_version', sa.Text(), nullable=False, comment='Version of profile, schema and taxonomy of the analyses'),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, or version of the built-in rules, that made them'),
    sa.Column('field', sa.Text(), nullable=False, comment='Field that is measured'),
    sa.Column('examples', sa.Integer(), nullable=False, comment='Examples that say what is right of the field'),
    sa.Column('accuracy', sa.Double(), nullable=False, comment='Share that is right'),
    sa.Column('macro_f1', sa.Double(), nullable=False, comment='Mean of the F1 scores of all values'),
    sa.Column('kappa', sa.Double(), nullable=True, comment='Quadratically weighted kappa of the severity; null for others'),
    sa.Column('calibration_error', sa.Double(), nullable=True, comment='Expected calibration error of the confidence; null without one'),
    sa.Column('corrections_per_1000', sa.Double(), nullable=True, comment='Messages whose field was corrected in the week, of 1,000 analysed'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was measured'),
    sa.CheckConstraint('accuracy BETWEEN 0 AND 1', name=op.f('ck_evaluation_accuracy')),
    sa.CheckConstraint('calibration_error BETWEEN 0 AND 1', name=op.f('ck_evaluation_calibration_error')),
    sa.CheckConstraint('kappa BETWEEN -1 AND 1', name=op.f('ck_evaluation_kappa')),
    sa.CheckConstraint('macro_f1 BETWEEN 0 AND 1', name=op.f('ck_evaluation_macro_f1')),
    sa.ForeignKeyConstraint(['tenant_id', 'gold_version'], ['gold_set.tenant_id', 'gold_set.version'], name=op.f('fk_evaluation_gold_set_gold_version'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_evaluation_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'week', 'gold_version', 'profile_version', 'model', 'field', name=op.f('pk_evaluation')),
    comment='How right analyses were each week, by version and field, measured on a gold set',
    )
    op.create_index('ix_evaluation_gold', 'evaluation', ['tenant_id', 'gold_version'], unique=False)


def downgrade() -> None:
    op.drop_table('evaluation')
    op.drop_table('gold_example')
    op.drop_table('gold_set')
