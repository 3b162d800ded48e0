"""What a tenant lets go to models."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('tenant', sa.Column('sends_notes', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Policy: whether models read internal notes, which customers do not see'))
    op.add_column('tenant', sa.Column('local_only', sa.Boolean(), server_default=sa.text('false'), nullable=False, comment='Policy: whether no text leaves the machines that the operator names'))


def downgrade() -> None:
    op.drop_column('tenant', 'local_only')
    op.drop_column('tenant', 'sends_notes')
