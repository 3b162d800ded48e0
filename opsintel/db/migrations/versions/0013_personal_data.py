"""A tenant's policy for personal data in messages."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tenant', sa.Column('personal_data', sa.Text(), server_default=sa.text("'masked'"), nullable=False, comment='Policy: shown to who reads text; masked unless granted; or revealed one message at a time'))
    op.create_check_constraint(op.f('ck_tenant_personal_data'), 'tenant', "personal_data IN ('shown', 'masked', 'revealed')")


def downgrade() -> None:
    op.drop_column('tenant', 'personal_data')
