"""Logins of analysts, each bound to its tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('analyst',
    sa.Column('role_name', sa.Text(), nullable=False, comment='Name of the login in PostgreSQL'),
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant whose rows it sees'),
    sa.Column('name', sa.Text(), nullable=False, comment='Name that the operator gave'),
    sa.Column('sees_text', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Whether it sees texts and personal data'),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was made'),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=True, comment='When it ends by itself; null for never'),
    sa.Column('rotated_at', sa.DateTime(timezone=True), nullable=True, comment='When its password was last changed'),
    sa.CheckConstraint("role_name ~ '^analyst_' AND octet_length(role_name) <= 63", name=op.f('ck_analyst_role_name')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_analyst_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('role_name', name=op.f('pk_analyst')),
    sa.UniqueConstraint('tenant_id', 'name', name=op.f('uq_analyst_tenant_id_name')),
    comment='Logins of analysts: the tenant whose rows a login sees; without a row here it sees nothing',
    )


def downgrade() -> None:
    op.drop_table('analyst')
