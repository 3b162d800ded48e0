"""What confidences have turned out to be worth, and how far they were off as they were given."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('calibration',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('version', sa.Integer(), nullable=False, comment='Number within the tenant; analyses name it'),
    sa.Column('provider', sa.Text(), nullable=False, comment='built-in, openai, anthropic, ...'),
    sa.Column('model', sa.Text(), nullable=False, comment='Model, or version of the built-in rules'),
    sa.Column('field', sa.Text(), nullable=False, comment='Field whose confidence it is'),
    sa.Column('labels', sa.Integer(), nullable=False, comment='What people said that it was learnt of'),
    sa.Column('slope', sa.Double(), nullable=False, comment='Of log odds, from 0: 1 with an intercept of 0 leaves a confidence as it was given'),
    sa.Column('intercept', sa.Double(), nullable=False, comment='Added to them'),
    sa.Column('current', sa.Boolean(), server_default=sa.text('true'), nullable=False, comment='Whether analyses are stored by it'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was learnt'),
    sa.CheckConstraint('slope >= 0', name=op.f('ck_calibration_slope')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_calibration_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'version', 'provider', 'model', 'field', name=op.f('pk_calibration')),
    comment='What confidences have turned out to be worth, by who gave them and field; learnt each week of the review queue',
    )
    op.create_index('ix_calibration_current', 'calibration', ['tenant_id'], unique=False, postgresql_where=sa.text('current'))
    op.alter_column('evaluation', 'calibration_error', existing_type=sa.Double(), existing_nullable=True,
                    comment='Expected calibration error of the confidence as it is used, on what the review queue asked; null without that',
                    existing_comment='Expected calibration error of the confidence; null without one')
    op.add_column('evaluation', sa.Column('calibration_error_given', sa.Double(), nullable=True, comment='That of the confidence as it was given'))
    op.create_check_constraint(op.f('ck_evaluation_calibration_error_given'), 'evaluation', 'calibration_error_given BETWEEN 0 AND 1')


def downgrade() -> None:
    op.drop_column('evaluation', 'calibration_error_given')
    op.alter_column('evaluation', 'calibration_error', existing_type=sa.Double(), existing_nullable=True,
                    comment='Expected calibration error of the confidence; null without one')
    op.drop_table('calibration')
