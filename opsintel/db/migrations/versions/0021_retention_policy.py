"""Retention by kind of data."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tenant', sa.Column('payload_days', sa.Integer(), nullable=True, comment='Days that what providers sent is kept; null as long as the messages'))
    op.add_column('tenant', sa.Column('fact_days', sa.Integer(), nullable=True, comment='Days that counts are kept; null as long as the messages'))
    op.add_column('tenant', sa.Column('job_days', sa.Integer(), server_default=sa.text('90'), nullable=False, comment='Days that jobs are kept that have ended'))
    op.add_column('tenant', sa.Column('audit_days', sa.Integer(), server_default=sa.text('3650'), nullable=False, comment='Days that the audit log is kept at least'))
    op.create_check_constraint(op.f('ck_tenant_kept_days'), 'tenant', 'payload_days > 0 AND fact_days > 0 AND job_days > 0')
    op.create_check_constraint(op.f('ck_tenant_audit_days'), 'tenant', 'audit_days >= 365')


def downgrade() -> None:
    op.drop_constraint(op.f('ck_tenant_audit_days'), 'tenant', type_='check')
    op.drop_constraint(op.f('ck_tenant_kept_days'), 'tenant', type_='check')
    op.drop_column('tenant', 'audit_days')
    op.drop_column('tenant', 'job_days')
    op.drop_column('tenant', 'fact_days')
    op.drop_column('tenant', 'payload_days')
