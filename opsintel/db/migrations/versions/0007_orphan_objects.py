"""Objects without a reference are noted until their grace period is over."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('orphan_object',
    sa.Column('tenant_id', sa.Uuid(), nullable=False, comment='Tenant that owns the row; bound by row security'),
    sa.Column('object_key', sa.Text(), nullable=False, comment='Key in the object store'),
    sa.Column('found_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False, comment='When it was first found without a reference'),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenant.id'], name=op.f('fk_orphan_object_tenant_'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('tenant_id', 'object_key', name=op.f('pk_orphan_object')),
    comment='Objects that no row referred to when they were last listed; removed after the grace period',
    )


def downgrade() -> None:
    op.drop_table('orphan_object')
